"""What an application of orders is asked, in this order: some requests change what is stored, and
the ones after them find it changed. orders.sql is what they begin with."""

from __future__ import annotations

import json
from typing import Any

REQUESTS: list[dict[str, Any]] = []

TOKEN = ("Authorization", "Bearer secret")
JSON_TYPE = ("Content-Type", "application/json")


def ask(
    name: str,
    method: str,
    path: str,
    body: Any = None,
    headers: list[tuple[str, str]] | None = None,
) -> None:
    """A text is sent as it is, any other body as JSON of it. With credentials if `headers` do not
    say otherwise."""
    request: dict[str, Any] = {"name": name, "method": method, "path": path}
    if headers is None:
        headers = [TOKEN] if method != "GET" else []
        headers += [JSON_TYPE] if body is not None else []
    request["headers"] = [list(header) for header in headers]
    if body is not None:
        request["body"] = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    REQUESTS.append(request)


def order(**changes: Any) -> dict[str, Any]:
    """One that fits, with changes; a member that is changed to `...` is left out."""
    whole = {
        "reference": "NEW-1",
        "customer": "Ada",
        "email": "ada@example.com",
        "items": [{"sku": "A-1", "quantity": 2, "price": 9.5}],
    }
    return {name: value for name, value in (whole | changes).items() if value is not ...}


# ---- reading ------------------------------------------------------------------------------------

for query in [
    *(
        "",
        "?limit=5",
        "?limit=5&offset=5",
        "?limit=3&offset=20",
        "?limit=3&offset=21",
        "?offset=23",
    ),
    *("?offset=100", "?limit=100", "?limit=1&offset=22"),
    *("?status=paid&limit=4", "?status=shipped&offset=6", "?status=open&limit=8"),
    *("?limit=2&limit=1", "?unknown=1&limit=1"),
]:
    ask(f"list: GET /orders{query}", "GET", f"/orders{query}")
for query in [
    *("?limit=0", "?limit=101", "?limit=x", "?limit=", "?limit=1.5", "?offset=-1", "?status=lost"),
    *("?status=", "?limit=0&offset=-1&status=PAID"),
]:
    ask(f"list, unfit: GET /orders{query}", "GET", f"/orders{query}")
for id in ["1", "4", "23", "24", "0", "-1", "x", "1.5", "1.0", "007"]:
    ask(f"get: GET /orders/{id}", "GET", f"/orders/{id}")
ask("get: an id beyond bigint", "GET", "/orders/9223372036854775808")
ask("summary: before", "GET", "/summary")

# ---- who may write ------------------------------------------------------------------------------

for name, credentials in {
    "none": [],
    "wrong": [("Authorization", "Bearer wrong")],
    "of another scheme": [("Authorization", "Basic YWRhOnNlY3JldA==")],
    "without a token": [("Authorization", "Bearer")],
}.items():
    ask(f"credentials, {name}: POST", "POST", "/orders", order(), [*credentials, JSON_TYPE])
    ask(f"credentials, {name}: PATCH", "PATCH", "/orders/1", {}, [*credentials, JSON_TYPE])
    ask(f"credentials, {name}: DELETE", "DELETE", "/orders/1", None, credentials)
ask("credentials, none: an unfit body", "POST", "/orders", {}, [JSON_TYPE])
ask("credentials, none: no JSON", "POST", "/orders", "{", [JSON_TYPE])

# ---- creating -----------------------------------------------------------------------------------

ask("create: as little as may be", "POST", "/orders", order())
ask(
    "create: everything",
    "POST",
    "/orders",
    order(
        reference="NEW-2",
        customer="Zoë 😀",
        email="Zoe@EXAMPLE.com",
        status="paid",
        note='a "note"\n',
        items=[{"sku": "A", "price": 0.1}, {"sku": "B", "quantity": 100, "price": 1e2}],
    ),
)
ask("create: what is read was written", "GET", "/orders/25")
ask("create: a reference that exists", "POST", "/orders", order())
ask("create: one that exists, of the first", "POST", "/orders", order(reference="REF-007"))
ask("create: unknown members", "POST", "/orders", order(reference="NEW-3", id=99, x=None))
ask(
    "create: numbers as text",
    "POST",
    "/orders",
    order(reference="NEW-4", items=[{"sku": "A", "quantity": "3", "price": "2.5"}]),
)
ask("create: a null note", "POST", "/orders", order(reference="NEW-5", note=None))
ask("create: how many there are", "GET", "/orders?limit=1&offset=27")

