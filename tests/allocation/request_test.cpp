// Fails each allocation of one request in turn: the connection ends, with a 503 where an answer is
// still possible, the failure is counted and leaves one line, and the loop goes on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "allocation/failing_allocations.hpp"
#include "signalbox/async/memory_reserve.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/server/connection_set.hpp"
#include "support/raw_message.hpp"
#include "support/socket_pair.hpp"
#include "unit/http/server/one_loop.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using test::OneLoop;
using test::SocketPair;
using testing::AnyOf;
using testing::SizeIs;

bool is_whole(const std::string& response) {
    const std::size_t head = response.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    if (test::header_of(response, "Transfer-Encoding")) return response.ends_with("\r\n0\r\n\r\n");
    const auto length = test::header_of(response, "Content-Length");
    return response.size() >= head + 4 + (length ? std::stoul(*length) : 0);
}

/// What happened when one allocation failed.
struct Outcome {
    bool failed = false;  ///< there was one to fail
    std::string received{};
    bool ended = false;  ///< there is a whole response, or the server has closed
};

class FailedAllocation : public testing::Test {
  public:
    async::Task<Response> fast(Request&) { co_return json({{"message", "quick"}}); }
    async::Task<Response> echo(Request& request) { co_return Response{.body = request.body}; }
    async::Task<Response> slow(Request&) {
        co_await async::sleep_for(1ms);
        co_return Response{.body = std::string(100'000, 'x')};
    }
    async::Task<Response> streamed(Request&) {
        co_return stream("text/plain", [](Sink& out) -> async::Task<> {
            co_await out.write(
                "a beginning that is longer than any small string is in any library");
            co_await async::sleep_for(1ms);
            // More than the sockets take at once.
            for (int i = 0; i < 5; ++i)
                co_await out.write(std::string(100'000, 'x'));
        });
    }
    async::Task<Response> throwing(Request&) {
        co_await async::sleep_for(1ms);
        throw HttpError(409, "a detail that is longer than any small string is in any library");
    }

    /// The request, with the allocation of this number failing.
    Outcome run(const std::string& request, long nth) {
        SocketPair sockets(SocketPair::Kind::local);
        const int socket = sockets.release_server();
        ++one.server.open_connections;
        connections.add(socket, "192.0.2.1", client_network("192.0.2.1"));
        one.settle();
        sockets.send(request);
        Outcome outcome;
        outcome.received.reserve(1'000'000);
        test::FailingAllocation failing(nth, test::FailingAllocation::Of::this_thread);
        const auto end = std::chrono::steady_clock::now() + 10s;
        do {
            try {
                one.loop.run_one_until(std::chrono::steady_clock::now() + 1ms);
            } catch (const std::bad_alloc&) {
                // As of a coroutine that has ended and cannot say so. The thread of a loop goes on
                // (EventLoop).
            }
            const auto paused = failing.pause();
            auto more = sockets.receive();
            for (; more && !more->empty(); more = sockets.receive())
                outcome.received += *more;
            outcome.ended = !more.has_value() || is_whole(outcome.received);
        } while (!outcome.ended && std::chrono::steady_clock::now() < end);
        outcome.failed = failing.end();
        sockets.close();
        EXPECT_TRUE(one.turn_until([&] { return one.server.open_connections == 0; }));
        one.settle();
        return outcome;
    }

    void fail_each_of(const std::string& request, int usual_status, bool may_be_cut = false) {
        std::size_t failures = 0;
        long told = 0;
        for (long nth = 0; nth < 10'000; ++nth) {
            one.observer.failures.clear();
            const auto cut_before = one.server.cut[Cut::failed].load();
            const Outcome outcome = run(request, nth);
            ASSERT_EQ(one.server.requests_in_flight, 0U) << nth;
            ASSERT_EQ(one.requests_in_memory(), 0U) << nth;
            ASSERT_EQ(one.server.memory.bytes(), 0U) << nth;
            if (!outcome.failed) {
                ASSERT_EQ(test::status_of(outcome.received), usual_status) << nth;
                ASSERT_THAT(one.observer.failures, SizeIs(0)) << nth;
                EXPECT_GT(failures, 5U) << "a request takes some memory";
                EXPECT_GT(told, 0);
                return;
            }
            ++failures;
            // A handler that throws for want of memory is answered with 500, as for all it throws.
            const int status = is_whole(outcome.received) ? test::status_of(outcome.received) : 0;
            if (status == 503) {
                ++told;
                EXPECT_EQ(test::header_of(outcome.received, "X-Content-Type-Options"), "nosniff");
            }
            const auto counted = one.server.cut[Cut::failed].load() - cut_before;
            // One without the other: the observer itself failed, when all was sent.
            ASSERT_THAT(one.observer.failures, SizeIs(AnyOf(counted, 1U)))
                << nth << ' ' << outcome.received;
            ASSERT_LE(counted, 1U) << nth;
            const bool cut =
                status == 0 && test::status_of(outcome.received) == 200 && outcome.ended;
            if (counted == 0 && cut && may_be_cut) {
                ASSERT_EQ(one.observer.finished_requests.back().error_type, "stream_failed") << nth;
            } else if (counted == 0) {
                ASSERT_TRUE(status == usual_status || status == 500) << nth << outcome.received;
            } else {
                ASSERT_TRUE(outcome.ended) << nth << ' ' << outcome.received;
            }
        }
        FAIL() << "each of 10,000 allocations failed";
    }

    OneLoop one{{.limit_buffered = 8'000'000},
                {{"GET", "/fast", [this](Request& request) { return fast(request); }},
                 {"POST", "/echo", [this](Request& request) { return echo(request); }},
                 {"GET", "/slow", [this](Request& request) { return slow(request); }},
                 {"GET", "/streamed", [this](Request& request) { return streamed(request); }},
                 {"GET", "/throwing", [this](Request& request) { return throwing(request); }}}};
    ConnectionSet connections{one.context};
    const async::MemoryReserve reserve;
};

TEST_F(FailedAllocation, of_a_request_that_is_answered_at_once_ends_its_connection_only) {
    fail_each_of("GET /fast HTTP/1.1\r\nHost: a\r\nX-Long: " + std::string(500, 'x') + "\r\n\r\n",
                 200);
}

TEST_F(FailedAllocation, of_an_upload_in_many_reads_ends_its_connection_only) {
    fail_each_of("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" +
                     std::string(50'000, 'x'),
                 200);
}

TEST_F(FailedAllocation, of_a_handler_that_waits_and_answers_much_ends_its_connection_only) {
    fail_each_of("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n", 200);
}

TEST_F(FailedAllocation, of_a_stream_ends_its_connection_only) {
    fail_each_of("GET /streamed HTTP/1.1\r\nHost: a\r\n\r\n", 200, true);
}

TEST_F(FailedAllocation, of_a_handler_that_throws_ends_its_connection_only) {
    fail_each_of("GET /throwing HTTP/1.1\r\nHost: a\r\n\r\n", 409);
}

TEST_F(FailedAllocation, of_what_is_malformed_ends_its_connection_only) {
    fail_each_of("GET /" + std::string(100, 'x') + " HTTP/1.1\r\nHost a\r\n\r\n", 400);
}

}  // namespace
}  // namespace signalbox::http
