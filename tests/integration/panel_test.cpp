// The live panel in a real browser, before the real service under real load.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/json.hpp"
#include "signalbox/testing/held_port.hpp"
#include "signalbox/testing/postgres.hpp"
#include "support/browser.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/prometheus.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

/// As the page names a series: the labels sorted.
std::string key_of(const Sample& sample) {
    std::string key = sample.name;
    for (const auto& [name, value] : sample.labels)
        key += (key.size() == sample.name.size() ? "{" : ",") + name + "=\"" + value + "\"";
    return key + (sample.labels.empty() ? "" : "}");
}

std::string label_of(const Sample& sample, const std::string& name) {
    const auto label = sample.labels.find(name);
    return label == sample.labels.end() ? "" : label->second;
}

std::string row_of(const std::string& method, const std::string& route) {
    return route.empty() ? "no such route" : method + " " + route;
}

/// What the service says about itself.
class Answers {
  public:
    Answers(const std::string& metrics, const std::string& requests)
        : samples_(parse_metrics(metrics)) {
        requests_.Parse(requests.c_str());
        if (requests_.HasParseError()) throw std::runtime_error("/debug/requests: " + requests);
    }

    /// As the page should show it; empty when the service does not report it.
    std::optional<double> metric(const std::string& key) const {
        const auto sample = std::find_if(samples_.begin(), samples_.end(),
                                         [&](const auto& each) { return key_of(each) == key; });
        return sample == samples_.end() ? std::nullopt : std::optional(sample->value);
    }

    double sum(const std::string& name, const std::string& row = "") const {
        double sum = 0;
        for (const Sample& sample : samples_) {
            if (sample.name != name) continue;
            const std::string of =
                row_of(label_of(sample, "http_request_method"), label_of(sample, "http_route"));
            if (row.empty() || of == row) sum += sample.value;
        }
        return sum;
    }

    double waiting(std::string_view place, const std::string& row = "") const {
        double sum = 0;
        for (const auto& entry : requests_["summary"].GetArray()) {
            const std::string of =
                row_of(entry["http.request.method"].GetString(), entry["http.route"].GetString());
            const bool counts = entry["waiting_for"].GetString() == place;
            if (counts && (row.empty() || of == row)) sum += entry["count"].GetDouble();
        }
        return sum;
    }

    std::optional<double> total(const std::string& name, const std::string& row) const {
        if (name == "in_flight") return sum("http_server_active_requests");
        if (name == "in_flight_of_route") return sum("http_server_active_requests", row);
        if (name == "requests") return sum("http_server_request_duration_seconds_count");
        if (name == "shed") return sum("signalbox_requests_shed_total");
        if (name == "malformed") return sum("signalbox_http_malformed_requests_total");
        if (name == "open_connections") return sum("signalbox_connections");
        if (name == "in_flight_requests") return requests_["total"].GetDouble();
        if (name.starts_with("waiting_")) return waiting(name.substr(8));
        return std::nullopt;
    }

  private:
    Samples samples_;
    rapidjson::Document requests_;
};

/// An element of the page that shows a number of the service's.
struct Shown {
    std::string metric;
    std::string total;
    std::string waiting;
    std::string row;
    std::optional<double> value;
    std::string text;
    bool plain = false;  ///< shown as a whole number, without a unit

    std::string name() const {
        return metric + total + waiting + (row.empty() ? "" : " of " + row);
    }

    std::optional<double> expected(const Answers& answers) const {
        if (!metric.empty()) return answers.metric(metric);
        return waiting.empty() ? answers.total(total, row) : answers.waiting(waiting, row);
    }
};

std::string with_commas(double number) {
    std::string text = fmt::format("{:.0f}", number);
    for (auto i = static_cast<long>(text.size()) - 3; i > 0; i -= 3)
        text.insert(static_cast<std::size_t>(i), 1, ',');
    return text;
}

std::string to_text(const std::optional<double>& number) {
    return number ? fmt::format("{}", *number) : "nothing";
}

