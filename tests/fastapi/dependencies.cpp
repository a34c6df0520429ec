// Who asks; what is asked once, handed over, refused and cleaned up.
#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>

#include "fastapi/app.hpp"
#include "fastapi/item.hpp"

namespace fastapi {

namespace {

using namespace signalbox::api;  // NOLINT: the words of models
using signalbox::async::Task;
namespace http = signalbox::http;

void refuse_unless_secret(const Bearer& bearer) {
    if (!equal_in_constant_time(bearer.token, "secret"))
        throw http::HttpError(401, "Invalid token", {{"WWW-Authenticate", "Bearer"}});
}

struct Scheme {
    std::string scheme;
};
Task<Scheme> auth_bearer(Bearer bearer, const http::Request& request) {
    refuse_unless_secret(bearer);
    const std::string_view sent = *request.header("authorization");
    co_return Scheme{std::string(sent.substr(0, sent.find(' ')))};
}

struct OptionalToken {
    std::optional<std::string> token;
};
Task<OptionalToken> auth_bearer_optional(std::optional<Bearer> bearer) {
    OptionalToken answer;
    if (bearer) answer.token = bearer->token;
    co_return answer;
}

struct UserAndPassword {
    std::string username;
    std::string password;
};
Task<UserAndPassword> auth_basic(BasicIn<"kinds"> basic) {
    co_return UserAndPassword{basic.username, basic.password};
}

struct Key {
    std::string key;
};
Task<Key> auth_key_header(ApiKeyHeader<"X-API-Key"> key) {
    co_return Key{key.key};
}
Task<Key> auth_key_query(ApiKeyQuery<"api_key"> key) {
    co_return Key{key.key};
}
Task<Key> auth_key_cookie(ApiKeyCookie<"key"> key) {
    co_return Key{key.key};
}

struct Token {
    std::string token;
};
Task<Token> auth_oauth2(OAuth2PasswordBearer<"token"> bearer) {
    co_return Token{bearer.token};
}

std::string current_user(Bearer bearer) {
    refuse_unless_secret(bearer);
    return "ada";
}
using User = Depends<current_user>;

struct AndBody {
    std::int64_t id;
    Item item;
    std::string user;
};
Task<AndBody> auth_and_body(std::int64_t id, Item item, User user) {
    co_return AndBody{id, item, *user};
}

struct TenantHeader {
    Field<std::int64_t, Ge(1)> x_tenant;
};
std::string tenant(User user, Headers<TenantHeader> headers) {
    return *user + '@' + std::to_string(*headers->x_tenant);
}
struct Limit {
    Field<std::int64_t> limit = 10;
};
struct TenantOut {
    std::string tenant;
    std::int64_t limit;
};
Task<TenantOut> auth_nested(Depends<tenant> its_tenant, Query<Limit> query) {
    co_return TenantOut{*its_tenant, *query->limit};
}

/// How often `counted` ran for the request that is answered: the client asks one at a time.
struct Calls {
    std::int64_t count = 0;
};
Calls make_calls() {
    return {};
}
std::int64_t counted(Calls& calls) {
    return ++calls.count;
}
std::int64_t doubled(Depends<counted> count) {
    return 2 * *count;
}
struct Once {
    std::int64_t twice;
    std::int64_t count;
};
Task<Once> once(Depends<doubled> twice, Depends<counted> count, Calls& calls) {
    calls.count = 0;
    co_return Once{*twice, *count};
}

class CommitFailed : public std::runtime_error {
  public:
    CommitFailed() : std::runtime_error("the commit has failed") {}
};
http::Response answer_commit_failed(const CommitFailed&) {
    http::Response response{.status = 503, .body = std::string(R"({"detail":"Not committed"})")};
    response.headers.emplace_back("Retry-After", "1");
    return response;
}

struct Fail {
    Field<std::string> fail = "nowhere";
};
class Transaction {
  public:
    explicit Transaction(std::string fail) : fail_(std::move(fail)) {}

    Task<> finish(const std::exception_ptr& error) {
        if (error) {
            try {
                std::rethrow_exception(error);
            } catch (const http::HttpError& refused) {
                throw http::HttpError(refused.status(), refused.detail() + ", rolled back");
            }
        }
        if (fail_ == "commit") throw http::HttpError(409, "Not serializable");
        if (fail_ == "commit, own exception") throw CommitFailed();
        co_return;
    }

  private:
    std::string fail_;
};
Transaction transaction(Reply& reply, Query<Fail> query) {
    if (*query->fail == "begin") throw http::HttpError(503, "No transaction");
    reply.header("X-Reason", "begun");
    return Transaction(*query->fail);
}
struct In {
    std::string in;
};
Task<In> cleanup(Depends<transaction>, Query<Fail> query) {
    if (*query->fail == "work") throw http::HttpError(400, "No such work");
    co_return In{"transaction"};
}

}  // namespace

Module dependencies() {
    Module module;
    module.get<auth_bearer>("/auth/bearer");
    module.get<auth_bearer_optional>("/auth/bearer-optional");
    module.get<auth_basic>("/auth/basic");
    module.get<auth_key_header>("/auth/key-header");
    module.get<auth_key_query>("/auth/key-query");
    module.get<auth_key_cookie>("/auth/key-cookie");
    module.get<auth_oauth2>("/auth/oauth2");
    module.post<auth_and_body>("/auth/and-body/{id}");
    module.get<auth_nested>("/auth/nested");
    module.provide<make_calls>();
    module.get<once>("/dependency/once");
    module.on_error<CommitFailed, answer_commit_failed>();
    module.post<cleanup>("/dependency/cleanup", {.status = 201});
    return module;
}

}  // namespace fastapi
