// Every expression of observability/, evaluated by the real Prometheus on a real service that has
// seen every kind of request: a misspelt metric or label gives nothing, and Prometheus does not
// complain about that.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <iterator>
#include <pqxx/pqxx>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/paths.hpp"
#include "support/prometheus.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::SizeIs;

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ':';
}

/// As much of PromQL's grammar as it takes to find things in an expression: words (names, numbers,
/// durations), strings with their quotes, operators, brackets.
std::vector<std::string> tokens_of(const std::string& expression) {
    std::vector<std::string> tokens;
    for (std::size_t at = 0; at < expression.size();) {
        const char c = expression[at];
        std::size_t end = at + 1;
        if (c == ' ' || c == '\n' || c == '\t') {
            at = end;
            continue;
        }
        if (c == '"') {
            while (expression.at(end) != '"')
                end += expression[end] == '\\' ? 2 : 1;
            ++end;
        } else if (is_name_character(c)) {
            while (end < expression.size() &&
                   (is_name_character(expression[end]) || expression[end] == '.')) {
                ++end;
            }
        } else if (std::string_view("=!<>").find(c) != std::string_view::npos &&
                   end < expression.size() && (expression[end] == '=' || expression[end] == '~')) {
            ++end;
        }
        tokens.push_back(expression.substr(at, end - at));
        at = end;
    }
    return tokens;
}

/// A comparison gives what it holds for; with `bool`, all that it was made for.
std::string with_bool_comparisons(const std::string& expression) {
    static const std::set<std::string> comparisons{"==", "!=", "<", ">", "<=", ">="};
    std::string result;
    std::size_t done = 0;
    int braces = 0;
    for (const std::string& token : tokens_of(expression)) {
        if (token == "{") ++braces;
        if (token == "}") --braces;
        const std::size_t end = expression.find(token, done) + token.size();
        result += expression.substr(done, end - done);
        done = end;
        // In braces they compare labels.
        if (braces == 0 && comparisons.contains(token)) result += " bool";
    }
    return result + expression.substr(done);
}

/// Each metric with its labels in braces, as far as there are any.
std::vector<std::string> selectors_of(const std::string& expression) {
    const auto tokens = tokens_of(expression);
    std::vector<std::string> selectors;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const bool has_braces = i + 1 < tokens.size() && tokens[i + 1] == "{";
        if (!is_name_character(tokens[i][0])) continue;
        if (!has_braces && tokens[i].find(':') == std::string::npos) continue;
        std::string selector = tokens[i];
        for (++i; has_braces && tokens.at(i) != "}"; ++i)
            selector += tokens[i];
        selectors.push_back(selector + (has_braces ? "}" : ""));
        if (!has_braces) --i;
    }
    return selectors;
}

/// The labels that are named in `by (…)`, `on (…)` and the like.
std::set<std::string> grouping_labels_of(const std::string& expression) {
    static const std::set<std::string> keywords{"by",       "without",    "on",
                                                "ignoring", "group_left", "group_right"};
    const auto tokens = tokens_of(expression);
    std::set<std::string> labels;
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
        if (!keywords.contains(tokens[i]) || tokens[i + 1] != "(") continue;
        for (i += 2; tokens.at(i) != ")"; ++i) {
            if (tokens[i] != ",") labels.insert(tokens[i]);
        }
    }
    return labels;
}

TEST(Expressions, are_taken_apart) {
    const std::string expression =
        "sum by (job, le) (rate(a_total{x!=\"}>\\\"1\", y=~\"b|c\"}[5m])) >= 14.4 * 0.001 and on "
        "() "
        "job:a:rate5m{job=\"x\"} == job:b:max";
    EXPECT_THAT(selectors_of(expression),
                testing::ElementsAre(R"(a_total{x!="}>\"1",y=~"b|c"})", R"(job:a:rate5m{job="x"})",
                                     "job:b:max"));
    EXPECT_THAT(grouping_labels_of(expression), testing::ElementsAre("job", "le"));
    EXPECT_EQ(with_bool_comparisons("a{b!=\"c\"} > 1e-9 and rate(d[5m]) == vector(0) "),
              "a{b!=\"c\"} > bool 1e-9 and rate(d[5m]) == bool vector(0) ");
}