/// One line for each element that shows something else than it should.
std::vector<std::string> differences(const std::vector<Shown>& page, const Answers& answers) {
    std::vector<std::string> lines;
    for (const Shown& shown : page) {
        const auto expected = shown.expected(answers);
        if (shown.value != expected) {
            lines.push_back(shown.name() + " is " + to_text(shown.value) + ", not " +
                            to_text(expected));
        } else if (shown.plain && shown.text != (expected ? with_commas(*expected) : "–")) {
            lines.push_back(shown.name() + " is " + to_text(expected) + " and shown as " +
                            shown.text);
        }
    }
    return lines;
}

/// Keeps asking for these URLs, one after the other, for as long as it lives.
class Traffic {
  public:
    Traffic(std::vector<std::string> urls, int clients) {
        for (int i = 0; i < clients; ++i) {
            clients_.push_back(std::async(std::launch::async, [this, urls] {
                while (!stopped_) {
                    for (const std::string& url : urls)
                        get(url);
                    std::this_thread::sleep_for(5ms);  // leaves processor time to others
                }
            }));
        }
    }
    ~Traffic() { stopped_ = true; }

  private:
    std::atomic<bool> stopped_ = false;
    std::vector<std::future<void>> clients_;  // last: these wait for their clients
};

/// So many requests at the same time; the answers come when they are done.
std::future<std::vector<HttpResponse>> at_once(int count, const HttpRequest& request) {
    return std::async(std::launch::async, [requests = std::vector<HttpRequest>(
                                               static_cast<std::size_t>(count), request)] {
        return send_all(requests);
    });
}

/// For a service whose reads of users wait for as long as the test wants.
const std::vector<std::string> patient{
    "--database-pool-size",     "2",    "--database-share-reads", "off",
    "--database-query-timeout", "300s", "--timeout-request",      "300s",
    "--timeout-write",          "300s"};

/// Keeps what the page gets from the service, and of it what it shows: the answers of one poll.
constexpr std::string_view watch = R"js(
const seen = {}, fetch = window.fetch;
window.watched = {
  begun: 0, shown: 0, answers: null,  // of polls
  pauseWhen: () => false, poison: (path, text) => text };
window.value = (selector) => document.querySelector(selector)?.dataset.value;
window.words = (id) => document.getElementById(id).innerText;
window.fetch = async (path, ...more) => {
  if (path === "/metrics") ++watched.begun;
  const response = await fetch(path, ...more);
  seen[path] = watched.poison(path, await response.clone().text());
  return new Response(seen[path], response);
};
new MutationObserver(() => {
  watched.shown = watched.begun;
  watched.answers = { metrics: seen["/metrics"], requests: seen["/debug/requests?limit=25"] };
  if (watched.pauseWhen()) document.getElementById("pause").click();
}).observe(document.documentElement, { attributeFilter: ["data-polls"] });
)js";

struct Panel : testing::Test {
    static inline std::unique_ptr<Browser> shared_browser;
    const std::string database = database_with_users(20);

    void SetUp() override {
        if (!shared_browser) shared_browser = std::make_unique<Browser>();
        browser().set_size(1280, 900);
    }

    void TearDown() override {
        if (!shared_browser) return;
        if (HasFailure()) {
            const auto file =
                std::filesystem::temp_directory_path() /
                (std::string("signalbox-panel-") +
                 testing::UnitTest::GetInstance()->current_test_info()->name() + ".png");
            browser().save_screenshot(file);
            std::cerr << "what the browser showed: " << file.string() << '\n';
        }
        browser().open("about:blank");
        browser().console_errors();
    }

    static void TearDownTestSuite() { shared_browser.reset(); }

    static Browser& browser() { return *shared_browser; }

    static void open(const Service& service) {
        browser().open(service.admin_url("/"));
        browser().execute(watch);
        wait_for_polls(1);
    }

    static std::string text(const std::string& expression) {
        const auto value = browser().execute("return String(" + expression + ")");
        return {value.GetString(), value.GetStringLength()};
    }
    static int number(const std::string& expression) { return std::stoi(text(expression)); }
    static bool holds(const std::string& expression) {
        return text("!!(" + expression + ")") == "true";
    }

    /// Waits until it holds. The page looks by itself: being asked all the time costs it more than
    /// its work does.
    static testing::AssertionResult becomes(const std::string& expression) {
        const auto script =
            "const end = performance.now() + 50000; return new Promise((done) => {"
            " const look = () => (" +
            expression +
            ") ? done(true)"
            "   : performance.now() > end ? done(false) : setTimeout(look, 50); look(); })";
        if (browser().execute(script).IsTrue()) return testing::AssertionSuccess();
        return testing::AssertionFailure() << "this does not come to hold: " << expression
                                           << "\nThe page says: " << text("words('top')") << "\n"
                                           << text("words('why')");
    }