for name, changes in {
    "reference too short": {"reference": "ab"},
    "reference too long": {"reference": "r" * 21},
    "reference a number": {"reference": 12345},
    "reference missing": {"reference": ...},
    "customer empty": {"customer": ""},
    "customer too long": {"customer": "c" * 81},
    "email without an @": {"email": "ada.example.com"},
    "email null": {"email": None},
    "status unknown": {"status": "lost"},
    "status null": {"status": None},
    "note too long": {"note": "n" * 501},
    "note a number": {"note": 1},
    "no items": {"items": []},
    "items missing": {"items": ...},
    "items an object": {"items": {"sku": "A", "price": 1}},
    "item without members": {"items": [{}]},
    "item null": {"items": [None, {"sku": "A", "price": 1}]},
    "item's sku empty": {"items": [{"sku": "", "price": 1}]},
    "item's quantity 0": {"items": [{"sku": "A", "quantity": 0, "price": 1}]},
    "item's quantity 101": {"items": [{"sku": "A", "quantity": 101, "price": 1}]},
    "item's quantity 1.5": {"items": [{"sku": "A", "quantity": 1.5, "price": 1}]},
    "item's price 0": {"items": [{"sku": "A", "price": 0}]},
    "item's price text": {"items": [{"sku": "A", "price": "free"}]},
    "the second item": {"items": [{"sku": "A", "price": 1}, {"sku": "s" * 41, "price": -1}]},
    "everything": {
        "reference": "",
        "customer": None,
        "email": "",
        "status": 1,
        "note": [],
        "items": [{"sku": None, "quantity": None, "price": None}, 1],
    },
}.items():
    ask(f"create, unfit: {name}", "POST", "/orders", order(**changes))
ask("create, unfit: an empty object", "POST", "/orders", {})
ask("create, unfit: an array", "POST", "/orders", [order()])
ask("create, unfit: null", "POST", "/orders", "null")
ask("create, unfit: no body", "POST", "/orders")
ask("create, unfit: cut short", "POST", "/orders", json.dumps(order())[:-1])
ask("create, unfit: a trailing comma", "POST", "/orders", '{"reference": "NEW-9",}')
ask(
    "create, unfit: text",
    "POST",
    "/orders",
    json.dumps(order()),
    [TOKEN, ("Content-Type", "text/plain")],
)
ask("create: nothing of that was stored", "GET", "/orders?limit=1&offset=28")

# ---- changing -----------------------------------------------------------------------------------

ask("patch: nothing", "PATCH", "/orders/1", {})
ask("patch: the status", "PATCH", "/orders/1", {"status": "shipped"})
ask("patch: the note", "PATCH", "/orders/1", {"note": "changed"})
ask("patch: no note", "PATCH", "/orders/1", {"note": None})
ask("patch: both", "PATCH", "/orders/2", {"note": "b", "status": "open"})
ask("patch: unknown members", "PATCH", "/orders/2", {"reference": "X", "id": 5})
ask("patch: what is read was written", "GET", "/orders/2")
ask("patch: one that is not there", "PATCH", "/orders/999", {"note": "x"})
ask("patch, unfit: the status", "PATCH", "/orders/2", {"status": "lost"})
ask("patch, unfit: the note", "PATCH", "/orders/2", {"note": "n" * 501})
ask("patch, unfit: both, and the id", "PATCH", "/orders/two", {"status": 0, "note": 0})
ask("patch, unfit: no body", "PATCH", "/orders/2")
ask("patch, unfit: an array", "PATCH", "/orders/2", [])

# ---- deleting -----------------------------------------------------------------------------------

ask("delete: one", "DELETE", "/orders/3")
ask("delete: it again", "DELETE", "/orders/3")
ask("delete: it cannot be read", "GET", "/orders/3")
ask("delete: an id that is none", "DELETE", "/orders/x")
ask("summary: after", "GET", "/summary")

# ---- what is not there --------------------------------------------------------------------------

for method, path in [
    *(
        ("GET", "/"),
        ("GET", "/order"),
        ("GET", "/orders/1/items"),
        ("GET", "/orders/"),
        ("POST", "/orders/1"),
    ),
    *(("PUT", "/orders"), ("DELETE", "/orders"), ("PUT", "/orders/1"), ("POST", "/summary")),
    *(("PATCH", "/orders"), ("OPTIONS", "/orders")),
]:
    ask(f"routes: {method} {path}", method, path, None, [])