struct Expression {
    std::string where;
    std::string text;
};

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
        text.replace(at, what.size(), by);
    return text;
}

class Dashboard {
  public:
    Dashboard() {
        std::ifstream file(test::source_folder() +
                           "/observability/grafana/dashboards/signalbox.json");
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        document_.Parse(text.c_str());
        if (!document_.IsObject()) throw std::runtime_error("the dashboard is no JSON object");
    }

    /// Of all panels, those in rows included, with the variables as Grafana replaces them.
    std::vector<Expression> targets() const {
        std::vector<Expression> found;
        add_targets(document_["panels"], found);
        return found;
    }

    std::vector<Expression> annotations() const {
        std::vector<Expression> found;
        for (const auto& annotation : document_["annotations"]["list"].GetArray()) {
            if (!annotation.HasMember("expr")) continue;
            found.push_back(
                {annotation["name"].GetString(), with_variables(annotation["expr"].GetString())});
        }
        return found;
    }

    /// What `label_values(metric, label)` of its variables looks at.
    std::vector<Expression> variables() const {
        std::vector<Expression> found;
        for (const auto& variable : document_["templating"]["list"].GetArray()) {
            if (std::string_view(variable["type"].GetString()) != "query") continue;
            const std::string query = variable["query"]["query"].GetString();
            const std::size_t begin = query.find('(') + 1;
            const std::size_t comma = query.rfind(',');
            const std::string label = query.substr(comma + 2, query.size() - comma - 3);
            found.push_back({variable["name"].GetString(),
                             "count by (" + label + ") (" +
                                 with_variables(query.substr(begin, comma - begin)) + ")"});
        }
        return found;
    }

  private:
    static std::string with_variables(std::string text) {
        // Covers the whole test. Grafana's interval is four scrapes and more.
        for (const char* interval : {"$__rate_interval", "$__range", "$__interval"})
            text = replaced(std::move(text), interval, "5m");
        for (const char* variable : {"$job", "$instance"})
            text = replaced(std::move(text), variable, ".+");
        return text;
    }

    static void add_targets(const rapidjson::Value& panels, std::vector<Expression>& found) {
        for (const auto& panel : panels.GetArray()) {
            if (panel.HasMember("panels")) add_targets(panel["panels"], found);
            if (!panel.HasMember("targets")) continue;
            for (const auto& target : panel["targets"].GetArray()) {
                found.push_back({std::string("panel ") + panel["title"].GetString() + ", " +
                                     target["refId"].GetString(),
                                 with_variables(target["expr"].GetString())});
            }
        }
    }

    rapidjson::Document document_;
};

/// Asks of everything that a service can be asked, again and again: what is counted for the first
/// time has no rate yet.
class Traffic {
  public:
    Traffic(const Service& service, std::string database)
        : service_(service), database_(std::move(database)) {}

