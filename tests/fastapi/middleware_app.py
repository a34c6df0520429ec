"""What stands around a FastAPI application: one below a path of its own for each way to set it up.
middleware_test.cpp has the same in C++."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware

SHOP = "https://shop.example"

app = FastAPI()


def behind(path: str, middleware: type, **options: Any) -> None:
    inner = FastAPI(openapi_url=None)
    inner.add_middleware(middleware, **options)

    @inner.get("/item")
    def get_item() -> dict[str, int]:
        return {"item": 1}

    @inner.post("/item", status_code=201)
    def post_item() -> dict[str, int]:
        return {"item": 2}

    @inner.get("/number/{number}")
    def number(number: int) -> dict[str, int]:
        return {"number": number}

    @inner.get("/headers")
    def headers(response: Response) -> dict[str, int]:
        response.headers["Vary"] = "Accept-Language"
        response.headers["Access-Control-Allow-Origin"] = "https://handler.example"
        return {"headers": 2}

    @inner.get("/refuse")
    def refuse() -> None:
        raise HTTPException(409, "No", {"X-Reason": "none"})

    @inner.get("/fail")
    def fail() -> None:
        raise RuntimeError

    @inner.get("/sized/{size}")
    def sized(size: int) -> Response:
        return Response("x" * size, media_type="text/plain")

    @inner.get("/encoded")
    def encoded() -> Response:
        headers = {"Content-Encoding": "identity"}
        return Response("x" * 1000, media_type="text/plain", headers=headers)

    @inner.get("/typed")
    def typed(type: str) -> Response:
        return Response("x" * 1000, media_type=type)

    @inner.get("/tagged")
    def tagged() -> Response:
        return Response("x" * 1000, media_type="text/plain", headers={"ETag": '"1"'})

    @inner.get("/none")
    def none() -> Response:
        return Response(status_code=204)

    app.mount(path, inner)


behind("/default", CORSMiddleware)
behind("/some", CORSMiddleware, allow_origins=[SHOP, "http://localhost:3000"])
behind("/all", CORSMiddleware, allow_origins=["*"])
behind(
    "/all-with-credentials",
    CORSMiddleware,
    allow_origins=["*"],
    allow_credentials=True,
    allow_methods=["*"],
    allow_headers=["*"],
)
behind(
    "/pattern",
    CORSMiddleware,
    allow_origins=["null"],
    allow_origin_regex=r"https://.*\.example\.org",
    allow_methods=["GET", "POST"],
    allow_headers=["X-Token", "accept", "X-Token"],
    expose_headers=["X-Total", "ETag"],
    max_age=60,
)
behind(
    "/some-with-credentials",
    CORSMiddleware,
    allow_origins=[SHOP],
    allow_credentials=True,
    allow_methods=["POST", "FETCH"],
    allow_headers=["*", "X-Token"],
)
behind("/gzip", GZipMiddleware)
behind("/gzip-from-10", GZipMiddleware, minimum_size=10)
behind(
    "/hosts",
    TrustedHostMiddleware,
    allowed_hosts=["example.com", "*.example.org", "www.shop.example"],
)
behind("/hosts-as-they-are", TrustedHostMiddleware, allowed_hosts=["www.shop.example"], www_redirect=False)
behind("/any-host", TrustedHostMiddleware)
