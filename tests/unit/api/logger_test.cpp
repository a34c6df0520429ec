#include "signalbox/api/logger.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

#include "signalbox/async/sleep.hpp"
#include "signalbox/context/request_context.hpp"
#include "signalbox/observe/log.hpp"
#include "support/log_lines.hpp"

namespace signalbox::api {
namespace {

using namespace std::chrono_literals;
using test::log_lines;
using test::LogFile;

TEST(Logger, writes_fields_of_every_kind) {
    LogFile file;
    observe::Log log({"orders", "1.2.3"}, config::LogLevel::info, config::LogFormat::json,
                     file.descriptor());
    const Logger logger(log);
    const std::string owned = "b\"c";
    logger.debug("unseen");
    logger.warning("made", {{"count", 3U},
                            {"size", std::size_t{4}},
                            {"ratio", 0.5},
                            {"done", true},
                            {"literal", "a"},
                            {"owned", owned},
                            {"took", 1500ms}});
    log.close();
    const auto lines = log_lines(file.text());
    ASSERT_EQ(lines.size(), 1);
    EXPECT_EQ(lines[0].text("severity_text"), "WARN");
    EXPECT_EQ(lines[0].text("body"), "made");
    EXPECT_EQ(lines[0].number("count"), 3);
    EXPECT_EQ(lines[0].number("size"), 4);
    EXPECT_EQ(lines[0].number("ratio"), 0.5);
    EXPECT_TRUE(lines[0].boolean("done"));
    EXPECT_EQ(lines[0].text("literal"), "a");
    EXPECT_EQ(lines[0].text("owned"), owned);
    EXPECT_EQ(lines[0].number("took"), 1.5);
    EXPECT_FALSE(lines[0].has("request_id")) << "it was written for no request";
}

TEST(Logger, keeps_a_line_valid_and_its_own_fields_whatever_the_names) {
    LogFile file;
    observe::Log log({"orders", "1.2.3"}, config::LogLevel::info, config::LogFormat::json,
                     file.descriptor());
    const Logger logger(log);
    logger.info("x", {{"a\"b", 1}, {"", 2}, {"body", "mine"}, {"request_id", "mine"}});
    log.close();
    const auto lines = log_lines(file.text());
    ASSERT_EQ(lines.size(), 1);
    EXPECT_EQ(lines[0].number("a_b"), 1);
    EXPECT_EQ(lines[0].number("_"), 2);
    EXPECT_EQ(lines[0].text("body"), "x");
    EXPECT_EQ(lines[0].text("body_"), "mine");
    EXPECT_EQ(lines[0].text("request_id_"), "mine");
}

TEST(Logger, adds_the_fields_of_a_request_to_its_lines_only) {
    LogFile file;
    observe::Log log({"orders", "1.2.3"}, config::LogLevel::info, config::LogFormat::json,
                     file.descriptor());
    const Logger logger(log);
    logger.field({"order.id", 1});  // of nobody
    context::RequestContext ada;
    ada.request_id = "ada's";
    const auto handle = [](const Logger& its) -> async::Task<> {
        its.field({"order.id", 7});
        its.field({"customer", "Ada"});
        its.field({"request_id", "mine"});
        co_await async::sleep_for(1ms);
        its.info("made", {{"customer", "Bob"}});
        its.field({"took", 1500ms});
        its.field({"order.id", 8});
        its.info("paid");
    };
    asio::io_context loop;
    asio::co_spawn(async::Executor(loop.get_executor(), &ada), handle(logger), asio::detached);
    loop.run();
    logger.info("nobody's");
    log.close();
    const auto lines = log_lines(file.text());
    ASSERT_EQ(lines.size(), 3);
    EXPECT_EQ(lines[0].number("order.id"), 7);
    EXPECT_EQ(lines[0].text("customer"), "Bob") << "the line's own";
    EXPECT_EQ(lines[0].text("request_id"), "ada's");
    EXPECT_EQ(lines[0].text("request_id_"), "mine");
    EXPECT_EQ(lines[1].number("order.id"), 8);
    EXPECT_EQ(lines[1].text("customer"), "Ada");
    EXPECT_EQ(lines[1].number("took"), 1.5);
    EXPECT_FALSE(lines[2].has("order.id"));
}

TEST(Logger, says_for_which_request_a_line_is_also_after_a_wait) {
    LogFile file;
    observe::Log log({"orders", "1.2.3"}, config::LogLevel::info, config::LogFormat::json,
                     file.descriptor());
    const Logger logger(log);
    context::RequestContext ada;
    ada.request_id = "ada's";
    ada.route = "/items/{id}";
    context::RequestContext bob;
    bob.request_id = "bob's";
    const auto handle = [](const Logger& logger) -> async::Task<> {
        logger.info("begins");
        co_await async::sleep_for(1ms);
        logger.info("ends");
    };
    asio::io_context loop;
    for (context::RequestContext* request : {&ada, &bob}) {
        asio::co_spawn(async::Executor(loop.get_executor(), request), handle(logger),
                       asio::detached);
    }
    loop.run();
    logger.info("nobody's");
    log.close();
    for (const auto& [request, route] : {std::pair{"ada's", "/items/{id}"}, {"bob's", ""}}) {
        const auto lines = test::log_lines_with(file.text(), "request_id", request);
        ASSERT_EQ(lines.size(), 2);
        EXPECT_EQ(lines[0].text("body"), "begins");
        EXPECT_EQ(lines[1].text("body"), "ends");
        EXPECT_EQ(lines[1].text("http.route"), route);
    }
    EXPECT_FALSE(test::log_lines_with(file.text(), "body", "nobody's").at(0).has("request_id"));
}

}  // namespace
}  // namespace signalbox::api
