#include "signalbox/testing/client.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "signalbox/api/logger.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/json.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Optional;
using testing::ThrowsMessage;

async::Task<http::Response> show(http::Request& request) {
    http::Response response{.status = 201, .content_type = "text/plain"};
    std::string text(http::to_string(request.method));
    text.append(" ").append(request.path_parameter("id").value_or("-"));
    text.append(" ").append(request.query_parameter("q").value_or("-"));
    text.append(" ").append(request.header("content-type").value_or("-"));
    text.append(" ").append(request.client_address).append(" ").append(request.body);
    response.body = std::move(text);
    response.headers.emplace_back("Location", "/items/7");
    co_return response;
}

api::Module items() {
    api::Module module;
    module.get<show>("/items/{id}").post<show>("/items/{id}").put<show>("/items/{id}");
    module.patch<show>("/items/{id}").del<show>("/items/{id}").options<show>("/items/{id}");
    return module;
}

TEST(TestClient, calls_an_endpoint_with_a_request_that_was_decoded) {
    Client client(items());
    const auto response = client.get("/items/a%20b?q=%2B+1", {{"Content-Type", "x/y"}});
    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(response.body, "GET a b + 1 x/y 127.0.0.1 ");
    EXPECT_THAT(response.header("location"), Optional(std::string_view("/items/7")));
    EXPECT_THAT(response.header("Content-Type"), Optional(std::string_view("text/plain")));
    EXPECT_THAT(response.header("content-length"), Optional(std::string_view("26")));
    EXPECT_FALSE(response.header("allow"));
    EXPECT_THAT(response.cause, IsEmpty());
}

TEST(TestClient, has_every_method_and_sends_bodies) {
    Client client(items());
    EXPECT_EQ(client.post("/items/1", "{}").body, "POST 1 - application/json 127.0.0.1 {}");
    EXPECT_EQ(client.post("/items/1").body, "POST 1 - - 127.0.0.1 ");
    EXPECT_EQ(client.put("/items/1", "a", {{"content-type", "text/plain"}}).body,
              "PUT 1 - text/plain 127.0.0.1 a");
    EXPECT_EQ(client.patch("/items/1", "b").body, "PATCH 1 - application/json 127.0.0.1 b");
    EXPECT_EQ(client.del("/items/1").body, "DELETE 1 - - 127.0.0.1 ");
    EXPECT_EQ(client.options("/items/1").body, "OPTIONS 1 - - 127.0.0.1 ");
    EXPECT_EQ(client
                  .request("POST", "/items/1", "3\r\nabc\r\n0\r\n\r\n",
                           {{"Transfer-Encoding", "chunked"}, {"Expect", "100-continue"}})
                  .body,
              "POST 1 - application/json 127.0.0.1 abc");
    const auto head = client.head("/items/1");
    EXPECT_EQ(head.status, 201);
    EXPECT_THAT(head.body, IsEmpty());
    EXPECT_THAT(head.header("content-length"), Optional(std::string_view("21")));
}

TEST(TestClient, answers_as_the_server_does_where_there_is_no_endpoint) {
    Client client(items());
    const auto unknown = client.get("/nothing");
    EXPECT_EQ(unknown.status, 404);
    EXPECT_EQ(unknown.json(), JsonValue::parse(R"({"detail":"Not Found"})"));
    api::Module only_get;
    only_get.get<show>("/items/{id}");
    Client reader(only_get);
    const auto not_allowed = reader.post("/items/1");
    EXPECT_EQ(not_allowed.status, 405);
    EXPECT_THAT(not_allowed.header("Allow"), Optional(std::string_view("GET, HEAD")));
    EXPECT_EQ(reader.request("BREW", "/items/1").status, 501);
    const auto redirect = client.get("/items/1/?q=2");
    EXPECT_EQ(redirect.status, 307);
    EXPECT_THAT(redirect.header("location"), Optional(std::string_view("/items/1?q=2")));
}

TEST(TestClient, answers_as_the_server_does_to_what_it_would_refuse) {
    Client client(items());
    const auto bad = client.get("/items/%zz");
    EXPECT_EQ(bad.status, 400);
    EXPECT_THAT(bad.json()["detail"].string(), HasSubstr("two hexadecimal digits"));
    EXPECT_THAT(bad.cause, Not(IsEmpty()));
    EXPECT_THAT(bad.header("connection"), Optional(std::string_view("close")));
    EXPECT_EQ(client.get("/items/a b").status, 400);
    EXPECT_EQ(client.get("/", {{"bad name", "x"}}).status, 400);
    EXPECT_EQ(client.get("/", {{"Host", "a b"}}).status, 400);
    EXPECT_EQ(client.post("/items/1", std::string(1024 * 1024 + 1, 'x')).status, 413);
}

