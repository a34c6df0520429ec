// The pages in a real browser, before the real service. Only where the library has Swagger UI and
// Redoc: `make docs-test`.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/browser.hpp"
#include "support/eventually.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

struct Pages : testing::Test {
    static inline std::unique_ptr<Browser> shared_browser;
    const std::string database = database_with_users(3);

    void SetUp() override {
        if (!shared_browser) shared_browser = std::make_unique<Browser>();
        browser().set_size(1280, 900);
    }
    void TearDown() override {
        if (!shared_browser) return;
        browser().open("about:blank");
        browser().console_errors();
    }
    static void TearDownTestSuite() { shared_browser.reset(); }

    static Browser& browser() { return *shared_browser; }

    static std::string text(const std::string& expression) {
        const auto value = browser().execute("return String(" + expression + ")");
        return {value.GetString(), value.GetStringLength()};
    }

    static testing::AssertionResult becomes(const std::string& expression) {
        const auto script =
            "const end = performance.now() + 50000; return new Promise((done) => {"
            " const look = () => (" +
            expression +
            ") ? done(true)"
            "   : performance.now() > end ? done(false) : setTimeout(look, 50); look(); })";
        if (browser().execute(script).IsTrue()) return testing::AssertionSuccess();
        return testing::AssertionFailure()
               << "this does not come to hold: " << expression
               << "\nThe page says: " << text("document.body.innerText")
               << "\nThe console: " << testing::PrintToString(browser().console_errors());
    }

    /// As a person does it.
    static void click(const std::string& selector) {
        ASSERT_TRUE(becomes("document.querySelector('" + selector + "')"));
        browser().execute("document.querySelector('" + selector + "').click()");
    }

    /// Executes GET of the path on the page of Swagger UI that is open, and expects this answer.
    static void try_out(const std::string& path, const std::string& answer) {
        const std::string operation =
            ".opblock:has(.opblock-summary-path[data-path=\"" + path + "\"]) ";
        click(operation + ".opblock-summary-control");
        click(operation + ".try-out__btn");
        click(operation + ".execute");
        const std::string live = operation + ".live-responses-table .response ";
        ASSERT_TRUE(becomes("document.querySelector('" + live + ".highlight-code')"));
        EXPECT_THAT(text("document.querySelector('" + live + ".response-col_status').innerText"),
                    HasSubstr("200"));
        EXPECT_THAT(text("document.querySelector('" + live + ".highlight-code').innerText"),
                    HasSubstr(answer));
    }

    static void expect_redocs_menu() {
        ASSERT_TRUE(
            becomes("[...document.querySelectorAll('[role=menuitem]')].some((item) =>"
                    " item.innerText.includes('Fast Task'))"));
        EXPECT_TRUE(becomes("document.querySelector('h1').innerText.includes('async tutorial')"));
        EXPECT_EQ(text("getComputedStyle(document.querySelector('.menu-content')).position"),
                  "sticky")
            << "its style is not applied";
        EXPECT_EQ(text("document.querySelectorAll('img').length"), "0");
    }
};

TEST_F(Pages, swagger_ui_executes_an_operation_and_shows_the_answer) {
    const Service service(database);
    browser().open(service.url("/docs"));
    EXPECT_EQ(text("document.title"), "FastAPI's async tutorial - Swagger UI");
    try_out("/fast-task", "This was quick!");
    try_out("/users", "user3@example.com");
    EXPECT_EQ(text("getComputedStyle(document.querySelector('.opblock')).borderTopStyle"), "solid")
        << "its style is not applied";
    EXPECT_THAT(browser().console_errors(), IsEmpty());
}

TEST_F(Pages, redoc_shows_its_menu_and_finds) {
    const Service service(database);
    browser().open(service.url("/redoc"));
    expect_redocs_menu();
    EXPECT_EQ(text("document.title"), "FastAPI's async tutorial - ReDoc");
    // The index is made by a worker that the page starts from a blob.
    browser().execute(R"js(
        const input = document.querySelector("[role=search] input");
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, "multiple");
        input.dispatchEvent(new Event("input", { bubbles: true })))js");
    EXPECT_TRUE(
        becomes("document.querySelector('[data-role=\"search:results\"]')?.innerText"
                ".includes('Multiple Tasks')"));
    EXPECT_THAT(browser().console_errors(), IsEmpty());
}

TEST_F(Pages, load_from_another_origin_what_has_the_right_checksum) {
    const Service cdn(database);
    const Service service(database, {"--docs-assets-url", cdn.url("/docs/assets")});
    browser().open(service.url("/docs"));
    try_out("/fast-task", "This was quick!");
    browser().open(service.url("/redoc"));
    expect_redocs_menu();
    EXPECT_THAT(browser().console_errors(), IsEmpty());
}

TEST_F(Pages, work_behind_a_proxy_that_takes_a_prefix_off) {
    const Service service(database, {"--root-path", "/tutorial"});
    const Process proxy({"/tutorial", "127.0.0.1:" + std::to_string(service.port())}, {}, {},
                        {source_folder() + "/tests/docs/prefix-proxy"});
    ASSERT_TRUE(eventually([&] { return proxy.output().ends_with('\n'); }));
    const std::string prefix =
        "http://127.0.0.1:" + std::to_string(std::stoi(proxy.output())) + "/tutorial";
    browser().open(prefix + "/docs");
    try_out("/fast-task", "This was quick!");
    EXPECT_THAT(text("document.querySelector('.request-url').innerText.trim()"),
                EndsWith(prefix + "/fast-task"));
    browser().open(prefix + "/redoc");
    expect_redocs_menu();
    EXPECT_THAT(browser().console_errors(), IsEmpty());
}

TEST_F(Pages, say_so_when_nothing_is_where_they_load_from) {
    const Service service(database, {"--docs-assets-url", "/nothing"});
    for (const char* path : {"/docs", "/redoc"}) {
        browser().open(service.url(path));
        EXPECT_TRUE(becomes("document.body.innerText.includes('could not be loaded')")) << path;
    }
}

TEST_F(Pages, oauth2_redirect_tells_the_page_that_opened_it) {
    const Service service(database);
    browser().open(service.url("/docs"));
    browser().execute(
        "window.swaggerUIRedirectOauth2 = { state: 's', auth: { schema: new Map([['flow', "
        "'implicit']])"
        " }, callback: (got) => { window.got = got; } };"
        "window.open('/docs/oauth2-redirect#access_token=t&state=s')");
    EXPECT_TRUE(becomes("window.got?.isValid && window.got.token.access_token === 't'"));
    EXPECT_THAT(browser().console_errors(), IsEmpty());
}

}  // namespace
}  // namespace signalbox::test
