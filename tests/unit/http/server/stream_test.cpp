// Responses that are written piece by piece, through a server with threads of its own.

#include "signalbox/http/stream.hpp"

#include <asio/error.hpp>
#include <asio/system_error.hpp>
#include <asio/this_coro.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/async/sleep.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/middleware/compression.hpp"
#include "signalbox/http/server/server.hpp"
#include "signalbox/http/watch/telemetry.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/sanitized.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using test::dechunked;
using test::eventually;
using test::get_bytes;
using test::LogLine;
using test::RawClient;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::size_t mebibyte = 1024 * 1024;

/// One chunked response of a connection that stays open.
std::string read_chunked(RawClient& client) {
    std::string response = client.read_until("\r\n\r\n");
    return response += client.read_until("0\r\n\r\n");
}

struct Streaming : testing::TestWithParam<std::size_t> {
    observe::Metrics metrics;
    test::LogFile file;
    observe::Log log{
        {"orders", "1.2.3"}, config::LogLevel::info, config::LogFormat::json, file.descriptor()};
    Telemetry telemetry{metrics, log, {.access_log = config::AccessLog::all}};
    ServerOptions options{.workers = GetParam()};
    /// What the routes' streams do; the names are the paths.
    std::map<std::string, Stream> streams;
    std::atomic<std::size_t> begun{0};
    std::atomic<std::size_t> written{0};  ///< bytes
    std::atomic<std::size_t> cancelled{0};
    std::atomic<bool> released{false};
    std::optional<Server> server;

    Streaming() {
        streams["/numbers"] = [this](Sink& out) { return numbers(out); };
        streams["/nothing"] = [](Sink&) -> async::Task<> { co_return; };
        streams["/fails-at-once"] = [](Sink&) -> async::Task<> {
            co_await async::sleep_for(1ms);
            throw HttpError(409, "Not now");
        };
        streams["/fails-later"] = [](Sink& out) -> async::Task<> {
            co_await out.write("the beginning");
            throw std::runtime_error("the disk is full");
        };
        streams["/for-ever"] = [this](Sink& out) { return for_ever(out); };
        streams["/waits"] = [this](Sink& out) { return waits(out); };
        streams["/never-begins"] = [this](Sink&) -> async::Task<> {
            ++begun;
            co_await async::sleep_for(1h);
        };
        streams["/late"] = [](Sink& out) -> async::Task<> {
            for (int i = 0; i < 5; ++i) {
                co_await out.write("x");
                co_await async::sleep_for(100ms);
            }
        };
        streams["/ends-when-told"] = [this](Sink& out) -> async::Task<> {
            co_await out.write("begin;");
            ++begun;
            while (!out.ending())
                co_await async::sleep_for(1ms);
            co_await out.write("end");
        };
    }

    async::Task<> numbers(Sink& out) {
        ++begun;
        for (int i = 0; i < 1000; ++i) {
            co_await out.write(std::to_string(i) + "\n");
            co_await out.write("");
        }
    }
    static std::string all_numbers() {
        std::string all;
        for (int i = 0; i < 1000; ++i)
            all += std::to_string(i) + "\n";
        return all;
    }
    async::Task<> for_ever(Sink& out) {
        ++begun;
        const std::string piece(64 * 1024, 'x');
        try {
            while (true) {
                co_await out.write(piece);
                written += piece.size();
            }
        } catch (const asio::system_error& error) {
            if (error.code() == asio::error::operation_aborted) ++cancelled;
            throw;
        }
    }
    async::Task<> waits(Sink& out) {
        try {
            co_await out.write("first");
            ++begun;
            while (!released)
                co_await async::sleep_for(1ms);
            co_await out.write("last");
        } catch (const asio::system_error& error) {
            if (error.code() == asio::error::operation_aborted) ++cancelled;
            throw;
        }
    }