async::Task<http::StreamingResponse> count(http::Request& request) {
    const int last = std::stoi(request.query_parameter("last").value_or("1000"));
    co_return http::stream("text/plain", [last](http::Sink& out) -> async::Task<> {
        if (last == 0) throw http::HttpError(409, "nothing to count");
        for (int n = 1; n <= 1000; ++n) {
            co_await out.write(std::to_string(n) + ' ' + std::string(1024, 'x'));
            if (n == last) throw std::runtime_error("lost count");
        }
    });
}

TEST(TestClient, collects_what_is_streamed) {
    api::Module module;
    module.get<count>("/count");
    Client client(module);
    const auto response = client.get("/count?last=1001");
    EXPECT_EQ(response.status, 200);
    EXPECT_THAT(response.header("Transfer-Encoding"), Optional(std::string_view("chunked")));
    EXPECT_THAT(response.header("Content-Type"),
                Optional(std::string_view("text/plain; charset=utf-8")));
    EXPECT_GT(response.body.size(), 1000U * 1024);
    EXPECT_FALSE(response.cut);
    EXPECT_THAT(response.cause, IsEmpty());
    const auto head = client.head("/count");
    EXPECT_EQ(head.status, 200);
    EXPECT_THAT(head.body, IsEmpty());
}

bool left = false;

async::Task<http::StreamingResponse> for_ever(http::Request&) {
    left = false;
    co_return http::stream("text/plain", [](http::Sink& out) -> async::Task<> {
        try {
            for (int n = 1;; ++n) {
                co_await out.write(std::to_string(n) + ' ');
                co_await async::sleep_for(1ms);
            }
        } catch (const std::exception&) {
            left = true;
            throw;
        }
    });
}

TEST(TestClient, leaves_a_stream_that_has_no_end) {
    api::Module module;
    module.get<for_ever>("/for-ever").get<count>("/count");
    Client client(module);
    const auto some = client.get_pieces("/for-ever", 3);
    EXPECT_EQ(some.status, 200);
    EXPECT_EQ(some.body, "1 2 3 ");
    EXPECT_FALSE(some.cut);
    EXPECT_FALSE(client.get_pieces("/count?last=0", 3).cut);
    client.stop();
    EXPECT_TRUE(left) << "it was cancelled";
    EXPECT_THROW(static_cast<void>(client.get_pieces("/for-ever", 0)), std::invalid_argument);
}

TEST(TestClient, tells_that_a_stream_was_cut_and_why) {
    api::Module module;
    module.get<count>("/count");
    Client client(module);
    const auto cut = client.get("/count?last=1");
    EXPECT_EQ(cut.status, 200);
    EXPECT_EQ(cut.body.size(), 1026U);
    EXPECT_TRUE(cut.cut);
    EXPECT_EQ(cut.cause, "lost count");
    std::ostringstream shown;
    shown << cut;
    EXPECT_THAT(shown.str(), HasSubstr("cut"));
    const auto refused = client.get("/count?last=0");
    EXPECT_EQ(refused.status, 409);
    EXPECT_FALSE(refused.cut);
    EXPECT_EQ(refused.json()["detail"], "nothing to count");
}

TEST(TestClient, refuses_parts_that_are_no_one_request) {
    Client client(items());
    const auto refused = [&](auto call) {
        EXPECT_THROW(static_cast<void>(call()), std::invalid_argument);
    };
    refused([&] { return client.get("/", {{"X", "1\r\nY: 2"}}); });
    refused([&] { return client.get("/", {{"X\n", "1"}}); });
    refused([&] { return client.get("/\r\n"); });
    refused([&] { return client.request("GET\r\n", "/"); });
    refused([&] { return client.post("/", "ab", {{"Content-Length", "3"}}); });
    refused([&] { return client.post("/", "ab", {{"Content-Length", "1"}}); });
    EXPECT_EQ(client.get("/items/1").status, 201) << "it goes on";
}

async::Task<http::Response> forbid() {
    throw http::HttpError(403, "not yours");
    co_return http::Response{};
}
async::Task<http::Response> fail() {
    co_await async::sleep_for(1ms);
    try {
        throw std::runtime_error("the disk is full");
    } catch (...) {
        std::throw_with_nested(std::logic_error("no receipt"));
    }
    co_return http::Response{};
}