    /// Waits for so many polls that begin after this call.
    static void wait_for_polls(int count) {
        const int wanted = number("watched.begun") + count;
        const auto shown = becomes("watched.shown >= " + std::to_string(wanted));
        if (!shown) throw std::runtime_error(shown.message());
    }
    /// Pauses the page as soon as it shows this, which may be for a moment only.
    static void pause_when(const std::string& expression) {
        browser().execute("watched.pauseWhen = () => " + expression);
    }
    /// Whether it does while what this begins is at work. That ends by itself, on a busy machine
    /// perhaps before the page has seen all of it: then it is begun once more.
    template <class Begin>
    static bool pauses_while_at_work(Begin begin) {
        for (int attempt = 0; attempt < 5; ++attempt) {
            const auto* work = begin();
            do {
                if (text("words('pause')") == "Resume") return true;
            } while (work->wait_for(300ms) == std::future_status::timeout);
        }
        return false;
    }
    static void resume() {
        browser().execute(
            "watched.pauseWhen = () => false; document.getElementById('pause').click()");
    }

    static std::vector<Shown> numbers() {
        const auto elements = browser().execute(
            "return [...document.querySelectorAll('[data-metric], [data-total], [data-waiting]')]"
            ".map(({ dataset: d, textContent }) => ({ metric: d.metric ?? '', total: d.total ?? '',"
            " waiting: d.waiting ?? '', route: d.route ?? '', value: d.value ?? null,"
            " text: textContent, plain: !d.format && !d.unit }))");
        std::vector<Shown> numbers;
        for (const auto& element : elements.GetArray()) {
            numbers.push_back({.metric = element["metric"].GetString(),
                               .total = element["total"].GetString(),
                               .waiting = element["waiting"].GetString(),
                               .row = element["route"].GetString(),
                               .value = std::nullopt,
                               .text = element["text"].GetString(),
                               .plain = element["plain"].GetBool()});
            if (element["value"].IsString())
                numbers.back().value = std::stod(element["value"].GetString());
        }
        return numbers;
    }

    /// What the page itself got for what it shows.
    static Answers answers_of_the_page() {
        const auto answers = browser().execute("return watched.answers");
        return {answers["metrics"].GetString(), answers["requests"].GetString()};
    }

    /// What reaches beyond the window, as a selector; empty when nothing does.
    static std::string too_wide() {
        return text(
            "(() => { const page = document.scrollingElement;"
            " if (page.scrollWidth <= page.clientWidth) return '';"
            " const out = [...document.body.querySelectorAll('*')].filter((e) =>"
            "   e.getBoundingClientRect().right > page.clientWidth + 1);"
            " return out.map((e) => e.tagName + '#' + e.id).join(' ') || 'something'; })()");
    }
    static void expect_to_fit(int width) {
        browser().set_size(width, 844);
        browser().execute(  // until what the page draws anew is drawn
            "return new Promise((done) => requestAnimationFrame(() => "
            "requestAnimationFrame(done)))");
        EXPECT_EQ(too_wide(), "") << "at " << width;
    }
};

Answers ask(const Service& service) {
    return {get(service.admin_url("/metrics")).body,
            get(service.admin_url("/debug/requests")).body};
}

