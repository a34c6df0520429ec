"""What app.py is asked: for every endpoint, which is a kind under a rule, at most ten requests."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

REQUESTS: list[dict[str, Any]] = []

Headers = list[tuple[str, str]]
JSON_TYPE = ("Content-Type", "application/json")


def ask(
    rule: str,
    what: str,
    method: str,
    path: str,
    headers: Headers | None = None,
    body: str | bytes | None = None,
) -> None:
    """`headers` are Latin-1, as HTTP's are; Host and Content-Length are the client's to add."""
    request = {
        "name": f"{rule}: {what}",
        "method": method,
        "path": path,
        "headers": [list(header) for header in headers or []],
    }
    if isinstance(body, bytes):
        try:
            request["body"] = body.decode()
        except UnicodeDecodeError:
            request["body_base64"] = base64.b64encode(body).decode()
    elif body is not None:
        request["body"] = body
    REQUESTS.append(request)


def shown(text: str) -> str:
    text = text.replace("\n", "\\n")
    return text if len(text) <= 60 else f"{text[:50]}... of {len(text)}"


def in_path(rule: str, *texts: str) -> None:
    for text in texts:
        ask(f"path/{rule}", shown(text), "GET", f"/path/{rule}/{quote(text, safe='')}")


def in_query(rule: str, *queries: str | None) -> None:
    """A query with "=" is taken as it is, others are the text of `value`."""
    for query in queries:
        if query is None:
            ask(f"query/{rule}", "none", "GET", f"/query/{rule}")
        elif "=" in query or "&" in query:
            ask(f"query/{rule}", shown(query), "GET", f"/query/{rule}?{query}")
        else:
            ask(
                f"query/{rule}",
                shown(f"value={query}"),
                "GET",
                f"/query/{rule}?value={quote(query, safe='')}",
            )


def in_header(rule: str, *texts: str | None | Headers) -> None:
    """A text is that of x-value."""
    for text in texts:
        headers = text if isinstance(text, list) else [] if text is None else [("X-Value", text)]
        what = ", ".join(f"{name}={value}" for name, value in headers) or "none"
        ask(f"header/{rule}", shown(what), "GET", f"/header/{rule}", headers)


def in_cookie(rule: str, *cookies: str | None) -> None:
    for cookie in cookies:
        headers = [] if cookie is None else [("Cookie", cookie)]
        ask(f"cookie/{rule}", shown(str(cookie)), "GET", f"/cookie/{rule}", headers)


def in_body(rule: str, *bodies: Any, method: str = "POST") -> None:
    """A text is sent as it is, anything else as JSON of it."""
    for body in bodies:
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        ask(f"body/{rule}", shown(text), method, f"/body/{rule}", [JSON_TYPE], text)


def values(rule: str, *texts: str) -> None:
    """JSON texts, each as the `value` of a body."""
    in_body(rule, *(f'{{"value": {text}}}' for text in texts))


# ---- one value: path ----------------------------------------------------------------------------

in_path("bool", "true", "0", "Off", "2", "truE", " yes")
in_path("int", "42", "-7", "+3", "007", "1.0", "1.5", "1e3", "9223372036854775807", "abc", " 5 ")
in_path("int-ge-le", "1", "100", "0", "101", "x")
in_path("int-64", "-9223372036854775808", "9223372036854775808", "1_000", "-0", "0x10")
in_path("float", "1.5", "-0.0", "1e3", ".5", "5.", "inf", "nan", "1e400", "1,5", "1_0.5")
in_path("decimal", "1.50", "-0", "1E+3", "abc", "0.1000000000000000055511151231257827")
in_path("str-length", "ab", "a", "abcdef", "äöüß", "a b", "日本語日本語")
in_path("str-pattern", "abc", "a-b-c", "A", "a--b", "a\n")
in_path("enum", "open", "in-transit", "in_transit", "OPEN", "open ")
in_path("enum-int", "1", "5", "2", "normal", "1.0", "05")
in_path(
    "uuid",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "6BA7B8109DAD11D180B400C04FD430C8",
    "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}",
    "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c",
    "zba7b810-9dad-11d1-80b4-00c04fd430c8",
)
in_path("datetime", "2026-02-28T23:59:59Z", "2026-02-30T00:00:00Z", "1700000000", "now")
in_path("date", "2026-02-28", "2026-02-29", "2026-2-8", "2026-02-28T00:00:00", "0")
ask("path/two", "both fit", "GET", "/path/two/3/with/paid")
ask("path/two", "the first does not", "GET", "/path/two/0/with/paid")
ask("path/two", "the second does not", "GET", "/path/two/3/with/nothing")
ask("path/two", "neither does", "GET", "/path/two/three/with/4")
ask("path/two", "percent-encoded", "GET", "/path/two/%31%32/with/in%2Dtransit")
ask("path/two", "an empty one", "GET", "/path/two//with/paid")

# ---- one value: query ---------------------------------------------------------------------------

in_query("bool", "true", "on", "N", "TRUE", "2", "", None, "value=1&value=0", "value", "y")
in_query("int", "0", "-1", "12345678901234567890123", "1.0", "1.", "", "１２", "value=+5", None)
in_query("int-ge-le", "1", "100", "0", "101", "5.0", "many", None)
in_query("int-gt-lt", "1", "9", "0", "10", "-3")
in_query("int-multiple", "10", "0", "-5", "7", "5.5")
in_query(
    "int-64",
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808"),
    *("-9223372036854775809", "0000000000000000000000000012", "--1"),
)
in_query(
    "float", "3.14", "1e-7", "1e16", "Infinity", "-inf", "0.1", "123456789012345680", "", "1e", "1d"
)
in_query("float-ge-le", "-90", "90.0", "90.0000001", "-91", "nan")
in_query("float-gt-lt", "1e-300", "1.4999", "0", "-0.0", "1.5", "inf")
in_query("decimal", "1.10", "1e-10", "NaN", "Infinity", "1_000.5", "", "00.50", "+7", "1E400")
in_query("decimal-ge-lt", "0.01", "0.009", "999.999", "1000", "1e3")
in_query("decimal-digits", "1234.56", "12345.6", "1.234", "1234567", "0.10", "100000.00", "1e5")
in_query(
    "str",
    "text",
    "",
    "value=a%20b%26c%3Dd",
    "ü 😀",
    "value=a+b%20c",
    "value=%ff",
    None,
    "value=a;b",
)
in_query("str-length", "ab", "abcde", "a", "abcdef", "ééé", "😀", "")
in_query("str-pattern", "a-b", "a-", "é", "", "ab cd")
in_query("enum", "open", "in-transit", "Open", "", None)
in_query("enum-int", "10", "11", "1.0", "low", "+1")
in_query(
    "uuid",
    *("00000000-0000-0000-0000-000000000000", "6ba7b810-9dad-11d1-80b4-00c04fd430c8 "),
    *("6ba7b810-9dad-11d1-80b4-00c04fd430c8a", "6ba7b810_9dad-11d1-80b4-00c04fd430c8", "x", ""),
)
in_query(
    "datetime",
    *("2026-11-26T08:30:00", "2026-11-26T08:30:00.123456789Z", "2026-11-26 08:30:00-05:30"),
    *("2026-11-26", "2026-13-01T00:00:00Z", "2026-11-26T24:00:00Z", "2026-11-26T08:30:60Z"),
    *("-1", "1700000000123.5", "2026-11-26T08:30Z"),
)
in_query(
    "date",
    *("2026-11-26", "2026-11-31", "0000-01-01", "20261126", "2026-11-26T00:00:01Z", "86400"),
    *("86401", "tomorrow", "2024-02-29"),
)
in_query(
    "duration",
    *("P1DT2H3M4S", "PT0.5S", "-P1D", "1 day 02:03:04", "02:03:04.5", "90", "P1Y", "PT", "1h"),
    "25:00",
)
in_query(
    "email",
    *("ada@example.com", "Ada@EXAMPLE.com", "ada", "ada@", "@example.com", "a..b@example.com"),
    *("ada@localhost", "Ada <ada@example.com>", "ada@exa mple.com", "ü@bücher.example.com"),
)
in_query(
    "url",
    *(
        "https://example.com",
        "value=HTTP%3A//Example.COM%3A80/A%20b?q=1%23f",
        "ftp://example.com",
        "example.com",
    ),
    *(
        "http://",
        "http://exa mple.com/",
        "http://user:pw@example.com:8080/x",
        "http://bücher.example/",
    ),
    *("http://[::1]/", "http://example.com:99999/"),
)
in_query("list", "value=1", "value=1&value=2&value=3", "value=1&value=x&value=2.5", None, "value=")
in_query("list-length", "value=1", "value=1&value=2", "value=1&value=2&value=3&value=4", "value=x")
in_query("list-str", "value=ab&value=cd", "value=a&value=bc&value=", "value=ab%2Ccd")
in_query("list-enum", "value=open&value=paid", "value=open&value=lost", "value=in-transit")
in_query(
    "default",
    None,
    "limit=5&status=paid",
    "limit=0",
    "limit=&status=",
    "limit=500&status=x",
    "other=1",
)
in_query(
    "optional",
    None,
    "limit=1",
    "limit=0&status=gone",
    "limit=&status=",
    "limit=null",
    "status=paid",
)
in_query("alias", "sort-by=name&class=x", "sort_by=name", "sort-by=", "sort-by=a&kind=b")
in_query("list-default", None, "tag=x&tag=y", "tag=x&tag=y&tag=z", "id=1&id=2", "id=a&tag=", "id=")
in_query(
    "model",
    *(None, "limit=5&offset=10&order_by=updated_at", "limit=0&offset=-1&order_by=id"),
    *("tags=a&tags=b", "limit=abc", "unknown=1", "limit=1&limit=2", "limit=101&unknown=1"),
)
in_query(
    "model-forbid",
    *("limit=10", "limit=10&offset=1", "limit=10&unknown=1", "limit=0&b=2&a=1", "a=1", None),
    "limit=10&Limit=10",
)

# ---- one value: header --------------------------------------------------------------------------

in_header("bool", "true", "off", "maybe", "")
in_header("int-ge-le", "50", "0", "1 2", None)
in_header("float", "2.5", "1e2", "two")
in_header("str-length", "abc", "a", "abcdef", "é")
in_header("enum", "paid", "Paid", None)
in_header("uuid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810")
in_header("datetime", "2026-11-26T08:30:00Z", "Thu, 26 Nov 2026 08:30:00 GMT")
in_header(
    "list",
    [("X-Value", "1"), ("x-value", "2")],
    [("X-Value", "1, 2")],
    [("X-Value", "a"), ("X-Value", "3"), ("X-Value", "b")],
    None,
)
in_header(
    "required",
    [("X-Request-Token", "abc")],
    [("x_request_token", "abc")],
    [("X-REQUEST-TOKEN", "")],
    [("X-Request-Token", "one"), ("X-Request-Token", "two")],
    None,
)
in_header(
    "optional",
    None,
    [("X-Depth", "3"), ("User-Agent", "curl/8")],
    [("X-Depth", "-1")],
    [("X-Depth", "")],
)
in_header(
    "alias",
    [("Content-Type", "text/plain; charset=utf-8")],
    [("content-type", "application/json")],
    None,
    [("kind", "text/plain")],
)

in_header(
    "model",
    [("X-Depth", "1"), ("X-Tags", "a"), ("X-Tags", "b"), ("X-Mode", "paid")],
    [("X-Depth", "-1"), ("X-Mode", "none")],
    [("X-Tags", "a")],
    [("X-Depth", "2"), ("X-Unknown", "3")],
)

# ---- one value: cookie --------------------------------------------------------------------------

in_cookie("bool", "value=true", "value=2", "other=true", None)
in_cookie("int-ge-le", "value=7", "a=1; value=101; b=2", "value=", "value=1; value=2", 'value="7"')
in_cookie("decimal", "value=1.50", "value=1,5", "value")
in_cookie("str-pattern", "value=a-b", "value=A", "value=a%2Db", "value = ab")
in_cookie("enum", "value=open", "value=gone", "Value=open")
in_cookie("date", "value=2026-11-26", "value=26.11.2026")
in_cookie("optional", None, "session=abc; depth=0", "session=123456789; depth=-1", "session=")
in_cookie("alias", "session-id=abc", "session=abc", "session-id=a=b")

in_cookie("model", "token=abc", "token=a; depth=x", "depth=1", "token=abc; other=1", None)

# ---- one value: JSON ----------------------------------------------------------------------------

values("bool", "true", "false", "1", "0", '"yes"', '"maybe"', "2", "null", "1.0", "[]")
values("int", "42", "42.0", "42.5", '"42"', '"4.0"', "true", "null", '""', "1e3", "{}")
values("int-ge-le", "1", "100", "0", "101", "1.5", '"50"', '"0"')
values("int-gt-lt", "9", "0", "10", "-1")
values("int-multiple", "5", "-10", "3", "0", '"15"')
values(
    "int-64",
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "1e19", "1e18"),
    "123456789012345678901234567890",
)
values("float", "1.5", "3", '"2.5"', "true", '"abc"', "null", "1e400", "NaN", "-Infinity", "1e16")
values("float-ge-le", "-90", "90.5", "-90.5", "90", '"91"')
values("float-gt-lt", "0", "1.5", "0.1", "-1", "1.4999999999999999")
values("decimal", "1.10", '"1.10"', "100", '"abc"', "true", "null", "1e-7", '"NaN"', "NaN", "[1]")
values("decimal-ge-lt", "0.01", '"0.001"', "1000", '"999.9999"', "-1")
values("decimal-digits", "1234.56", '"1.001"', '"1234567"', '"99999.99"', "0.1")
values("str", '"text"', '""', "1", "true", "null", '"ü\\u00fc\\n"', "[]", "{}", "1.5")
values("str-length", '"ab"', '"a"', '"abcdef"', '"😀😀"', '"\\ud83d\\ude00"', "12")
values("str-pattern", '"abc-d"', '"abc-"', '""', '"ab\\n"', "null")
values("enum", '"open"', '"in-transit"', '"in_transit"', "1", "null", '["open"]')
values("enum-int", "1", "10", "2", '"5"', "5.0", "true", '"low"', "null")
values(
    "uuid",
    *('"6ba7b810-9dad-11d1-80b4-00c04fd430c8"', '"6BA7B8109DAD11D180B400C04FD430C8"'),
    *('"6ba7b810-9dad-11d1-80b4"', "1", "null", '"6ba7b810-9dad-11d1-80b4-00c04fd430cg"'),
)
values(
    "datetime",
    *('"2026-11-26T08:30:00Z"', '"2026-11-26T08:30:00.120+02:00"', '"2026-11-26T08:30:00,5"'),
    *('"yesterday"', "1700000000", "1700000000.25", "-5", "true", "null", '"2026-11-26T25:00:00"'),
)
values("date", '"2026-11-26"', '"2026-1-1"', "0", "86400", "1.5", "null", '"2026-11-26T00:00:00"')
values(
    "duration",
    '"P2DT3S"',
    '"PT1.000001S"',
    "90",
    "1.5",
    '"-PT1H"',
    '"one"',
    "null",
    "-0.5",
    '"P1W"',
)
values(
    "email",
    *('"ada@example.com"', '"ada"', "1", "null", '"ada@example"', '""', '"a@b@example.com"'),
    '"ada+tag@Sub.Example.com"',
)
values(
    "url",
    *('"https://example.com/a?b=c"', '"mailto:ada@example.com"', '"/relative"', "1", "null", '""'),
    '"https://example.com"',
)
values("list", "[1, 2]", "[]", '[1, "x", null, 2.5]', '"1"', "null", '{"0": 1}', "1", '["7"]')
values(
    "list-length",
    *("[1]", "[1, 2]", "[1, 2, 3, 4]", "[]", '["x"]', '["a", "b", "c", "d"]', '[1, 2, 3, "x"]'),
)
values("list-str", '["ab", "cd"]', '["a", 1, "bc", ""]', '"ab"')
values("list-enum", '["open", "paid"]', '["open", "x", 1]', "[]")
values(
    "dict",
    '{"a": 1}',
    "{}",
    '{"a": "x", "b": null, "c": 1}',
    "[]",
    "null",
    '{"": 1}',
    '{"a": 1, "a": 2}',
)
values(
    "dict-length",
    '{"a": 1.5}',
    "{}",
    '{"a": 1, "b": 2, "c": 3}',
    '{"a": 0, "b": -1}',
    '{"a": 1, "b": 0, "c": "x"}',
)

# ---- JSON bodies --------------------------------------------------------------------------------

ITEM = {"sku": "A-1", "quantity": 2, "price": 9.5}
in_body(
    "item",
    *(ITEM, {"sku": "A-1", "price": 1}, {}, {"sku": "", "quantity": 0, "price": 0}),
    *({"sku": 1, "quantity": "x", "price": None}, "[]", "null", '"text"', "5"),
    {"sku": "A", "price": "3.5", "unknown": True},
)
in_body(
    "order",
    {"reference": "R-1", "email": "ada@example.com", "items": [ITEM]},
    {
        "reference": "R-1",
        "email": "ada@example.com",
        "note": None,
        "status": "paid",
        "items": [ITEM],
    },
    {"reference": "R", "email": "ada", "status": "lost", "note": "x" * 11, "items": []},
    {"reference": "R-1", "email": "ada@example.com", "items": [ITEM, {"sku": "B"}, 3, None]},
    {"reference": "R" * 21, "items": {"sku": "A"}},
    {"items": [{"price": -1}]},
)
in_body("list-of-models", [ITEM], [], [{}], ITEM, [ITEM, {"sku": "B", "price": 0}, "x"], "null")
in_body("dict-of-models", {"a": ITEM}, {"a": {}, "b": 1}, [], {})
in_body(
    "default",
    *({}, {"count": 0, "status": "x"}, {"name": None, "tags": None}),
    {"name": "n", "count": 1, "ratio": 2, "status": "in-transit", "tags": []},
)
in_body(
    "optional",
    *({}, {"note": None, "count": None, "item": None}, {"note": "a", "count": "x", "item": 1}),
    *({"item": {}}, {"note": "ab", "count": "3"}),
)
in_body(
    "nullable",
    *({}, {"note": None, "count": None}, {"note": None}, {"note": 1, "count": -1}),
    {"note": "a", "count": 0},
)
in_body(
    "patch",
    *({}, {"note": None}, {"status": "paid"}, {"note": "a", "status": None}, {"status": "x"}),
    {"unknown": 1},
    method="PATCH",
)
in_body(
    "alias",
    {"orderId": 1},
    {"order_id": 1},
    {"orderId": "x", "class": 1},
    {"orderId": 1, "class": "c", "kind": "k"},
)
in_body(
    "forbid",
    *({"name": "n"}, {"name": "n", "b": 1, "a": [2]}, {"b": 1}, {"name": 1, "x": None}),
    {"name": "n", "item": {"sku": "A", "price": 1, "unknown": 1}},
)
in_body(
    "inherited",
    {"id": 1, "extra": True},
    {},
    {"id": 0, "name": "x", "extra": "maybe"},
    {"extra": False, "name": "nm", "id": 2},
)
in_body(
    "nested",
    {"inner": {"depth": 1}},
    {"inner": {"depth": 1, "leaf": {"k": [ITEM]}}, "others": [{"depth": "2"}]},
    {"inner": {"depth": "x", "leaf": {"k": [ITEM, {"sku": ""}], "l": 1}}, "others": [{}, None]},
    {"inner": [], "others": {}},
    {"inner": None},
)
in_body(
    "union",
    {"payment": {"method": "card", "number": "1234"}},
    {"payment": {"method": "wire", "iban": "DE00", "amount": "1.50"}},
    {"payment": {"method": "card", "number": "12"}},
    {"payment": {"method": "transfer", "amount": 0}},
    *({"payment": {"method": "cash"}}, {"payment": {}}, {"payment": None}, {"payment": []}, {}),
    {"payment": {"method": 1}},
)
in_body(
    "validator",
    *({"first": 1, "last": 2}, {"first": 3, "last": 2}, {"first": -1, "last": 2}),
    *({"first": 101, "last": 100}, {"first": 5}),
)
in_body(
    "validator-nested",
    {"intervals": [{"first": 2, "last": 1}, {"first": 1, "last": 2}, {"first": 9, "last": 0}]},
    {"whole": {"first": 2, "last": 1}},
    {"intervals": [{"first": "x", "last": 1}], "whole": {"first": 2, "last": 1}},
)
in_body("may-be-missing", "", "null", ITEM, {}, "false")

# ---- everything at once -------------------------------------------------------------------------


def mixed(what: str, path: str, headers: Headers, body: Any) -> None:
    ask("mixed", what, "POST", path, [JSON_TYPE, *headers], json.dumps(body))


FITTING: Headers = [("X-Depth", "1"), ("Cookie", "session=2")]
mixed("all fit", "/mixed/1?limit=2&page=3", FITTING, ITEM)
mixed("none fits", "/mixed/a?limit=b&page=c", [("X-Depth", "d"), ("Cookie", "session=e")], [])
mixed("none is there", "/mixed/1", [], {})
mixed("the dependency's does not fit", "/mixed/1?limit=2&page=0", FITTING, ITEM)
mixed("the body does not fit", "/mixed/1?limit=2", FITTING, {"price": 0})
mixed("path and body do not fit", "/mixed/x?limit=2", FITTING, {})
mixed("the query does not fit", "/mixed/1?limit=11", FITTING, ITEM)
ask("mixed", "nothing fits, and the body is no JSON", "POST", "/mixed/x", [JSON_TYPE], "{")

# ---- JSON texts ---------------------------------------------------------------------------------


def texts(rule: str, *bodies: str | bytes) -> None:
    for number, body in enumerate(bodies, 1):
        what = repr(body)[1 if isinstance(body, str) else 2 : -1]
        ask(f"json/{rule}", f"{number} {shown(what)}", "POST", f"/json/{rule}", [JSON_TYPE], body)


texts(
    "syntax",
    "{",
    '{"text"',
    '{"text":',
    '{"text": "a"',
    '{"text": "a",}',
    '{"text" "a"}',
    "{text: 1}",
    "{'text': 1}",
    '{"text": "a"} x',
    '{,"text": "a"}',
)
texts(
    "structure",
    "[",
    "[1",
    "[1,]",
    "[1 2]",
    "]",
    '{"text": [}',
    "",
    "   ",
    '{"text": "a"}\n\n',
    '{"text": "a"}{}',
)
texts(
    "literals",
    '{"text": tru}',
    '{"text": True}',
    '{"text": nul}',
    '{"text": undefined}',
    "nulll",
    "// c\n{}",
    "\ttrue",
    '{"text": +1}',
)
texts(
    "strings",
    '{"text": "a',
    '{"text": "a\nb"}',
    '{"text": "a\tb"}',
    '{"text": "\x00"}',
    '{"text": "\x7f\u2028"}',
    '{"a\n": 1}',
    "{\n  \"text\": 'a'\n}",
    '{"text": "é😀" x}',
)
texts(
    "escapes",
    '{"text": "\\x"}',
    '{"text": "\\u12"}',
    '{"text": "\\u12g4"}',
    '{"text": "\\ud83d\\ude00"}',
    '{"text": "\\ud83d"}',
    '{"text": "\\ude00\\ud83d"}',
    '{"text": "\\u0000"}',
    '{"text": "\\/\\b\\f"}',
    '{"text": "a\\',
    '{"text": "\\ud800", "number": "x"}',
)
texts(
    "numbers",
    '{"text": 01}',
    '{"text": "a", "number": 1.}',
    '{"text": "a", "number": .5}',
    '{"text": "a", "number": 1e}',
    '{"text": "a", "number": -}',
    '{"text": "a", "number": 1e999}',
    '{"text": "a", "number": Infinity}',
    '{"text": "a", "number": -0.0}',
    '{"text": "a", "number": 0.1e1, "x": 1E5}',
    '{"text": "a", "number": "1e999"}',
)
texts(
    "encoding",
    b'{"text": "\xff"}',
    b'{"text": "\xc3"}',
    b'\xef\xbb\xbf{"text": "a"}',
    '{"text": "a"}'.encode("utf-16"),
    b'{"text": "\xed\xa0\x80"}',
    b"\xff\xfe",
    b'{"text": "\xc0\xaf"}',
    '{"text": "ü"}'.encode("latin-1"),
    b'{"text": "\xf4\x90\x80\x80"}',
)


def deep(what: str, body: str) -> None:
    ask("json/deep", what, "POST", "/json/deep", [JSON_TYPE], body)


def tree(depth: int) -> str:
    return '{"children": [' * (depth - 1) + "{}" + "]}" * (depth - 1)


for depth in (1, 3, 100, 200):
    deep(f"{depth} trees", tree(depth))
deep("150 arrays", '{"children": ' + "[" * 150 + "]" * 150 + "}")
deep("an unfit leaf", '{"children": [{"children": [{"children": 1}]}]}')
deep("20000 arrays", "[" * 20000)
for what, text in {
    "twice": '{"a": 1, "a": 2}',
    "unfit first": '{"a": "x", "a": 2}',
    "unfit last": '{"a": 1, "a": "x"}',
    "escaped": '{"a": 1, "\\u0061": 3}',
    "the first one's place": '{"b": 1, "a": 2, "b": 3}',
}.items():
    ask("json/duplicates", what, "POST", "/json/duplicates", [JSON_TYPE], text)

# ---- content types ------------------------------------------------------------------------------

for content_type in [
    *("application/json; charset=utf-8", "application/vnd.api+json", "APPLICATION/JSON"),
    *("text/plain", "application/xml", "application/x-www-form-urlencoded", "json", "application/"),
    "application/jsonx",
]:
    ask(
        "content/type",
        content_type,
        "POST",
        "/content/type",
        [("Content-Type", content_type)],
        '{"text": "a"}',
    )
ask("content/type", "none", "POST", "/content/type", [], '{"text": "a"}')
ask("content/body", "none at all", "POST", "/content/body")
ask("content/body", "empty", "POST", "/content/body", [JSON_TYPE], "")
ask("content/body", "null", "POST", "/content/body", [JSON_TYPE], "null")
ask("content/body", "an array", "POST", "/content/body", [JSON_TYPE], '["text"]')
ask("content/body", "false", "POST", "/content/body", [JSON_TYPE], "false")
ask("content/body", "text, no type", "POST", "/content/body", [], "text")
ask(
    "content/body",
    "text as text",
    "POST",
    "/content/body",
    [("Content-Type", "text/plain")],
    "text",
)
ask(
    "content/body",
    "not UTF-8, as text",
    "POST",
    "/content/body",
    [("Content-Type", "text/plain")],
    b"\xff\xfe",
)
ask(
    "content/body",
    "a form",
    "POST",
    "/content/body",
    [("Content-Type", "application/x-www-form-urlencoded")],
    "text=a",
)
ask(
    "content/body",
    "with a GET's type",
    "POST",
    "/content/body",
    [("Accept", "text/html"), JSON_TYPE],
    "[]",
)

# ---- responses ----------------------------------------------------------------------------------

for rule in ["filtered", "missing", "without-none", "nothing"]:
    ask(f"response/{rule}", "GET", "GET", f"/response/{rule}")
for query in ["", "?count=0", "?count=x"]:
    ask("response/list", f"GET{query}", "GET", f"/response/list{query}")
for body in [ITEM, {"sku": "A"}, {"sku": "B", "price": "2"}]:
    ask(
        "response/created",
        json.dumps(body),
        "POST",
        "/response/created",
        [JSON_TYPE],
        json.dumps(body),
    )
for id in ["7", "0", "x"]:
    ask("response/no-content", id, "DELETE", f"/response/no-content/{id}")
for id in ["1", "2", "x"]:
    ask("response/status", id, "GET", f"/response/status/{id}")
for path in [
    "404",
    "418?detail=object",
    "400?detail=list",
    "401?detail=null",
    "503",
    "599",
    "399",
    "x",
]:
    ask("response/error", path, "GET", f"/response/error/{path}")
for query in ["", "?reason=none%20at%20all"]:
    ask("response/own-exception", f"GET{query}", "GET", f"/response/own-exception{query}")
for query in ["", "?status=303", "?status=301", "?status=x"]:
    ask("response/redirect", f"GET{query}", "GET", f"/response/redirect{query}")
for query in ["?name=Ada", "?name=%C3%BC", ""]:
    ask("response/text", f"GET{query}", "GET", f"/response/text{query}")

# ---- dependencies and authentication ------------------------------------------------------------


def authorize(rule: str, *credentials: str | None, header: str = "Authorization") -> None:
    for text in credentials:
        headers = [] if text is None else [(header, text)]
        ask(
            f"auth/{rule}",
            "none" if text is None else text or "empty",
            "GET",
            f"/auth/{rule}",
            headers,
        )


def encoded(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


authorize(
    "bearer",
    None,
    "Bearer secret",
    "bearer secret",
    "Bearer wrong",
    "Bearer",
    "Basic YTpi",
    "",
    "Bearer  secret",
    "Token secret",
)
authorize("bearer-optional", None, "Bearer abc", "Basic YTpi", "Bearer")
authorize(
    "basic",
    None,
    encoded(b"ada:pw"),
    encoded(b"ada:p:w"),
    encoded(b"ada"),
    "Basic ***",
    "Bearer abc",
    "Basic",
    encoded(b":"),
    encoded(b"\xff:a"),
    "basic YTpi",
)
authorize("key-header", None, "k1", "", header="X-API-Key")
for query in ["", "?api_key=k1", "?api_key=", "?api_key=a&api_key=b"]:
    ask("auth/key-query", query or "none", "GET", f"/auth/key-query{query}")
for cookie in [None, "key=k1", "key=", "Key=k1"]:
    ask(
        "auth/key-cookie",
        str(cookie),
        "GET",
        "/auth/key-cookie",
        [("Cookie", cookie)] if cookie else [],
    )
authorize("oauth2", None, "Bearer abc", "Basic YTpi", "Bearer", "bearer a b")

SECRET = ("Authorization", "Bearer secret")
for what, headers, path, body in [
    ("all fit", [SECRET], "1", ITEM),
    ("no credentials, unfit body", [], "1", {}),
    ("wrong credentials, unfit path and body", [("Authorization", "Bearer x")], "x", {}),
    ("credentials, unfit path and body", [SECRET], "x", {}),
]:
    ask(
        "auth/and-body",
        what,
        "POST",
        f"/auth/and-body/{path}",
        [JSON_TYPE, *headers],
        json.dumps(body),
    )
ask("auth/and-body", "no credentials, no JSON", "POST", "/auth/and-body/1", [JSON_TYPE], "{")
ask("auth/nested", "all fit", "GET", "/auth/nested?limit=3", [SECRET, ("X-Tenant", "5")])
ask("auth/nested", "no credentials", "GET", "/auth/nested?limit=x", [("X-Tenant", "0")])
ask("auth/nested", "nothing else fits", "GET", "/auth/nested?limit=x", [SECRET, ("X-Tenant", "0")])
ask("auth/nested", "no tenant", "GET", "/auth/nested", [SECRET])

ask("dependency/once", "GET", "GET", "/dependency/once")
for fail in ["nowhere", "begin", "work", "commit", "commit, own exception"]:
    ask("dependency/cleanup", fail, "POST", f"/dependency/cleanup?fail={quote(fail)}")

# ---- forms --------------------------------------------------------------------------------------

URLENCODED = ("Content-Type", "application/x-www-form-urlencoded")
MULTIPART = ("Content-Type", "multipart/form-data; boundary=B")


def form(rule: str, what: str, body: str | bytes | None, *headers: tuple[str, str]) -> None:
    path = {"survey": "/form/survey/1", "multipart": "/form/login"}.get(rule, f"/form/{rule}")
    ask(f"form/{rule}", what, "POST", path, list(headers), body)


def urlencoded(rule: str, *bodies: str | bytes) -> None:
    for body in bodies:
        form(rule, shown(body if isinstance(body, str) else repr(body)[2:-1]), body, URLENCODED)


def part(disposition: str, content: str | bytes = "", *more: str) -> bytes:
    """A part of a multipart body, with the boundary in front of it."""
    head = "".join(
        f"{line}\r\n" for line in [f"Content-Disposition: form-data; {disposition}", *more]
    )
    data = content.encode() if isinstance(content, str) else content
    return f"--B\r\n{head}\r\n".encode() + data + b"\r\n"


def multipart(rule: str, what: str, *parts: bytes, end: bytes = b"--B--\r\n") -> None:
    form(rule, what, b"".join(parts) + end, MULTIPART)


urlencoded(
    "login",
    "username=ada&password=secret",
    "username=ada&password=&remember=on&attempts=3",
    "username=a&remember=maybe&attempts=0",
    "",
    "password=%C3%BC+%26%3D%25&username=J%FCrgen&other=1",
    "username=ada&username=eve&password=x",
    "username&password==a=b&attempts=",
    "&&username=ada&&password=x&",
    "username=%61da&password=%zz%4",
)
form("login", "no content type", "username=ada&password=secret")
form("login", "as JSON", '{"username": "ada"}', JSON_TYPE)
form("login", "nothing at all", None)
form(
    "login",
    "with a charset",
    "username=ada&password=x",
    ("Content-Type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8"),
)
NAME, PASSWORD = part('name="username"', "ada"), part('name="password"', "a\r\nb")
multipart("login", "multipart", NAME, PASSWORD)
multipart("login", "a password that is a file", NAME, part('name="password"; filename="x"', "y"))

urlencoded(
    "survey",
    "answers=1&answers=2&full-name=Ada+L&status=paid&day=2026-01-02",
    "answers=1&answers=x&answers=&full-name=Ada&status=lost",
    "full-name=Ada&full_name=Eve&other=1&other=2",
    "answers=5&full-name=",
)
ask(
    "form/survey",
    "path and query do not fit either",
    "POST",
    "/form/survey/x?limit=0",
    [URLENCODED],
    "answers=x",
)

urlencoded("may-be-empty", "", "note=&tags=", "tags=a&tags=b&note=x")

TEXT = "Content-Type: text/plain"
A_FILE = part('name="file"; filename="a.txt"', "hello", TEXT)
A_NAME = part('name="name"', "ada")
multipart("avatar", "a name and a file", A_NAME, A_FILE)
multipart("avatar", "nothing")
multipart("avatar", "the file is text", A_NAME, part('name="file"', "hello"))
multipart("avatar", "the name is a file", part('name="name"; filename="n"', "ada"), A_FILE)
multipart("avatar", "an empty file field", A_NAME, part('name="file"; filename=""', "", TEXT))
multipart("avatar", "two files", A_NAME, A_FILE, part('name="file"; filename="b"', "b"))
multipart(
    "avatar",
    "more headers",
    A_NAME,
    part('name="file"; filename="a"', b"\x00\xff\r\n--", TEXT, "X-Depth: 1", "x-depth: 2"),
)
for what, filename in [
    ("an escaped quote", r'"a\"b.txt"'),
    ("as browsers escape", '"a%22b%0D%0A.txt"'),
    ("without quotes", "a.txt"),
    ("a path", '"../../etc/passwd"'),
    ("a path of Windows", r'"C:\Users\ada\a.txt"'),
    ("UTF-8", '"ü€.txt"'),
]:
    multipart(
        "avatar", f"a name: {what}", A_NAME, part(f'name="file"; filename={filename}', "hello")
    )
multipart(
    "avatar",
    "a name: in Latin-1",
    A_NAME,
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="\xfc"\r\n\r\nhello\r\n',
)
multipart(
    "avatar",
    "a name: RFC 5987",
    A_NAME,
    part("name=\"file\"; filename*=UTF-8''%e2%82%ac.txt", "hello"),
)
multipart(
    "avatar",
    "a name: both",
    A_NAME,
    part("name=\"file\"; filename=\"a.txt\"; filename*=UTF-8''%e2%82%ac.txt", "hello"),
)
urlencoded("avatar", "name=ada&file=hello")

multipart("album", "one file", part('name="files"; filename="a"', "1"))
multipart(
    "album",
    "files and a cover",
    part('name="title"', "t"),
    *(part(f'name="files"; filename="{name}"', name, TEXT) for name in "ab"),
    part('name="cover"; filename="c"', "c"),
)
multipart("album", "no file", part('name="title"', "t"))
multipart("album", "too many", *(part('name="files"; filename="a"', "1") for _ in range(4)))
multipart(
    "album", "text among files", part('name="files"; filename="a"', "1"), part('name="files"', "x")
)
multipart("album", "an empty cover", A_FILE, part('name="cover"; filename=""'))

multipart("multipart", "nothing but the end")
for what, headers in [
    ("no boundary", "multipart/form-data"),
    ("an empty boundary", "multipart/form-data; boundary="),
    ("a quoted boundary", 'multipart/form-data; boundary="B"'),
    ("another boundary", "multipart/form-data; boundary=C"),
    ("a boundary of 71", "multipart/form-data; boundary=" + "B" * 71),
    ("Latin-1", "multipart/form-data; boundary=B; charset=latin-1"),
    ("an unknown charset", "multipart/form-data; boundary=B; charset=none"),
    ("upper case", "MULTIPART/FORM-DATA; Boundary=B"),
    ("another type", "multipart/mixed; boundary=B"),
]:
    form("multipart", f"type: {what}", NAME + PASSWORD + b"--B--\r\n", ("Content-Type", headers))
for what, body in [
    ("empty", b""),
    ("no end", NAME + PASSWORD),
    ("an end without a line", NAME + PASSWORD + b"--B--"),
    ("an epilogue", NAME + PASSWORD + b"--B--\r\nand more\r\n--B\r\n"),
    ("a preamble", b"hello\r\n" + NAME + PASSWORD + b"--B--\r\n"),
    ("an empty line before it", b"\r\n" + NAME + PASSWORD + b"--B--\r\n"),
    ("line feeds only", (NAME + PASSWORD + b"--B--\r\n").replace(b"\r\n", b"\n")),
    ("no headers", b"--B\r\n\r\nada\r\n--B--\r\n"),
    ("no name", part('x="username"', "ada") + b"--B--\r\n"),
    ("no disposition", b"--B\r\nContent-Type: text/plain\r\n\r\nada\r\n--B--\r\n"),
    ("a header without a colon", b"--B\r\nnonsense\r\n\r\nada\r\n--B--\r\n"),
    ("a NUL in a header", part('name="user\0name"', "ada") + b"--B--\r\n"),
    ("spaces behind the boundary", (NAME + PASSWORD).replace(b"--B\r", b"--B \r") + b"--B--\r\n"),
    ("not UTF-8", part('name="username"', b"J\xfcrgen") + PASSWORD + b"--B--\r\n"),
    ("a name twice", NAME + part('name="username"', "eve") + PASSWORD + b"--B--\r\n"),
]:
    form("multipart", f"body: {what}", body, MULTIPART)

# ---- routing ------------------------------------------------------------------------------------

for method, path in [
    *(("GET", "/v1/routes/things"), ("GET", "/v1/routes/things/"), ("POST", "/v1/routes/things")),
    *(("HEAD", "/v1/routes/things"), ("OPTIONS", "/v1/routes/things"), ("GET", "/v1/routes/none")),
    *(("DELETE", "/v1/routes"), ("GET", "//v1/routes/things")),
]:
    ask("routes/things", f"{method} {path}", method, path)
for method, path in [
    *(
        ("GET", "a"),
        ("PUT", "a"),
        ("PATCH", "a"),
        ("GET", "a%2Fb"),
        ("GET", "%20%C3%BC"),
        ("GET", "a/"),
    ),
    *(("GET", "a/b"), ("GET", "%FF"), ("GET", "a?x=1"), ("FETCH", "a")),
]:
    ask("routes/thing", f"{method} {path}", method, f"/v1/routes/things/{path}")
ask("routes/none", "GET /", "GET", "/")
ask("routes/none", "GET /none", "GET", "/none?x=1")
ask("routes/none", "POST /none", "POST", "/none", [JSON_TYPE], "{")

# None depends on another, so the record is in an order in which a request is found.
REQUESTS.sort(key=lambda request: request["name"])