TEST(TestClient, has_the_cause_of_an_error_for_the_test) {
    api::Module module;
    module.get<forbid>("/forbidden").get<fail>("/broken");
    Client client(module);
    const auto forbidden = client.get("/forbidden");
    EXPECT_EQ(forbidden.status, 403);
    EXPECT_EQ(forbidden.json()["detail"], "not yours");
    EXPECT_EQ(forbidden.cause, "not yours");

    const auto broken = client.get("/broken");
    EXPECT_EQ(broken.status, 500);
    EXPECT_EQ(broken.body, R"({"detail":"Internal Server Error"})");
    EXPECT_EQ(broken.cause, "no receipt: the disk is full");
    std::ostringstream printed;
    printed << broken;
    EXPECT_THAT(printed.str(),
                AllOf(HasSubstr("500 Internal Server Error\n"), HasSubstr("\nContent-Length: 34\n"),
                      HasSubstr("cause: no receipt: the disk is full")));
}

async::Task<http::Response> wait_long() {
    co_await async::sleep_for(10min);
    co_return http::Response{};
}

TEST(TestClient, ends_what_is_out_of_time) {
    api::Module module;
    module.get<wait_long>("/");
    Client client(module);
    const auto late = client.get("/", {{"Request-Timeout", "0.02"}});
    EXPECT_EQ(late.status, 504);
    EXPECT_EQ(client.get("/", {{"Request-Timeout", "soon"}}).status, 400);
}

async::Task<http::Response> leave_one_behind() {
    const auto executor = co_await asio::this_coro::executor;
    asio::co_spawn(executor, async::sleep_for(10min), asio::detached);
    co_return http::Response{};
}

TEST(TestClient, ends_what_a_handler_has_left_behind) {
    api::Module module;
    module.get<leave_one_behind>("/");
    Client client(module);
    EXPECT_EQ(client.get("/").status, 200);
}

async::Task<http::Response> complain(api::Logger& log) {
    co_await async::sleep_for(1ms);
    log.warning("late", {{"order.id", 7}});
    co_return http::Response{};
}

TEST(TestClient, gives_a_request_its_id_its_trace_and_lines_that_name_it) {
    api::Module module;
    module.get<complain>("/orders");
    testing::internal::CaptureStdout();
    {
        Client client(module);
        const auto response = client.get(
            "/orders",
            {{"X-Request-ID", "mine"},
             {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}});
        EXPECT_THAT(response.header("x-request-id"), Optional(std::string_view("mine")));
        EXPECT_THAT(response.header("traceparent").value_or(""),
                    HasSubstr("0af7651916cd43dd8448eb211c80319c"));
        const auto other = client.get("/orders").header("x-request-id");
        EXPECT_EQ(other.value_or("").size(), 32);
    }
    EXPECT_THAT(testing::internal::GetCapturedStdout(),
                AllOf(HasSubstr("late"), HasSubstr("order.id=7"), HasSubstr("request_id=mine"),
                      HasSubstr("trace_id=0af7651916cd43dd8448eb211c80319c"),
                      HasSubstr("http.route=/orders")));
}

struct Mailer {
    virtual ~Mailer() = default;
    virtual void send(const std::string& to) = 0;
};
struct SmtpMailer final : Mailer {
    void send(const std::string&) override { throw std::logic_error("a test sends no mail"); }
};
struct FakeMailer final : Mailer {
    void send(const std::string& to) override { sent.push_back(to); }
    std::vector<std::string> sent;
};
std::unique_ptr<Mailer> make_mailer() {
    return std::make_unique<SmtpMailer>();
}

struct User {
    std::string name;
};
async::Task<User> current_user(http::Request& request) {
    const auto name = request.header("authorization");
    if (!name) throw http::HttpError(401);
    co_return User{std::string(*name)};
}
// [snippet: endpoint]
async::Task<http::Response> remind(Mailer& mailer, api::Depends<current_user> user) {
    mailer.send(user->name);
    co_return http::json({{"reminded", user->name}});
}

api::Module reminders() {
    api::Module module;
    module.provide<make_mailer>().post<remind>("/reminders");
    return module;
}
// [/snippet]

// [snippet: replace]
TEST(Reminders, are_sent_to_who_asks_for_them) {
    FakeMailer mailer;
    test::Client client(reminders());
    client.replace<Mailer>(mailer);
    client.replace<current_user>(User{"ada"});

    client.post("/reminders");

    EXPECT_THAT(mailer.sent, ElementsAre("ada"));
}
// [/snippet]

