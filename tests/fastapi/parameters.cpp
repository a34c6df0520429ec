// Several parameters of a place: with defaults, optional, by other names, as a model.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fastapi/app.hpp"
#include "fastapi/enums.hpp"

namespace fastapi {

namespace {

using namespace signalbox::api;  // NOLINT: the words of models
using signalbox::async::Task;

struct Two {
    Field<std::int64_t, Ge(1)> left;
    Status right;
};
Task<Two> path_two(Path<Two> path) {
    co_return *path;
}

struct Defaults {
    Field<std::int64_t, Ge(1), Le(100)> limit = 20;
    Field<Status> status = Status::open;
};
Task<Defaults> query_default(Query<Defaults> query) {
    co_return *query;
}

struct Optionals {
    Field<std::optional<std::int64_t>, Ge(1)> limit;
    std::optional<Status> status;
};
Task<Optionals> query_optional(Query<Optionals> query) {
    co_return *query;
}

struct Sorting {
    Field<std::string, Alias("sort-by"), MinLength(1)> sort_by;
    Field<std::string, Alias("class")> kind = "any";
};
struct SortingOut {
    std::string sort_by;
    std::string kind;
};
Task<SortingOut> query_alias(Query<Sorting> query) {
    co_return SortingOut{*query->sort_by, *query->kind};
}

struct Lists {
    Field<std::vector<std::string>, MaxLength(2)> tag = std::vector<std::string>{"a", "b"};
    std::optional<std::vector<std::int64_t>> id;
};
Task<Lists> query_list_default(Query<Lists> query) {
    co_return *query;
}

struct Page {
    using OrderBy = Literal<"created_at", "updated_at">;

    Field<std::int64_t, Ge(1), Le(100)> limit = 20;
    Field<std::int64_t, Ge(0)> offset = 0;
    Field<OrderBy> order_by = OrderBy();
    Field<std::vector<std::string>> tags = std::vector<std::string>{};
};
Task<Page> query_model(Query<Page> page) {
    co_return *page;
}

struct StrictPage {
    static constexpr auto extra = Extra::forbid;
    Field<std::int64_t, Ge(1), Le(100)> limit;
    Field<std::int64_t, Ge(0)> offset = 0;
};
Task<StrictPage> query_model_forbid(Query<StrictPage> page) {
    co_return *page;
}

struct Token {
    std::string x_request_token;
};
Task<Token> header_required(Headers<Token> headers) {
    co_return *headers;
}

struct DepthAndAgent {
    Field<std::optional<std::int64_t>, Ge(0)> x_depth;
    std::optional<std::string> user_agent;
};
Task<DepthAndAgent> header_optional(Headers<DepthAndAgent> headers) {
    co_return *headers;
}

struct ContentKind {
    Field<std::string, Alias("content-type"), Pattern("^text/")> kind;
};
struct Kind {
    std::string kind;
};
Task<Kind> header_alias(Headers<ContentKind> headers) {
    co_return Kind{*headers->kind};
}

struct Trace {
    Field<std::int64_t, Ge(0)> x_depth;
    Field<std::vector<std::string>> x_tags = std::vector<std::string>{};
    std::optional<Status> x_mode;
};
Task<Trace> header_model(Headers<Trace> trace) {
    co_return *trace;
}

struct SessionAndDepth {
    Field<std::optional<std::string>, MaxLength(8)> session;
    Field<std::int64_t, Ge(0)> depth = 3;
};
Task<SessionAndDepth> cookie_optional(Cookies<SessionAndDepth> cookies) {
    co_return *cookies;
}

struct SessionId {
    Field<std::string, Alias("session-id")> session;
};
struct SessionOut {
    std::string session;
};
Task<SessionOut> cookie_alias(Cookies<SessionId> cookies) {
    co_return SessionOut{*cookies->session};
}

struct Session {
    static constexpr auto extra = Extra::forbid;
    Field<std::string, MinLength(2)> token;
    Field<std::int64_t> depth = 3;
};
Task<Session> cookie_model(Cookies<Session> session) {
    co_return *session;
}

}  // namespace

Module parameters() {
    Module module;
    module.get<path_two>("/path/two/{left}/with/{right}");
    module.get<query_default>("/query/default");
    module.get<query_optional>("/query/optional");
    module.get<query_alias>("/query/alias");
    module.get<query_list_default>("/query/list-default");
    module.get<query_model>("/query/model");
    module.get<query_model_forbid>("/query/model-forbid");
    module.get<header_required>("/header/required");
    module.get<header_optional>("/header/optional");
    module.get<header_alias>("/header/alias");
    module.get<header_model>("/header/model");
    module.get<cookie_optional>("/cookie/optional");
    module.get<cookie_alias>("/cookie/alias");
    module.get<cookie_model>("/cookie/model");
    return module;
}

}  // namespace fastapi