    void serve() {
        std::vector<Route> routes;
        for (const auto& [path, body] : streams) {
            routes.push_back({"GET", path, [its_body = body](Request&) -> async::Task<Response> {
                                  Response response = stream("text/csv", its_body);
                                  response.headers.emplace_back("X-Own", "yes");
                                  co_return response;
                              }});
        }
        routes.push_back({"GET", "/fast", [](Request&) -> async::Task<Response> {
                              co_return json({{"fast", true}});
                          }});
        routes.push_back({"GET", "/no-content", [this](Request&) -> async::Task<Response> {
                              co_return stream("text/csv", streams.at("/numbers"), 204);
                          }});
        telemetry.expect(routes);
        server.emplace(options, std::move(routes),
                       [this](auto& loop) { return telemetry.observe(loop); });
        server->listen();
    }

    LogLine line(const std::string& path) {
        std::vector<LogLine> found;
        EXPECT_TRUE(eventually([&] {
            found = test::log_lines_with(file.text(), "url.path", path);
            std::erase_if(found, [](const LogLine& one) { return one.text("body") != "request"; });
            return !found.empty();
        })) << path;
        return found.at(0);
    }
    double metric(std::string_view name, const test::Labels& labels = {}) const {
        return test::total(test::parse_metrics(metrics.text()), name, labels);
    }
    context::Waiting waiting_for() const {
        const auto snapshot = telemetry.in_flight(1);
        return snapshot.entries.empty() ? context::Waiting::timer : snapshot.entries[0].waiting;
    }
    bool all_over() {
        return eventually(
            [&] { return telemetry.in_flight(1).total == 0 && server->streams().open == 0; });
    }
};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, Streaming, testing::Values(1, 2));

TEST_P(Streaming, sends_each_piece_as_a_chunk_and_goes_on_with_the_connection) {
    serve();
    RawClient client(server->port());
    client.send(get_bytes("/numbers") + get_bytes("/fast") + get_bytes("/numbers"));
    for (int i = 0; i < 2; ++i) {
        const std::string response = read_chunked(client);
        EXPECT_EQ(test::status_of(response), 200);
        EXPECT_EQ(test::header_of(response, "Transfer-Encoding"), "chunked");
        EXPECT_EQ(test::header_of(response, "Content-Type"), "text/csv; charset=utf-8");
        EXPECT_EQ(test::header_of(response, "X-Own"), "yes");
        EXPECT_FALSE(test::header_of(response, "Content-Length"));
        EXPECT_FALSE(test::header_of(response, "Connection"));
        EXPECT_EQ(dechunked(test::body_of(response)), all_numbers());
        if (i == 0) {
            EXPECT_THAT(client.read_response(), HasSubstr("fast"));
        }
    }
    const LogLine logged = line("/numbers");
    EXPECT_EQ(logged.number("http.response.status_code"), 200);
    EXPECT_EQ(logged.number("http.response.body.size"), all_numbers().size());
    EXPECT_FALSE(logged.has("error.type"));
    EXPECT_LE(logged.number("first_byte_s"), logged.number("duration_s"));
    EXPECT_TRUE(all_over());
    EXPECT_EQ(server->streams().bytes, 2 * all_numbers().size());
    EXPECT_EQ(metric("signalbox_stream_duration_seconds_count",
                     {{"http_route", "/numbers"}, {"error_type", ""}}),
              2);
    EXPECT_EQ(metric("signalbox_streams_left_total"), 0);
}