TEST_F(Panel, numbers_are_those_of_the_answers_under_load) {
    execute(database,
            "ALTER TABLE users RENAME TO people;"
            "CREATE VIEW users AS SELECT people.* FROM people, pg_sleep(0.2)");
    const Service service(database, {"--database-pool-size", "2", "--database-share-reads", "off"});
    open(service);
    const Traffic fast({service.url("/fast-task"), service.url("/nope")}, 2);
    const Traffic reads({service.url("/users")}, 8);
    wait_for_polls(2);
    pause_when("value('[data-total=waiting_timer]') === '50'");
    std::future<std::vector<HttpResponse>> slow, multiple;
    ASSERT_TRUE(pauses_while_at_work([&] {
        slow = {};  // waits for those of the attempt before
        slow = at_once(40, {.url = service.url("/slow-task")});
        multiple = at_once(10, {.url = service.url("/multiple-tasks")});
        return &multiple;
    }));

    const std::vector<Shown> page = numbers();
    const Answers answers = answers_of_the_page();
    EXPECT_THAT(differences(page, answers), IsEmpty());
    EXPECT_GT(std::count_if(page.begin(), page.end(), [](const Shown& s) { return !!s.value; }),
              50);
    EXPECT_EQ(text("document.title"), "signalbox");
    EXPECT_EQ(text("document.querySelector('h1').textContent"), "signalbox");
    EXPECT_EQ(text("value('[data-metric^=db_client_connection_max]')"), "2")
        << "the pool has the service's name";
    EXPECT_GE(answers.sum("http_server_active_requests"), 50);
    EXPECT_EQ(answers.waiting("timer", "GET /slow-task"), 40);
    EXPECT_EQ(answers.waiting("timer", "GET /multiple-tasks"), 10);
    EXPECT_GT(answers.waiting("database-queue", "GET /users"), 0);
    EXPECT_GT(answers.sum("http_server_request_duration_seconds_count", "no such route"), 0);
    EXPECT_EQ(number("document.querySelectorAll('#oldest tbody tr').length"), 25);
    EXPECT_THAT(browser().console_errors(), IsEmpty());
}

TEST_F(Panel, numbers_are_those_of_the_service_while_nothing_changes) {
    const Service service(database, patient);
    std::future<std::vector<HttpResponse>> held;
    const LockedUsers locked(database);
    held = at_once(6, {.url = service.url("/users")});
    for (const char* path : {"/fast-task", "/fast-task", "/nope"})
        get(service.url(path));
    send({.url = service.url("/users"), .method = "DELETE"});
    open(service);
    ASSERT_TRUE(
        becomes("value('[data-total=waiting_database]') === '2' &&"
                "value('[data-total=waiting_database-queue]') === '4'"));
    std::vector<std::string> wrong;
    EXPECT_TRUE(eventually([&] {
        wait_for_polls(1);
        std::vector<Shown> page = numbers();
        std::erase_if(page, [](const Shown& shown) {
            return shown.metric.starts_with("process_");  // these never rest
        });
        wrong = differences(page, ask(service));
        return wrong.empty();
    })) << testing::PrintToString(wrong);
    const std::string row = "'[data-route=\"GET /users\"]";
    EXPECT_EQ(text("value(" + row + "[data-waiting=database]')"), "2");
    EXPECT_EQ(text("value(" + row + "[data-waiting=database-queue]')"), "4");
    EXPECT_EQ(text("value('[data-total=in_flight]')"), "6");
    EXPECT_EQ(text("value('[data-total=requests]')"), "4");
    EXPECT_THAT(text("words('why')"),
                HasSubstr("The database pool is exhausted: 4 reads wait for 2 connections."));
}

TEST_F(Panel, requests_are_lamps_where_they_wait_and_leave_when_answered) {
    const Service service(database);
    open(service);
    EXPECT_TRUE(becomes("words('why-main') === 'Nothing is waiting unusually.'"));
    const std::string waiting = "value('[data-route=\"GET /slow-task\"][data-waiting=timer]')";
    const std::string lamps =
        "[...document.querySelectorAll('#track svg g circle:not(.passing)')]"
        ".filter(({ style }) => style.display !== 'none' && style.fill.includes('timer')).length";
    pause_when("value('[data-total=waiting_timer]') === '40'");
    std::future<std::vector<HttpResponse>> slow;
    ASSERT_TRUE(pauses_while_at_work([&] {
        slow = at_once(40, {.url = service.url("/slow-task")});
        return &slow;
    }));
    EXPECT_EQ(text(waiting), "40");
    const int per = number("/up to (\\d+)/.exec(words('track-scale'))?.[1] ?? 1");
    EXPECT_EQ(number(lamps), (40 + per - 1) / per);

    resume();
    for (const auto& response : slow.get())
        EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(becomes("value('[data-total=waiting_timer]') === '0' && " + waiting +
                        " === '0' && " + lamps + " === 0"));
    EXPECT_THAT(browser().console_errors(), IsEmpty());
}