TEST(TestClient, replaces_services_and_dependencies) {
    FakeMailer mailer;
    {
        Client client(reminders());
        client.replace<Mailer>(mailer).replace<current_user>(User{"eve"});
        EXPECT_EQ(client.post("/reminders").json()["reminded"], "eve");
        EXPECT_EQ(client.post("/reminders").status, 200) << "each request gets its own";
    }
    {
        Client client(reminders());
        int calls = 0;
        client.replace<Mailer>(mailer);
        client.replace<current_user>([&calls] { return User{"user " + std::to_string(++calls)}; });
        client.post("/reminders");
        EXPECT_EQ(client.post("/reminders").json()["reminded"], "user 2");
    }
    {
        Client client(reminders());
        client.replace<Mailer>(mailer);
        client.replace<current_user>([]() -> async::Task<User> {
            co_await async::sleep_for(1ms);
            throw http::HttpError(403, "banned");
        });
        EXPECT_EQ(client.post("/reminders").json()["detail"], "banned");
    }
    {
        Client client(reminders());
        client.replace<Mailer>(mailer);
        EXPECT_EQ(client.post("/reminders").status, 401) << "nothing is replaced by itself";
    }
    EXPECT_THAT(mailer.sent, ElementsAre("eve", "eve", "user 1", "user 2"));
}

async::Task<User> another_user() {
    co_return User{};
}

TEST(TestClient, refuses_a_replacement_that_no_endpoint_would_meet) {
    FakeMailer mailer;
    {
        Client client(reminders());
        client.replace(mailer);
        EXPECT_THAT([&] { client.post("/reminders"); },
                    ThrowsMessage<std::invalid_argument>(
                        AllOf(HasSubstr("FakeMailer"), HasSubstr("replace<Base>"))));
        EXPECT_THROW(client.post("/reminders"), std::invalid_argument) << "and goes on to";
    }
    Client client(reminders());
    client.replace<another_user>(User{"eve"});
    EXPECT_THAT([&] { client.post("/reminders"); },
                ThrowsMessage<std::invalid_argument>(HasSubstr("another_user")));
}

TEST(TestClient, refuses_a_replacement_that_comes_too_late) {
    FakeMailer mailer;
    Client client(reminders());
    client.post("/reminders");
    EXPECT_THROW(client.replace<Mailer>(mailer), std::logic_error);
    EXPECT_THROW(client.replace<current_user>(User{"eve"}), std::logic_error);
}

async::Task<http::Response> read(db::Pool& database) {
    co_return http::json(co_await database.fetch_all("SELECT 1"));
}

TEST(TestClient, says_who_needs_a_database) {
    api::Module module;
    module.get<read>("/orders");
    Client client(module);
    EXPECT_THAT([&] { client.get("/orders"); },
                ThrowsMessage<std::invalid_argument>(
                    AllOf(HasSubstr("db::Pool"), HasSubstr("GET /orders (read)"))));
}

std::vector<std::string> happened;

void open() {
    happened.emplace_back("open");
}
async::Task<> close() {
    co_await async::sleep_for(1ms);
    happened.emplace_back("close");
}
void fail_to_open() {
    throw std::runtime_error("cannot open");
}
void fail_to_close() {
    throw std::runtime_error("cannot close");
}

TEST(TestClient, starts_with_the_first_request_and_stops_at_the_end) {
    happened.clear();
    api::Module module = items();
    module.on_startup<open>().on_shutdown<close>();
    {
        Client client(module);
        EXPECT_THAT(happened, IsEmpty());
        client.get("/items/1");
        client.get("/items/1");
        EXPECT_THAT(happened, ElementsAre("open"));
    }
    EXPECT_THAT(happened, ElementsAre("open", "close"));
    {
        Client client(module);
        client.start();
        client.stop();
        EXPECT_THAT(happened, ElementsAre("open", "close", "open", "close"));
        EXPECT_THROW(client.get("/items/1"), std::logic_error);
    }
    EXPECT_EQ(happened.size(), 4);
    { const Client unused(module); }
    EXPECT_EQ(happened.size(), 4);
}

TEST(TestClient, throws_what_startup_and_shutdown_throw) {
    api::Module no_start = items();
    no_start.on_startup<fail_to_open>().on_shutdown<close>();
    happened.clear();
    {
        Client client(no_start);
        EXPECT_THAT([&] { client.start(); }, ThrowsMessage<std::runtime_error>("cannot open"));
        EXPECT_THAT([&] { client.get("/items/1"); },
                    ThrowsMessage<std::runtime_error>("cannot open"));
    }
    EXPECT_THAT(happened, IsEmpty()) << "what has not started is not stopped";

    api::Module no_stop = items();
    no_stop.on_shutdown<fail_to_close>();
    Client stopped(no_stop);
    stopped.start();
    EXPECT_THAT([&] { stopped.stop(); }, ThrowsMessage<std::runtime_error>("cannot close"));

    testing::internal::CaptureStderr();
    {
        Client destroyed(no_stop);
        destroyed.start();
    }
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("cannot close"));
}

}  // namespace
}  // namespace signalbox::test