TEST_P(Streaming, sends_http_1_0_the_pieces_as_they_are_and_closes) {
    serve();
    RawClient client(server->port());
    client.send("GET /numbers HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const std::string response = client.read_to_end();
    EXPECT_EQ(test::status_of(response), 200);
    EXPECT_FALSE(test::header_of(response, "Transfer-Encoding"));
    EXPECT_FALSE(test::header_of(response, "Content-Length"));
    EXPECT_EQ(test::header_of(response, "Connection"), "close");
    EXPECT_EQ(test::body_of(response), all_numbers());
}

TEST_P(Streaming, answers_head_as_get_but_does_not_run) {
    serve();
    RawClient client(server->port());
    client.send("HEAD /numbers HTTP/1.1\r\nHost: a\r\n\r\n" + get_bytes("/fast"));
    const std::string head = client.read_until("\r\n\r\n");
    EXPECT_EQ(test::header_of(head, "Transfer-Encoding"), "chunked");
    EXPECT_EQ(test::header_of(head, "Content-Type"), "text/csv; charset=utf-8");
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 OK"));
    RawClient old(server->port());
    old.send("HEAD /numbers HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(test::header_of(old.read_to_end(), "Connection"), "close");
    EXPECT_EQ(begun, 0U);
    EXPECT_EQ(line("/numbers").number("http.response.body.size"), 0);
}

TEST_P(Streaming, does_not_run_with_a_status_that_has_no_content) {
    serve();
    RawClient client(server->port());
    client.send(get_bytes("/no-content") + get_bytes("/fast"));
    const std::string head = client.read_until("\r\n\r\n");
    EXPECT_EQ(test::status_of(head), 204);
    EXPECT_FALSE(test::header_of(head, "Transfer-Encoding"));
    EXPECT_EQ(test::status_of(client.read_response()), 200);
    EXPECT_EQ(begun, 0U);
}

TEST_P(Streaming, that_writes_nothing_is_an_empty_response) {
    serve();
    RawClient client(server->port());
    client.send(get_bytes("/nothing") + get_bytes("/fast"));
    const std::string response = read_chunked(client);
    EXPECT_EQ(test::status_of(response), 200);
    EXPECT_EQ(test::header_of(response, "Content-Type"), "text/csv; charset=utf-8");
    EXPECT_EQ(dechunked(test::body_of(response)), "");
    EXPECT_EQ(test::status_of(client.read_response()), 200);
    RawClient old(server->port());
    old.send("GET /nothing HTTP/1.0\r\n\r\n");
    EXPECT_EQ(test::body_of(old.read_to_end()), "");
    EXPECT_TRUE(all_over());
}

TEST_P(Streaming, that_fails_before_its_first_piece_is_a_proper_error) {
    serve();
    RawClient client(server->port());
    client.send(get_bytes("/fails-at-once") + get_bytes("/fast"));
    const std::string response = client.read_response();
    EXPECT_EQ(test::status_of(response), 409);
    EXPECT_EQ(test::body_of(response), R"({"detail":"Not now"})");
    EXPECT_FALSE(test::header_of(response, "X-Own"));
    EXPECT_EQ(test::status_of(client.read_response()), 200);
    EXPECT_FALSE(line("/fails-at-once").has("first_byte_s"));
}

TEST_P(Streaming, that_fails_later_is_seen_to_be_cut_and_is_our_fault) {
    serve();
    RawClient client(server->port());
    client.send(get_bytes("/fails-later") + get_bytes("/fast"));
    const std::string response = client.read_to_end();
    EXPECT_EQ(test::status_of(response), 200);
    EXPECT_EQ(test::body_of(response), "d\r\nthe beginning\r\n") << "without the last chunk";
    const LogLine logged = line("/fails-later");
    EXPECT_EQ(logged.number("http.response.status_code"), 200);
    EXPECT_EQ(logged.text("error.type"), "stream_failed");
    EXPECT_EQ(logged.text("error.message"), "the disk is full");
    EXPECT_EQ(logged.text("severity_text"), "ERROR");
    EXPECT_EQ(logged.number("http.response.body.size"), 13);
    EXPECT_EQ(metric("signalbox_request_errors_total",
                     {{"http_route", "/fails-later"}, {"http_response_status_code", "500"}}),
              1);
    EXPECT_EQ(metric("signalbox_stream_duration_seconds_count", {{"error_type", "stream_failed"}}),
              1);
}

TEST_P(Streaming, that_fails_is_a_reset_to_http_1_0) {
    serve();
    RawClient client(server->port());
    client.send("GET /fails-later HTTP/1.0\r\n\r\n");
    EXPECT_THROW(client.read_to_end(), std::system_error);
}

std::size_t resident_memory() {
    std::ifstream statm("/proc/self/statm");
    std::size_t size = 0, resident = 0;
    statm >> size >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

TEST_P(Streaming, waits_for_its_reader) {
    serve();
    RawClient client(server->port(), 4096);
    client.send(get_bytes("/for-ever"));
    client.read_until("\r\n\r\n");
    std::size_t stopped_at = 0;
    int times_the_same = 0;
    ASSERT_TRUE(eventually([&] {
        const bool same = std::exchange(stopped_at, written) == written;
        times_the_same = same ? times_the_same + 1 : 0;
        return times_the_same > 50 && waiting_for() == context::Waiting::client;
    }));
    EXPECT_LT(stopped_at, 8 * mebibyte) << "what the sockets hold";
    EXPECT_GT(server->buffered().responses, 0U);
    EXPECT_EQ(server->streams().open, 1U);
    RawClient other(server->port());
    other.send(get_bytes("/fast"));
    EXPECT_EQ(test::status_of(other.read_response()), 200);
    EXPECT_EQ(written, stopped_at);
}

TEST_P(Streaming, of_a_gigabyte_takes_no_more_memory_than_its_pieces) {
    serve();
    const std::size_t before = resident_memory();
    RawClient client(server->port());
    client.send(get_bytes("/for-ever"));
    std::size_t taken = 0, most = 0;
    while (taken < 1024 * mebibyte) {
        taken += client.read_some().size();
        most = std::max(most, server->buffered().responses);
    }
    EXPECT_LE(most, 66 * 1024);
    EXPECT_LT(written, taken + 16 * mebibyte) << "what the sockets hold";
    if (!test::sanitized) {
        EXPECT_LT(resident_memory(), before + 8 * mebibyte);
    }
}

TEST_P(Streaming, whose_reader_is_fast_lets_others_have_their_turn) {
    serve();
    std::atomic<bool> enough{false};
    std::deque<RawClient> clients;
    for (std::size_t i = 0; i < GetParam(); ++i) {  // one on each loop
        clients.emplace_back(server->port());
        clients.back().send(get_bytes("/for-ever"));
    }
    std::thread reader([&] {
        while (!enough) {
            for (RawClient& client : clients)
                client.read_some();
        }
    });
    ASSERT_TRUE(eventually([&] { return written > 4 * mebibyte; }));
    RawClient other(server->port());
    for (int i = 0; i < 100; ++i) {
        other.send(get_bytes("/fast"));
        EXPECT_EQ(test::status_of(other.read_response()), 200);
    }
    enough = true;
    reader.join();
}

TEST_P(Streaming, ends_when_its_client_leaves) {
    serve();
    for (const std::string path : {"/waits", "/for-ever"}) {
        for (const bool resets : {false, true}) {
            const std::size_t before = cancelled;
            {
                RawClient client(server->port(), 4096);
                client.send(get_bytes(path));
                client.read_until("\r\n\r\n");
                if (resets) client.reset_on_close();
            }
            EXPECT_TRUE(eventually([&] { return cancelled == before + 1; })) << path << resets;
        }
        const LogLine logged = line(path);
        EXPECT_EQ(logged.number("http.response.status_code"), 499);
        EXPECT_EQ(logged.text("error.type"), "client_gone");
        EXPECT_EQ(logged.text("severity_text"), "INFO");
    }
    EXPECT_EQ(line("/waits").number("http.response.body.size"), 5);
    EXPECT_TRUE(all_over());
    EXPECT_EQ(server->buffered().responses, 0U);
    EXPECT_TRUE(eventually([&] {
        return metric("signalbox_requests_cancelled_total", {{"reason", "client_gone"}}) == 4;
    }));
    EXPECT_EQ(metric("signalbox_streams_left_total", {{"http_route", "/waits"}}), 2);
    EXPECT_EQ(metric("signalbox_streams_left_total", {{"http_route", "/for-ever"}}), 2);
}

TEST_P(Streaming, whose_client_takes_nothing_is_ended_by_the_write_timeout) {
    options.timeout_write = 200ms;
    serve();
    RawClient client(server->port(), 4096);
    client.send(get_bytes("/for-ever"));
    client.read_until("\r\n\r\n");
    EXPECT_TRUE(eventually([&] { return cancelled == 1; }));
    const LogLine logged = line("/for-ever");
    EXPECT_EQ(logged.number("http.response.status_code"), 200);
    EXPECT_EQ(logged.text("error.type"), "write_timeout");
    EXPECT_EQ(logged.text("severity_text"), "INFO");
    EXPECT_GT(logged.number("http.response.body.size"), 0);
    EXPECT_EQ(server->cut(Cut::write_timeout), 1U);
    EXPECT_THROW(client.read_to_end(), std::system_error);
    EXPECT_TRUE(all_over());
}

TEST_P(Streaming, has_a_deadline_until_it_begins_and_none_from_then_on) {
    options.timeout_request = 250ms;
    options.slow_request_log = 250ms;
    serve();
    RawClient client(server->port());
    client.send(get_bytes("/late"));
    EXPECT_EQ(dechunked(test::body_of(read_chunked(client))), "xxxxx");
    const LogLine logged = line("/late");
    EXPECT_GE(logged.number("duration_s"), 0.5);
    EXPECT_LT(logged.number("first_byte_s"), 0.25);
    EXPECT_THAT(file.text(), Not(HasSubstr("request is slow")));
    // The objective for latency is about what the service does, and so about the first byte.
    EXPECT_LT(metric("http_server_request_duration_seconds_sum", {{"http_route", "/late"}}), 0.25);
    EXPECT_GE(metric("signalbox_stream_duration_seconds_sum", {{"http_route", "/late"}}), 0.4);
    client.send(get_bytes("/never-begins"));
    EXPECT_EQ(test::status_of(client.read_response()), 504);
    EXPECT_EQ(line("/never-begins").text("error.type"), "deadline");
}

TEST_P(Streaming, is_in_flight_without_a_deadline) {
    serve();
    RawClient client(server->port());
    client.send(get_bytes("/waits"));
    client.read_until("first");
    ASSERT_TRUE(eventually([&] { return begun == 1; }));
    const auto snapshot = telemetry.in_flight(10);
    ASSERT_EQ(snapshot.entries.size(), 1U);
    EXPECT_EQ(snapshot.entries[0].route, "/waits");
    EXPECT_EQ(snapshot.entries[0].deadline, context::RequestContext::Clock::time_point::max());
    EXPECT_EQ(server->connections().active, 1U);
    released = true;
    client.read_until("0\r\n\r\n");
    EXPECT_TRUE(all_over());
    EXPECT_TRUE(eventually([&] { return server->connections().active == 0; }));
}

TEST_P(Streaming, goes_when_memory_is_short_and_its_client_takes_nothing) {
    options.limit_buffered = 1 * mebibyte;
    options.limits.body = 64 * 1024;
    serve();
    std::deque<RawClient> clients;
    for (int i = 0; i < 12; ++i) {
        clients.emplace_back(server->port(), 4096);
        clients.back().send(get_bytes("/for-ever"));
    }
    EXPECT_TRUE(eventually([&] { return server->cut(Cut::limit_buffered) > 0; }));
    EXPECT_TRUE(eventually([&] { return cancelled > 0; }));
    const LogLine logged = line("/for-ever");
    EXPECT_EQ(logged.text("error.type"), "limit_buffered");
    const auto& budget = server->buffered();
    EXPECT_LT(budget.responses, 2 * mebibyte);
    RawClient other(server->port());
    other.send(get_bytes("/fast"));
    EXPECT_EQ(test::status_of(other.read_response()), 200);
}

TEST_P(Streaming, that_is_compressed_counts_with_what_that_takes_and_is_refused_beyond_the_limit) {
    options.limit_buffered = 2 * mebibyte;
    options.limits.body = 64 * 1024;
    for (const std::string coding : {"gzip", "zstd"}) {
        SCOPED_TRACE(coding);
        released = false;
        options.middleware = {compression({.codings = {coding}})};
        serve();
        std::deque<RawClient> clients;
        std::size_t taken = 0;
        for (int i = 0; i < 12; ++i) {
            clients.emplace_back(server->port());
            clients.back().send(get_bytes("/waits", "Accept-Encoding: " + coding + "\r\n"));
            const int status = test::status_of(clients.back().read_until("\r\n\r\n"));
            EXPECT_THAT(status, testing::AnyOf(200, 503));
            if (status == 200) ++taken;
        }
        EXPECT_GE(taken, 2U);
        EXPECT_LE(taken, 8U) << "each takes 256 KiB, or more";
        const std::size_t held = server->buffered().requests;
        EXPECT_GE(held, taken * 256 * 1024);
        EXPECT_LE(held, options.limit_buffered);
        released = true;
        EXPECT_TRUE(eventually([&] { return server->buffered().requests == 0; }));
        RawClient other(server->port());
        other.send(get_bytes("/waits", "Accept-Encoding: " + coding + "\r\n"));
        EXPECT_EQ(test::status_of(other.read_until("\r\n\r\n")), 200);
        server.reset();
    }
}

TEST_P(Streaming, that_had_to_make_way_and_goes_on_takes_no_place_from_a_newcomer) {
    options.limit_connections = 4 * GetParam();
    options.limit_concurrency = options.limit_connections;
    streams["/deaf"] = [this](Sink& out) -> async::Task<> {
        const std::string piece(64 * 1024, 'x');
        try {
            while (true)
                co_await out.write(piece);
        } catch (const asio::system_error&) {
            ++cancelled;
        }
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        while (!released)
            co_await async::sleep_for(1ms);
    };
    serve();
    std::deque<RawClient> hoarders;
    for (std::size_t i = 0; i < options.limit_connections; ++i) {
        hoarders.push_back(RawClient::from("127.0.0.2", server->port(), 4096));
        hoarders.back().send(get_bytes("/deaf"));
        hoarders.back().read_until("\r\n\r\n");
    }
    RawClient newcomer(server->port());
    newcomer.send(get_bytes("/fast"));
    EXPECT_EQ(test::status_of(newcomer.read_response()), 200);
    // By then or soon after: its coroutine goes on in a turn of its own.
    EXPECT_TRUE(eventually([&] { return cancelled == 1U; })) << cancelled;
    released = true;
}

TEST_P(Streaming, with_a_piece_that_never_fits_is_refused) {
    options.limit_buffered = 1 * mebibyte;
    options.limits.body = 64 * 1024;
    streams["/too-large"] = [](Sink& out) -> async::Task<> {
        co_await out.write(std::string(2 * mebibyte, 'x'));
    };
    serve();
    RawClient client(server->port());
    client.send(get_bytes("/too-large"));
    EXPECT_EQ(test::status_of(client.read_response()), 503);
    EXPECT_EQ(line("/too-large").text("error.type"), "limit_buffered");
}

TEST_P(Streaming, is_told_of_a_drain_and_ends) {
    serve();
    RawClient client(server->port());
    client.send(get_bytes("/ends-when-told"));
    client.read_until("begin;");
    ASSERT_TRUE(eventually([&] { return begun == 1; }));
    const auto drained = server->drain(20s);
    EXPECT_EQ(drained.answered, 1U);
    EXPECT_EQ(drained.cancelled, 0U);
    EXPECT_THAT(client.read_to_end(), HasSubstr("3\r\nend\r\n0\r\n\r\n"));
}

TEST_P(Streaming, is_told_of_a_reload_and_ends) {
    serve();
    RawClient client(server->port());
    client.send(get_bytes("/ends-when-told"));
    client.read_until("begin;");
    server->hand_over();
    EXPECT_THAT(client.read_to_end(), HasSubstr("3\r\nend\r\n0\r\n\r\n"));
    EXPECT_EQ(line("/ends-when-told").number("http.response.status_code"), 200);
}

TEST_P(Streaming, that_does_not_end_at_a_drain_is_cancelled_and_seen_to_be_cut) {
    serve();
    RawClient client(server->port());
    client.send(get_bytes("/waits"));
    client.read_until("first");
    const auto drained = server->drain(100ms);
    EXPECT_EQ(drained.cancelled, 1U);
    EXPECT_EQ(cancelled, 1U);
    EXPECT_THAT(client.read_to_end(), Not(HasSubstr("0\r\n\r\n")));
    EXPECT_EQ(line("/waits").text("error.type"), "shutdown");
}

TEST_P(Streaming, calls_whoever_asks_when_it_has_to_end) {
    std::atomic<int> called{0};
    std::atomic<int> replaced{0};
    streams["/asks"] = [&](Sink& out) -> async::Task<> {
        out.on_ending([&] { ++replaced; });
        out.on_ending([&] { ++called; });
        co_await out.write("x");
        ++begun;
        while (called == 0)
            co_await async::sleep_for(1ms);
        std::function<void()> at_once = [&] { ++called; };
        out.on_ending(std::move(at_once));
    };
    serve();
    RawClient client(server->port());
    client.send(get_bytes("/asks"));
    ASSERT_TRUE(eventually([&] { return begun == 1; }));
    EXPECT_EQ(called, 0);
    EXPECT_EQ(server->drain(20s).cancelled, 0U);
    EXPECT_EQ(called, 2);
    EXPECT_EQ(replaced, 0);
}

TEST_P(Streaming, cannot_write_after_its_cancellation) {
    std::atomic<int> thrown{0};
    streams["/stubborn"] = [&](Sink& out) -> async::Task<> {
        co_await out.write("x");
        ++begun;
        try {
            co_await async::sleep_for(1h);
        } catch (const asio::system_error&) {
            ++thrown;
        }
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        try {
            co_await out.write("y");
        } catch (const asio::system_error&) {
            ++thrown;
        }
        // It returns as if it had come to its end.
    };
    serve();
    RawClient client(server->port());
    client.send(get_bytes("/stubborn"));
    ASSERT_TRUE(eventually([&] { return begun == 1; }));
    server->drain(10ms);
    EXPECT_EQ(thrown, 2);
    EXPECT_THAT(client.read_to_end(), Not(HasSubstr("0\r\n\r\n")));
    EXPECT_EQ(line("/stubborn").text("error.type"), "shutdown");
}

TEST_P(Streaming, keeps_its_captures_until_its_task_has_ended) {
    const auto text = std::make_shared<const std::string>("kept for long enough not to be inline");
    streams["/captures"] = [text](Sink& out) -> async::Task<> {
        const auto* const its = text.get();
        co_await async::sleep_for(5ms);
        co_await out.write(*its);
    };
    serve();
    RawClient client(server->port());
    client.send(get_bytes("/captures"));
    EXPECT_EQ(dechunked(test::body_of(read_chunked(client))), *text);
}

TEST_P(Streaming, ends_with_its_server) {
    serve();
    std::deque<RawClient> clients;
    for (const std::string path : {"/waits", "/for-ever", "/never-begins"}) {
        clients.emplace_back(server->port());
        clients.back().send(get_bytes(path));
    }
    ASSERT_TRUE(eventually([&] { return begun == 3; }));
    server.reset();
    for (RawClient& client : clients)
        EXPECT_THAT(client.read_to_end(), Not(EndsWith("0\r\n\r\n")));
}

TEST_P(Streaming, a_hundred_at_a_time_with_clients_that_come_and_go) {
    serve();
    for (int round = 0; round < 3; ++round) {
        std::deque<RawClient> clients;
        for (int i = 0; i < 100; ++i) {
            clients.emplace_back(server->port());
            clients.back().send(get_bytes(i % 2 == 0 ? "/numbers" : "/waits"));
        }
        for (int i = 0; i < 100; i += 2)
            EXPECT_EQ(dechunked(test::body_of(read_chunked(clients[i]))), all_numbers());
    }
    EXPECT_TRUE(eventually([&] { return cancelled == 150; }));
    EXPECT_TRUE(all_over());
}

}  // namespace
}  // namespace signalbox::http