constexpr std::string_view hostile_path =
    R"(/"><img/src=x/onerror=window.hacked=1><script>window.hacked=1</script>)";
constexpr std::string_view hostile_client = R"('"><img src=x onerror="window.hacked=1"><b>)";

/// A request without a route ends at once, but one whose client does not read its answer: such a
/// client asks until it has filled what the kernel buffers for it.
RawClient client_that_does_not_read(const Service& service) {
    RawClient client(service.port(), 1);
    const std::string request = "GET " + std::string(hostile_path) +
                                " HTTP/1.1\r\nHost: a\r\nX-Request-ID: " + std::string(128, 'x') +
                                "\r\n\r\n";
    std::string requests;
    for (int i = 0; i < 200; ++i)
        requests += request;
    double sent = 0;
    const bool stuck = eventually([&] {
        const Answers answers = ask(service);
        if (answers.waiting("client", "no such route") == 1) return true;
        // What is not answered yet waits in the service, which cuts those who send too far ahead.
        const auto samples = service.metrics();
        if (total(samples, "http_server_request_duration_seconds_count") >= sent) {
            client.send(requests);
            sent += 200;
        }
        return false;
    });
    if (!stuck) throw std::runtime_error("nothing waits for its client");
    return client;
}

TEST_F(Panel, what_clients_send_is_text) {
    const Service service(database, patient);
    std::future<std::vector<HttpResponse>> held;
    const LockedUsers locked(database);
    held = at_once(1, {.url = service.url("/users"),
                       .headers = {"X-Forwarded-For: " + std::string(hostile_client) +
                                       "\xe2\x80\xae" + std::string(300, 'w'),
                                   "X-Request-ID: <script>window.hacked=1</script>",
                                   "User-Agent: <script>window.hacked=1</script>"}});
    const RawClient client = client_that_does_not_read(service);
    open(service);
    ASSERT_TRUE(becomes("value('[data-total=waiting_client]') === '1'"));
    EXPECT_THAT(text("words('oldest')"), HasSubstr(hostile_path));
    // All other texts come from the service itself. They are text all the same, should it ever be
    // fooled.
    browser().execute(R"js(
        const bad = `"'><img src=x onerror="window.hacked=1"><script>window.hacked=1<\/script>`;
        watched.poison = (path, text) => {
          if (path === "/metrics") {
            return text.replace(/(http_route|loop|version)="/g, `$&${bad.replace(/"/g, '\\"')}`);
          }
          const answer = JSON.parse(text);
          for (const request of answer.requests ?? []) {
            for (const [name, value] of Object.entries(request)) {
              if (typeof value === "string") request[name] = bad + value;
            }
          }
          for (const entry of answer.summary ?? []) entry["http.route"] = bad;
          if (answer.checks) answer.checks = { [bad]: [{ status: "fail", output: bad }] };
          return JSON.stringify(answer);
        };)js");
    wait_for_polls(1);
    for (const char* place : {"top", "why", "loops", "routes", "filter", "oldest"})
        EXPECT_THAT(text("words('" + std::string(place) + "')"), HasSubstr("<img src=x"));
    EXPECT_EQ(text("window.hacked"), "undefined");
    EXPECT_EQ(number("document.querySelectorAll('img, b, body script:not(body > *)').length"), 0);
    expect_to_fit(1280);
    expect_to_fit(390);
    EXPECT_THAT(browser().console_errors(), IsEmpty());
}

TEST_F(Panel, says_that_the_database_is_lost_and_back) {
    PostgresServer server;
    execute(server.database_url(), "CREATE DATABASE lost");
    const Service service(server.database_url("lost"), {"--migrate"});
    open(service);
    EXPECT_TRUE(becomes("words('state-text') === 'Ready'"));
    server.stop();
    EXPECT_TRUE(becomes("words('why-main') === 'Not ready: database – no connection.'"));
    EXPECT_THAT(text("words('checks')"), HasSubstr("✗ database"));
    EXPECT_EQ(text("words('state-text')"), "Serving, not ready");
    EXPECT_EQ(text("document.getElementById('signal').dataset.signal"), "bad");
    server.start();
    EXPECT_TRUE(
        becomes("words('state-text') === 'Ready' && words('checks').includes('✓ database') &&"
                "!words('why').includes('Not ready')"));
}

TEST_F(Panel, says_that_its_numbers_are_old_when_the_service_does_not_answer) {
    const HeldPort port;  // refuses when the service is gone
    Service service(database, {"--admin-port", port.text()});
    const std::string stale = "document.documentElement.dataset.stale";
    open(service);
    EXPECT_EQ(text(stale), "false");
    service.signal(SIGSTOP);
    EXPECT_TRUE(becomes(stale + " === 'true' && words('why-main').startsWith('No answer since')"));
    service.signal(SIGCONT);
    EXPECT_TRUE(becomes(stale + " === 'false' && words('state-text') === 'Ready'"));
    service.signal(SIGKILL);
    EXPECT_TRUE(becomes(stale + " === 'true' && words('state-text') === 'No answer' &&"
                                "words('why-also').includes('cannot be reached')"));
}

TEST_F(Panel, fits_its_reader) {
    const Service service(database, patient);
    std::future<std::vector<HttpResponse>> held;
    const LockedUsers locked(database);
    held = at_once(6, {.url = service.url("/users")});
    const Traffic fast({service.url("/fast-task"), service.url("/nope")}, 1);
    open(service);
    ASSERT_TRUE(becomes("value('[data-total=waiting_database-queue]') === '4'"));
    for (const int width : {1280, 1000, 820, 390, 320})
        expect_to_fit(width);

    const std::string ground = "getComputedStyle(document.body).backgroundColor";
    browser().set_media("prefers-color-scheme", "light");
    const std::string light = text(ground);
    browser().set_media("prefers-color-scheme", "dark");
    EXPECT_NE(text(ground), light);

    EXPECT_TRUE(becomes("document.querySelector('#track .passing')"));
    browser().set_media("prefers-reduced-motion", "reduce");
    EXPECT_TRUE(becomes("document.getAnimations().length === 0"));
    wait_for_polls(1);
    EXPECT_EQ(number("document.getAnimations().length"), 0);
    EXPECT_THAT(browser().console_errors(), IsEmpty());
}

TEST_F(Panel, changes_the_log_settings) {
    const Service service(database);
    open(service);
    ASSERT_TRUE(
        becomes("document.getElementById('level').value === 'info' &&"
                "!document.getElementById('level').disabled"));
    const auto choose = [](const std::string& list, const std::string& value) {
        browser().execute("const list = document.getElementById('" + list + "'); list.value = '" +
                          value + "'; list.dispatchEvent(new Event('change'))");
    };
    const auto settings = [&] { return get(service.admin_url("/debug/log-level")).body; };
    choose("level", "warning");
    const std::string level = R"({"level":"warning","access_log":"all"})";
    EXPECT_TRUE(eventually([&] { return settings() == level; })) << settings();
    choose("access_log", "errors");
    const std::string both = R"({"level":"warning","access_log":"errors"})";
    EXPECT_TRUE(eventually([&] { return settings() == both; })) << settings();
    EXPECT_TRUE(becomes("words('log-says').startsWith('Changed')"));
}

TEST_F(Panel, asks_nothing_of_others_and_may_not) {
    const Service service(database);
    const std::string policy =
        get(service.admin_url("/")).header("content-security-policy").value_or("");
    EXPECT_THAT(policy, AllOf(HasSubstr("default-src 'none'"), HasSubstr("connect-src 'self'")));
    open(service);
    const auto requests = browser().execute(
        "return performance.getEntries().map((entry) => entry.name)"
        ".filter((name) => /^[a-z]+:/.test(name))");
    std::vector<std::string> urls;
    for (const auto& url : requests.GetArray())
        urls.emplace_back(url.GetString());
    EXPECT_THAT(urls, Contains(service.admin_url("/metrics")));
    EXPECT_THAT(urls, testing::Each(StartsWith(service.admin_url("/"))));
    const auto refused = browser().execute("return fetch('" + service.url("/fast-task") +
                                           "').then(() => 'sent', () => 'refused')");
    EXPECT_STREQ(refused.GetString(), "refused") << "another port is another origin";
    EXPECT_THAT(browser().console_errors(), Contains(HasSubstr("Content Security Policy")));
}

}  // namespace
}  // namespace signalbox::test