    void go_on() {
        // Not waited for, and never more than fifty.
        if (slow_.size() < 50) {
            slow_.emplace_back(service_.port());
            slow_.back().send(
                "GET /slow-task HTTP/1.1\r\nHost: a\r\n\r\n"
                "GET /slow-task HTTP/1.1\r\nHost: a\r\n\r\n");
            slow_.emplace_back(service_.port());
            slow_.back().send("GET /multiple-tasks HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        for (int i = 0; i < 5; ++i) {
            get(service_.url("/fast-task"));
            get(service_.url("/users"));
        }
        // A client that does not wait: 499.
        RawClient(service_.port()).send("GET /slow-task HTTP/1.1\r\nHost: a\r\n\r\n");
        get(service_.url("/nothing"));
        send({.url = service_.url("/users"), .method = "POST", .body = "hello"});
        {
            RawClient malformed(service_.port());
            malformed.send("GET / HTTP/1.1\r\n\r\n");
            malformed.read_to_end();
        }
        pqxx::connection connection(database_);
        pqxx::work work(connection);
        work.exec("LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
        get(service_.url("/users"));  // 503, and an execution that PostgreSQL ended
    }

  private:
    const Service& service_;
    const std::string database_;
    std::vector<RawClient> slow_;
};

/// Why the value of an expression is not what a panel or a rule can use; empty when it is.
std::string fault_of(const PrometheusServer& prometheus, const Expression& expression) {
    const Samples samples = prometheus.query(expression.text);
    const bool nan = std::any_of(samples.begin(), samples.end(),
                                 [](const Sample& sample) { return std::isnan(sample.value); });
    if (!samples.empty() && !nan) return {};
    return expression.where + (nan ? " has NaN: " : " has no sample: ") + expression.text + "\n";
}

TEST(Observability, has_no_expression_without_an_answer) {
    const std::string database = database_with_users(5);
    const Service service(database, {"--database-query-timeout", "100ms"});
    const PrometheusServer prometheus({service.admin_port()});
    Traffic traffic(service, database);

    const auto rules = prometheus.rules();
    const Dashboard dashboard;
    std::vector<Expression> expressions = dashboard.targets();
    ASSERT_GT(expressions.size(), 40U);
    ASSERT_THAT(dashboard.variables(), SizeIs(2));
    for (const auto& variable : dashboard.variables())
        expressions.push_back(variable);
    std::set<std::string> recorded;
    std::size_t alerts = 0;
    for (const auto& rule : rules) {
        if (rule.alerting) {
            ++alerts;
            expressions.push_back({"alert " + rule.name, with_bool_comparisons(rule.expression)});
        } else {
            recorded.insert(rule.name);
            expressions.push_back({"rule " + rule.name, rule.expression});
            expressions.push_back({"what is recorded", rule.name});
        }
    }
    EXPECT_GT(alerts, 10U);
    EXPECT_GT(recorded.size(), 10U);

    // An `or vector(0)` hides a metric that is not there, so each is asked for by itself, too.
    std::set<std::string> selectors;
    std::set<std::string> grouping_labels;
    for (const Expression& expression : expressions) {
        for (const std::string& selector : selectors_of(expression.text))
            selectors.insert(selector);
        grouping_labels.merge(grouping_labels_of(expression.text));
    }
    for (const Expression& annotation : dashboard.annotations())
        EXPECT_NO_THROW(prometheus.query(annotation.text)) << annotation.where;

    std::string faults;
    const bool none = eventually(
        [&] {
            traffic.go_on();
            faults.clear();
            for (const Expression& expression : expressions)
                faults += fault_of(prometheus, expression);
            for (const std::string& selector : selectors)
                faults += fault_of(prometheus, {"selector", "count(" + selector + ")"});
            return faults.empty();
        },
        90s);
    EXPECT_TRUE(none) << faults;

    for (const auto& rule : prometheus.rules()) {
        EXPECT_EQ(rule.health, "ok") << rule.name;
        EXPECT_EQ(rule.error, "") << rule.name;
    }

    const Samples metrics = service.metrics();
    std::set<std::string> names{"up"};
    std::set<std::string> labels{"job", "instance"};
    for (const Sample& sample : metrics) {
        names.insert(sample.name);
        for (const auto& [label, value] : sample.labels)
            labels.insert(label);
    }
    std::vector<std::string> unknown;
    for (const std::string& selector : selectors) {
        const std::string name = selector.substr(0, selector.find('{'));
        if (!names.contains(name) && !recorded.contains(name)) unknown.push_back(name);
    }
    EXPECT_THAT(unknown, IsEmpty());
    std::vector<std::string> unknown_labels;
    std::set_difference(grouping_labels.begin(), grouping_labels.end(), labels.begin(),
                        labels.end(), std::back_inserter(unknown_labels));
    EXPECT_THAT(unknown_labels, IsEmpty());
}

}  // namespace
}  // namespace signalbox::test
