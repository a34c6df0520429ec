"""What middleware_app.py is asked."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

REQUESTS: list[dict[str, Any]] = []

SHOP = "https://shop.example"


def ask(what: str, method: str, path: str, *headers: tuple[str, str]) -> None:
    REQUESTS.append(
        {
            "name": f"{path.split('/')[1]}: {what}",
            "method": method,
            "path": path,
            "headers": [list(header) for header in headers],
        }
    )


# ---- CORS ---------------------------------------------------------------------------------------

for mount in ["default", "some", "all", "all-with-credentials", "pattern", "some-with-credentials"]:
    for origin in [SHOP, "http://localhost:3000", "https://a.example.org", "null"]:
        ask(f"from {origin}", "GET", f"/{mount}/item", ("Origin", origin))
    for origin in ["https://SHOP.example", "https://shop.example.com", "https://a.example.org.net"]:
        ask(f"from {origin}", "GET", f"/{mount}/item", ("Origin", origin))
    ask("from nowhere", "GET", f"/{mount}/item")
    from_shop = ("Origin", SHOP)
    ask("with a cookie", "GET", f"/{mount}/item", from_shop, ("Cookie", "a=1"))
    ask("with credentials", "GET", f"/{mount}/item", from_shop, ("Authorization", "Bearer x"))
    ask("headers of its own", "GET", f"/{mount}/headers", from_shop, ("Cookie", "a=1"))
    ask("POST", "POST", f"/{mount}/item", from_shop)
    ask("not found", "GET", f"/{mount}/nothing", from_shop)
    ask("method not allowed", "DELETE", f"/{mount}/item", from_shop)
    ask("invalid", "GET", f"/{mount}/number/x", from_shop)
    ask("refused", "GET", f"/{mount}/refuse", from_shop)
    ask("failed", "GET", f"/{mount}/fail", from_shop)
    ask("OPTIONS, no preflight", "OPTIONS", f"/{mount}/item", from_shop)
    ask("OPTIONS from nowhere", "OPTIONS", f"/{mount}/item")
    for origin, method, names in [
        *((SHOP, "GET", None), (SHOP, "POST", "X-Token"), (SHOP, "POST", "content-type, ACCEPT")),
        *((SHOP, "PUT", None), (SHOP, "get", None), (SHOP, "FETCH", ""), (SHOP, "GET", "")),
        *((SHOP, "POST", "x-token,x-other"), (SHOP, "POST", " x-token , accept ")),
        *(("https://a.example.org", "GET", None), ("https://no.example", "DELETE", "X-No")),
        *(("https://no.example", "GET", "Accept"), ("null", "HEAD", "*")),
    ]:
        headers = [("Origin", origin), ("Access-Control-Request-Method", method)]
        if names is not None:
            headers.append(("Access-Control-Request-Headers", names))
        ask(f"preflight {origin} {method} {names!r}", "OPTIONS", f"/{mount}/item", *headers)
    preflight = [from_shop, ("Access-Control-Request-Method", "GET")]
    ask("preflight of no path", "OPTIONS", f"/{mount}/nothing", *preflight)
    ask("preflight by GET", "GET", f"/{mount}/item", *preflight)
    ask("preflight with a cookie", "OPTIONS", f"/{mount}/item", *preflight, ("Cookie", "a=1"))
    ask("preflight from nowhere", "OPTIONS", f"/{mount}/item", preflight[1])

# ---- gzip ---------------------------------------------------------------------------------------

GZIP = ("Accept-Encoding", "gzip")
for size in [0, 1, 499, 500, 501, 100_000]:
    ask(f"{size} bytes", "GET", f"/gzip/sized/{size}", GZIP)
for size in [9, 10, 11]:
    ask(f"{size} bytes", "GET", f"/gzip-from-10/sized/{size}", GZIP)
ask("no Accept-Encoding", "GET", "/gzip/sized/1000")
ask("small, no Accept-Encoding", "GET", "/gzip/sized/10")
for accepted in ["gzip, deflate, br", "deflate", "identity", "br;q=1, gzip;q=0.5", "gzip;q=0", "*"]:
    ask(f"Accept-Encoding: {accepted}", "GET", "/gzip/sized/1000", ("Accept-Encoding", accepted))
ask("encoded already", "GET", "/gzip/encoded", GZIP)
ask("a Vary of its own", "GET", "/gzip-from-10/headers", GZIP)
ask("with a tag", "GET", "/gzip/tagged", GZIP)
ask("no content", "GET", "/gzip/none", GZIP)
ask("not found", "GET", "/gzip-from-10/nothing", GZIP)
ask("invalid", "GET", "/gzip-from-10/number/x", GZIP)
for type in ["application/json", "text/html", "text/event-stream", "image/svg+xml"]:
    ask(f"of type {type}", "GET", f"/gzip/typed?type={quote(type, safe='')}", GZIP)
for type in ["image/png", "video/mp4", "application/zip"]:
    ask(f"of type {type}", "GET", f"/gzip/typed?type={quote(type, safe='')}", GZIP)

# ---- hosts --------------------------------------------------------------------------------------

for host in [
    *("example.com", "example.com:8000", "a.example.com", "a.example.org", "a.b.example.org:1"),
    *("example.org", "shop.example", "www.shop.example", "a.shop.example", "127.0.0.1"),
    *("badexample.com", "EXAMPLE.com"),
]:
    for mount in ["hosts", "hosts-as-they-are", "any-host"]:
        ask(f"Host: {host}", "GET", f"/{mount}/item", ("Host", host))
ask("not found", "GET", "/hosts/nothing", ("Host", "example.com"))
ask("www, with a query", "GET", "/hosts/item?a=%20b&c", ("Host", "shop.example:8000"))
