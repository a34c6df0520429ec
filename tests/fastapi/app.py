"""A FastAPI application that declares every kind of value under every rule, each at an endpoint of
its own. What FastAPI answers to app_requests.py is recorded in answers.json: see README.md."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, Optional, Union
from uuid import UUID

from fastapi import APIRouter, Cookie, Depends, FastAPI, File, Form, Header, HTTPException, Path
from fastapi import Query, Request, Response, UploadFile
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    OAuth2PasswordBearer,
)
from pydantic import BaseModel, ConfigDict, EmailStr, Field, HttpUrl, create_model, model_validator

app = FastAPI(title="Every kind, every rule", version="1.0.0")


class Status(str, Enum):
    open = "open"
    paid = "paid"
    in_transit = "in-transit"


class Priority(IntEnum):
    low = 1
    normal = 5
    high = 10


# ---- one value, wherever it may stand -----------------------------------------------------------

# rule: type, constraints. No default: each is required.
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "bool": (bool, {}),
    "int": (int, {}),
    "int-ge-le": (int, {"ge": 1, "le": 100}),
    "int-gt-lt": (int, {"gt": 0, "lt": 10}),
    "int-multiple": (int, {"multiple_of": 5}),
    "int-64": (int, {"ge": -(2**63), "le": 2**63 - 1}),
    "float": (float, {}),
    "float-ge-le": (float, {"ge": -90, "le": 90}),
    "float-gt-lt": (float, {"gt": 0, "lt": 1.5}),
    "decimal": (Decimal, {}),
    "decimal-ge-lt": (Decimal, {"ge": Decimal("0.01"), "lt": 1000}),
    "decimal-digits": (Decimal, {"max_digits": 6, "decimal_places": 2}),
    "str": (str, {}),
    "str-length": (str, {"min_length": 2, "max_length": 5}),
    "str-pattern": (str, {"pattern": "^[a-z]+(-[a-z]+)*$"}),
    "enum": (Status, {}),
    "enum-int": (Priority, {}),
    "uuid": (UUID, {}),
    "datetime": (datetime, {}),
    "date": (date, {}),
    "duration": (timedelta, {}),
    "email": (EmailStr, {}),
    "url": (HttpUrl, {}),
}
LISTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "list": (list[int], {}),
    "list-length": (list[int], {"min_length": 2, "max_length": 3}),
    "list-str": (list[Annotated[str, Field(min_length=2)]], {}),
    "list-enum": (list[Status], {}),
}
DICTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "dict": (dict[str, int], {}),
    "dict-length": (dict[str, Annotated[float, Field(gt=0)]], {"min_length": 1, "max_length": 2}),
}

IN_PATH = [
    *("bool", "int", "int-ge-le", "int-64", "float", "decimal", "str-length", "str-pattern"),
    *("enum", "enum-int", "uuid", "datetime", "date"),
]
IN_HEADER = ["bool", "int-ge-le", "float", "str-length", "enum", "uuid", "datetime", "list"]
IN_COOKIE = ["bool", "int-ge-le", "decimal", "str-pattern", "enum", "date"]


def declare(method: str, path: str, declared: Any, kind: Any) -> None:
    """An endpoint that takes `value` as declared, and answers with it as this kind is written."""

    def endpoint(value):
        return {"value": value}

    endpoint.__annotations__ = {"value": declared}
    endpoint.__name__ = path.removesuffix("/{value}").strip("/").replace("/", "_").replace("-", "_")
    answer = create_model(endpoint.__name__ + "_answer", value=(kind, ...))
    app.add_api_route(path, endpoint, methods=[method], response_model=answer)


for rule, (kind, limits) in {**KINDS, **LISTS}.items():
    if rule in IN_PATH:
        declare("GET", f"/path/{rule}/{{value}}", Annotated[kind, Path(**limits)], kind)
    declare("GET", f"/query/{rule}", Annotated[kind, Query(**limits)], kind)
    if rule in IN_HEADER:
        declared = Annotated[kind, Header(alias="x-value", **limits)]
        declare("GET", f"/header/{rule}", declared, kind)
    if rule in IN_COOKIE:
        declare("GET", f"/cookie/{rule}", Annotated[kind, Cookie(**limits)], kind)


for rule, (kind, limits) in {**KINDS, **LISTS, **DICTS}.items():
    model = create_model(
        "Body_" + rule.replace("-", "_"), value=(Annotated[kind, Field(**limits)], ...)
    )

    def body_endpoint(body):
        return body

    body_endpoint.__annotations__ = {"body": model}
    body_endpoint.__name__ = "body_" + rule.replace("-", "_")
    app.add_api_route(f"/body/{rule}", body_endpoint, methods=["POST"], response_model=model)


# ---- path ---------------------------------------------------------------------------------------


@app.get("/path/two/{left}/with/{right}")
def path_two(left: Annotated[int, Path(ge=1)], right: Status) -> dict[str, Any]:
    return {"left": left, "right": right}


# ---- query --------------------------------------------------------------------------------------


@app.get("/query/default")
def query_default(
    limit: Annotated[int, Query(ge=1, le=100)] = 20, status: Status = Status.open
) -> dict[str, Any]:
    return {"limit": limit, "status": status}


@app.get("/query/optional")
def query_optional(
    limit: Annotated[Optional[int], Query(ge=1)] = None, status: Optional[Status] = None
) -> dict[str, Any]:
    return {"limit": limit, "status": status}


@app.get("/query/alias")
def query_alias(
    sort_by: Annotated[str, Query(alias="sort-by", min_length=1)],
    kind: Annotated[str, Query(alias="class")] = "any",
) -> dict[str, Any]:
    return {"sort_by": sort_by, "kind": kind}


@app.get("/query/list-default")
def query_list_default(
    tag: Annotated[list[str], Query(max_length=2)] = ["a", "b"],
    id: Annotated[Optional[list[int]], Query()] = None,
) -> dict[str, Any]:
    return {"tag": tag, "id": id}


class Page(BaseModel):
    limit: int = Field(20, ge=1, le=100)
    offset: int = Field(0, ge=0)
    order_by: Literal["created_at", "updated_at"] = "created_at"
    tags: list[str] = []


@app.get("/query/model")
def query_model(page: Annotated[Page, Query()]) -> Page:
    return page


class StrictPage(BaseModel):
    model_config = ConfigDict(extra="forbid")
    limit: int = Field(ge=1, le=100)
    offset: int = Field(0, ge=0)


@app.get("/query/model-forbid")
def query_model_forbid(page: Annotated[StrictPage, Query()]) -> StrictPage:
    return page


# ---- header -------------------------------------------------------------------------------------


@app.get("/header/required")
def header_required(x_request_token: Annotated[str, Header()]) -> dict[str, Any]:
    return {"x_request_token": x_request_token}


@app.get("/header/optional")
def header_optional(
    x_depth: Annotated[Optional[int], Header(ge=0)] = None,
    user_agent: Annotated[Optional[str], Header()] = None,
) -> dict[str, Any]:
    return {"x_depth": x_depth, "user_agent": user_agent}


@app.get("/header/alias")
def header_alias(
    kind: Annotated[str, Header(alias="content-type", pattern="^text/")],
) -> dict[str, Any]:
    return {"kind": kind}


class Trace(BaseModel):
    x_depth: int = Field(ge=0)
    x_tags: list[str] = []
    x_mode: Optional[Status] = None


@app.get("/header/model")
def header_model(trace: Annotated[Trace, Header()]) -> Trace:
    return trace


# ---- cookie -------------------------------------------------------------------------------------


@app.get("/cookie/optional")
def cookie_optional(
    session: Annotated[Optional[str], Cookie(max_length=8)] = None,
    depth: Annotated[int, Cookie(ge=0)] = 3,
) -> dict[str, Any]:
    return {"session": session, "depth": depth}


@app.get("/cookie/alias")
def cookie_alias(session: Annotated[str, Cookie(alias="session-id")]) -> dict[str, Any]:
    return {"session": session}


class Session(BaseModel):
    model_config = ConfigDict(extra="forbid")
    token: str = Field(min_length=2)
    depth: int = 3


@app.get("/cookie/model")
def cookie_model(session: Annotated[Session, Cookie()]) -> Session:
    return session


# ---- body ---------------------------------------------------------------------------------------


class Item(BaseModel):
    sku: str = Field(min_length=1, max_length=40)
    quantity: int = Field(1, ge=1, le=100)
    price: float = Field(gt=0)


class Order(BaseModel):
    reference: str = Field(min_length=3, max_length=20)
    email: EmailStr
    status: Status = Status.open
    note: Optional[str] = Field(None, max_length=10)
    items: list[Item] = Field(min_length=1)


@app.post("/body/item")
def body_item(item: Item) -> Item:
    return item


@app.post("/body/order")
def body_order(order: Order) -> Order:
    return order


@app.post("/body/list-of-models")
def body_list_of_models(items: list[Item]) -> list[Item]:
    return items


@app.post("/body/dict-of-models")
def body_dict_of_models(items: dict[str, Item]) -> dict[str, Item]:
    return items


class Defaults(BaseModel):
    name: str = "unnamed"
    count: int = Field(7, ge=1)
    ratio: float = 0.5
    status: Status = Status.open
    tags: list[str] = ["new"]


@app.post("/body/default")
def body_default(body: Defaults) -> Defaults:
    return body


class Optionals(BaseModel):
    note: Optional[str] = Field(None, min_length=2)
    count: Optional[int] = None
    item: Optional[Item] = None


@app.post("/body/optional")
def body_optional(body: Optionals) -> Optionals:
    return body


class Nullable(BaseModel):
    note: Optional[str]
    count: Optional[int] = Field(ge=0)


@app.post("/body/nullable")
def body_nullable(body: Nullable) -> Nullable:
    return body


class NotWhole(BaseModel):
    note: Optional[str] = None
    status: Optional[Status] = None


@app.patch("/body/patch", response_model=dict[str, Any])
def body_patch(body: NotWhole):
    return body.model_dump(exclude_unset=True)


class Aliased(BaseModel):
    order_id: int = Field(alias="orderId")
    kind: str = Field("any", alias="class")


@app.post("/body/alias")
def body_alias(body: Aliased) -> Aliased:
    return body


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    item: Optional[Item] = None


@app.post("/body/forbid")
def body_forbid(body: Strict) -> Strict:
    return body


class Base(BaseModel):
    id: int = Field(ge=1)
    name: str = "base"


class Derived(Base):
    extra: bool
    name: str = Field("derived", min_length=2)


@app.post("/body/inherited")
def body_inherited(body: Derived) -> Derived:
    return body


class Inner(BaseModel):
    depth: int
    leaf: dict[str, list[Item]] = {}


class Outer(BaseModel):
    inner: Inner
    others: list[Inner] = []


@app.post("/body/nested")
def body_nested(body: Outer) -> Outer:
    return body


class Card(BaseModel):
    method: Literal["card"]
    number: str = Field(pattern="^[0-9]{4}$")


class Transfer(BaseModel):
    method: Literal["transfer", "wire"]
    iban: str
    amount: Decimal = Field(gt=0)


class Payment(BaseModel):
    payment: Union[Card, Transfer] = Field(discriminator="method")


@app.post("/body/union")
def body_union(body: Payment) -> Payment:
    return body


class Interval(BaseModel):
    first: int = Field(ge=0)
    last: int = Field(le=100)

    @model_validator(mode="after")
    def in_order(self):
        if self.first > self.last:
            raise ValueError("first is after last")
        return self


class Intervals(BaseModel):
    intervals: list[Interval] = []
    whole: Optional[Interval] = None


@app.post("/body/validator")
def body_validator(body: Interval) -> Interval:
    return body


@app.post("/body/validator-nested")
def body_validator_nested(body: Intervals) -> Intervals:
    return body


@app.post("/body/may-be-missing")
def body_may_be_missing(item: Optional[Item] = None) -> Optional[Item]:
    return item


# ---- everything at once: in which order the errors come -----------------------------------------


def checked_page(page: Annotated[int, Query(ge=1)] = 1) -> int:
    return page


@app.post("/mixed/{id}")
def mixed(
    item: Item,
    session: Annotated[int, Cookie()],
    x_depth: Annotated[int, Header()],
    limit: Annotated[int, Query(le=10)],
    id: int,
    page: Annotated[int, Depends(checked_page)],
) -> dict[str, Any]:
    return {
        "item": item,
        "session": session,
        "x_depth": x_depth,
        "limit": limit,
        "id": id,
        "page": page,
    }


# ---- JSON texts and their content types ---------------------------------------------------------


class Note(BaseModel):
    text: str
    number: float = 0


def note(body: Note) -> Note:
    return body


for rule in ["syntax", "literals", "strings", "escapes", "numbers", "structure", "encoding"]:
    app.add_api_route(f"/json/{rule}", note, methods=["POST"], name=f"json_{rule}")
for rule in ["type", "body"]:
    app.add_api_route(f"/content/{rule}", note, methods=["POST"], name=f"content_{rule}")


class Tree(BaseModel):
    children: list["Tree"] = []


@app.post("/json/deep", response_model=None)
def json_deep(tree: Tree) -> dict[str, int]:
    depth = 1
    while tree.children:
        tree = tree.children[0]
        depth += 1
    return {"depth": depth}


@app.post("/json/duplicates")
def json_duplicates(body: dict[str, int]) -> dict[str, int]:
    return body


# ---- forms --------------------------------------------------------------------------------------


class Login(BaseModel):
    username: str = Field(min_length=2)
    password: str
    remember: bool = False
    attempts: Optional[int] = Field(None, ge=1)


@app.post("/form/login")
async def form_login(body: Annotated[Login, Form()]) -> Login:
    return body


class Survey(BaseModel):
    model_config = ConfigDict(extra="forbid")
    answers: list[int] = Field(min_length=1)
    status: Status = Status.open
    full_name: str = Field(alias="full-name")
    day: Optional[date] = None


@app.post("/form/survey/{id}")
async def form_survey(
    id: int, body: Annotated[Survey, Form()], limit: Annotated[int, Query(ge=1)] = 5
) -> Survey:
    return body


class MayBeEmpty(BaseModel):
    note: Optional[str] = None
    tags: list[str] = ["new"]


@app.post("/form/may-be-empty")
async def form_may_be_empty(body: Annotated[MayBeEmpty, Form()]) -> MayBeEmpty:
    return body


class Sent(BaseModel):
    filename: Optional[str]
    content_type: Optional[str]
    size: Optional[int]
    text: str
    headers: dict[str, str]


async def sent(file: UploadFile) -> Sent:
    content = await file.read()
    return Sent(
        filename=file.filename,
        content_type=file.content_type,
        size=file.size,
        text=content.decode("latin-1"),
        headers=dict(sorted(file.headers.items())),
    )


class Avatar(BaseModel):
    name: str
    file: UploadFile


@app.post("/form/avatar")
async def form_avatar(body: Annotated[Avatar, File()]) -> Sent:
    return await sent(body.file)


class Album(BaseModel):
    title: str = "untitled"
    files: list[UploadFile] = Field(min_length=1, max_length=3)
    cover: Optional[UploadFile] = None


class AlbumOut(BaseModel):
    title: str
    files: list[Sent]
    cover: Optional[Sent]


@app.post("/form/album")
async def form_album(body: Annotated[Album, File()]) -> AlbumOut:
    return AlbumOut(
        title=body.title,
        files=[await sent(file) for file in body.files],
        cover=await sent(body.cover) if body.cover else None,
    )


# ---- responses ----------------------------------------------------------------------------------


class Account(BaseModel):
    id: int
    name: str
    balance: Decimal = Decimal("0.00")
    since: Optional[datetime] = None


ROW = {"id": 1, "name": "Ada", "password_hash": "x", "balance": "12.50", "since": None}


@app.get("/response/filtered", response_model=Account)
def response_filtered():
    return ROW


@app.get("/response/list", response_model=list[Account])
def response_list(count: int = 2):
    return [ROW | {"id": id} for id in range(1, count + 1)]


@app.get("/response/missing", response_model=Account)
def response_missing():
    return {"id": 1}


@app.get("/response/without-none", response_model=Account, response_model_exclude_none=True)
def response_without_none():
    return ROW


@app.post("/response/created", status_code=201)
def response_created(item: Item, response: Response) -> Item:
    response.headers["Location"] = "/items/" + item.sku
    return item


@app.delete("/response/no-content/{id}", status_code=204)
def response_no_content(id: int):
    if id == 0:
        raise HTTPException(404, "No such thing")


@app.get("/response/nothing")
def response_nothing():
    return None


@app.get("/response/status/{id}")
def response_status(id: int, response: Response) -> dict[str, int]:
    if id > 1:
        response.status_code = 202
        response.headers["X-Queued"] = str(id)
    return {"id": id}


@app.get("/response/error/{status}")
def response_error(status: Annotated[int, Path(ge=400, le=599)], detail: str = "text"):
    details = {
        "text": "It did not work",
        "object": {"code": 17, "reasons": ["first", None]},
        "list": [1, "two", {"three": 3.0}],
        "null": None,
    }
    raise HTTPException(status, details[detail], {"X-Reason": detail, "Retry-After": "7"})


class Refused(Exception):
    def __init__(self, reason: str):
        self.reason = reason


@app.exception_handler(Refused)
def answer_refused(request: Request, refused: Refused):
    return JSONResponse({"refused": refused.reason, "path": request.url.path}, 409)


@app.get("/response/own-exception")
def response_own_exception(reason: str = "because"):
    raise Refused(reason)


@app.get("/response/redirect")
def response_redirect(status: int = 307):
    return RedirectResponse("/response/nothing", status)


@app.get("/response/text")
def response_text(name: str) -> Response:
    return Response("Hello, " + name, media_type="text/plain")


# ---- dependencies and authentication ------------------------------------------------------------

bearer = HTTPBearer()
bearer_optional = HTTPBearer(auto_error=False)
basic = HTTPBasic(realm="kinds")
Credentials = Annotated[HTTPAuthorizationCredentials, Depends(bearer)]


@app.get("/auth/bearer")
def auth_bearer(credentials: Credentials) -> dict[str, Any]:
    if credentials.credentials != "secret":
        raise HTTPException(401, "Invalid token", {"WWW-Authenticate": "Bearer"})
    return {"scheme": credentials.scheme}


@app.get("/auth/bearer-optional")
def auth_bearer_optional(
    credentials: Annotated[Optional[HTTPAuthorizationCredentials], Depends(bearer_optional)],
) -> dict[str, Any]:
    return {"token": credentials and credentials.credentials}


@app.get("/auth/basic")
def auth_basic(credentials: Annotated[HTTPBasicCredentials, Depends(basic)]) -> dict[str, Any]:
    return {"username": credentials.username, "password": credentials.password}


@app.get("/auth/key-header")
def auth_key_header(key: Annotated[str, Depends(APIKeyHeader(name="X-API-Key"))]) -> dict[str, Any]:
    return {"key": key}


@app.get("/auth/key-query")
def auth_key_query(key: Annotated[str, Depends(APIKeyQuery(name="api_key"))]) -> dict[str, Any]:
    return {"key": key}


@app.get("/auth/key-cookie")
def auth_key_cookie(key: Annotated[str, Depends(APIKeyCookie(name="key"))]) -> dict[str, Any]:
    return {"key": key}


oauth2 = OAuth2PasswordBearer(tokenUrl="token")


@app.get("/auth/oauth2")
def auth_oauth2(token: Annotated[str, Depends(oauth2)]) -> dict[str, Any]:
    return {"token": token}


def current_user(credentials: Credentials) -> str:
    if credentials.credentials != "secret":
        raise HTTPException(401, "Invalid token", {"WWW-Authenticate": "Bearer"})
    return "ada"


User = Annotated[str, Depends(current_user)]


@app.post("/auth/and-body/{id}")
def auth_and_body(id: int, item: Item, user: User) -> dict[str, Any]:
    return {"id": id, "item": item, "user": user}


def tenant(user: User, x_tenant: Annotated[int, Header(ge=1)]) -> str:
    return f"{user}@{x_tenant}"


@app.get("/auth/nested")
def auth_nested(tenant: Annotated[str, Depends(tenant)], limit: int = 10) -> dict[str, Any]:
    return {"tenant": tenant, "limit": limit}


# ---- dependencies that are asked once, hand over, refuse, and clean up --------------------------


def counted(request: Request) -> int:
    request.state.calls = getattr(request.state, "calls", 0) + 1
    return request.state.calls


def doubled(count: Annotated[int, Depends(counted)]) -> int:
    return 2 * count


@app.get("/dependency/once")
def dependency_once(
    twice: Annotated[int, Depends(doubled)], count: Annotated[int, Depends(counted)]
) -> dict[str, int]:
    return {"twice": twice, "count": count}


class CommitFailed(Exception):
    pass


@app.exception_handler(CommitFailed)
def answer_commit_failed(request: Request, failed: CommitFailed):
    return JSONResponse({"detail": "Not committed"}, 503, {"Retry-After": "1"})


def transaction(response: Response, fail: str = "nowhere"):
    if fail == "begin":
        raise HTTPException(503, "No transaction")
    response.headers["X-Reason"] = "begun"
    try:
        yield "transaction"
    except HTTPException as error:
        raise HTTPException(error.status_code, f"{error.detail}, rolled back")
    if fail == "commit":
        raise HTTPException(409, "Not serializable")
    if fail == "commit, own exception":
        raise CommitFailed


@app.post("/dependency/cleanup", status_code=201)
def dependency_cleanup(
    transaction: Annotated[str, Depends(transaction)], fail: str = "nowhere"
) -> dict[str, str]:
    if fail == "work":
        raise HTTPException(400, "No such work")
    return {"in": transaction}


# ---- routing ------------------------------------------------------------------------------------

router = APIRouter(prefix="/v1/routes", tags=["routes"])


@router.get("/things")
def routes_things() -> dict[str, str]:
    return {"route": "things"}


@router.get("/things/{id}")
def routes_thing(id: str) -> dict[str, str]:
    return {"route": "thing", "id": id}


@router.put("/things/{id}")
def routes_put_thing(id: str) -> dict[str, str]:
    return {"route": "put thing", "id": id}


app.include_router(router)
