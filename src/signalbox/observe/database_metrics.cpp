#include "signalbox/observe/database_metrics.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "signalbox/ascii.hpp"
#include "signalbox/observe/metric_family.hpp"

namespace signalbox::observe {

namespace {

/// So many different statements get a metric by name; a program has fewer, unless it puts data
/// into its SQL. What comes later counts as `_OTHER`.
constexpr std::size_t most_statements = 512;

bool is_word(char c) {
    return is_alphanumeric(c) || c == '_' || c == '.' || c == '"' ||
           static_cast<unsigned char>(c) >= 0x80;
}

/// Takes the next word off the text: a name, a keyword or a number. Quotes stay.
std::string_view next_word(std::string_view& text) {
    const auto begin = std::find_if(text.begin(), text.end(), is_word);
    const auto end = std::find_if_not(begin, text.end(), is_word);
    const std::string_view word = text.substr(static_cast<std::size_t>(begin - text.begin()),
                                              static_cast<std::size_t>(end - begin));
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
    return word;
}

std::string upper(std::string_view word) {
    std::string result(word);
    for (char& c : result)
        c = to_upper(c);
    return result;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

prometheus::Labels pool_label(const std::string& pool_name) {
    return {{"db_client_connection_pool_name", pool_name}};
}

prometheus::Histogram& histogram(Metrics& metrics, const std::string& pool_name, const char* name,
                                 const char* help) {
    return family<prometheus::Histogram>(metrics, name, help)
        .Add(pool_label(pool_name), database_buckets());
}

}  // namespace

Operation operation_of(std::string_view sql) {
    Operation operation;
    operation.name = upper(next_word(sql));
    if (!is_one_of(operation.name, {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "CALL",
                                    "VALUES", "TABLE", "SHOW", "EXPLAIN", "LISTEN", "NOTIFY"})) {
        operation.name = "_OTHER";
    }
    std::string before = operation.name;
    while (!sql.empty()) {
        const std::string_view word = next_word(sql);
        if (is_one_of(before, {"FROM", "INTO", "UPDATE", "TABLE"}) && !word.empty()) {
            operation.collection = word;
            std::erase(operation.collection, '"');
            break;
        }
        before = upper(word);
    }
    return operation;
}

DatabaseMetrics::DatabaseMetrics(Metrics& metrics, const std::string& pool_name)
    : pool_name_(pool_name),
      operations_(family<prometheus::Histogram>(
          metrics, "db_client_operation_duration_seconds",
          "Execution of a statement by PostgreSQL, from sending it to its last row.")),
      create_time_(histogram(metrics, pool_name, "db_client_connection_create_time_seconds",
                             "Making a connection to the database.")),
      wait_time_(histogram(metrics, pool_name, "db_client_connection_wait_time_seconds",
                           "How long a request's read waited for a connection, or for the "
                           "execution that it shares.")),
      use_time_(histogram(metrics, pool_name, "db_client_connection_use_time_seconds",
                          "How long a connection was in use for a read, its JSON included.")),
      timeouts_(family<prometheus::Counter>(
                    metrics, "db_client_connection_timeouts_total",
                    "Requests whose read waited for a connection until its time was up.")
                    .Add(pool_label(pool_name))),
      shared_reads_(family<prometheus::Counter>(
                        metrics, "signalbox_shared_reads_total",
                        "Requests answered by an execution that another request asked for.")
                        .Add({})),
      stream_rows_(family<prometheus::Counter>(
                       metrics, "signalbox_database_stream_rows_total",
                       "Rows that were read by streams, once for all who share them.")
                       .Add({})),
      stream_bytes_(family<prometheus::Counter>(
                        metrics, "signalbox_database_stream_bytes_total",
                        "What these rows are as JSON, or about what they take as objects.")
                        .Add({})) {
    auto& retried = family<prometheus::Counter>(
        metrics, "signalbox_reads_retried_total",
        "Executions once more of reads, and of writes that may be repeated, which lost their "
        "connection or had others in their way.");
    retried_reads_ = {&retried.Add({{"reason", "connection"}}),
                      &retried.Add({{"reason", "conflict"}})};
    auto& transactions = family<prometheus::Histogram>(
        metrics, "signalbox_database_transaction_duration_seconds",
        "How long a transaction held its connection, by how it ended.");
    const auto by_outcome = [&](const char* outcome) {
        return &transactions.Add({{"outcome", outcome}}, database_buckets());
    };
    transactions_ = {by_outcome("committed"), by_outcome("rolled_back"), by_outcome("unknown")};
    auto& streams = family<prometheus::Counter>(
        metrics, "signalbox_database_streams_ended_total",
        "Requests that read a stream of rows, by how that ended; slow_client: it read too slowly "
        "while others waited.");
    streams_ = {&streams.Add({{"outcome", "completed"}}), &streams.Add({{"outcome", "failed"}}),
                &streams.Add({{"outcome", "left"}}), &streams.Add({{"outcome", "slow_client"}})};
}

void DatabaseMetrics::executed(std::string_view sql, Duration duration, std::string_view error) {
    operation(sql, error).Observe(seconds(duration));
}

prometheus::Histogram& DatabaseMetrics::operation(std::string_view sql, std::string_view error) {
    const std::lock_guard lock(mutex_);
    auto known = known_operations_.find(sql);
    if (known == known_operations_.end() && known_operations_.size() < most_statements) {
        known = known_operations_.emplace(sql, ByError{}).first;
    }
    const bool is_known = known != known_operations_.end();
    if (is_known) {
        const auto metric = known->second.find(error);
        if (metric != known->second.end()) return *metric->second;
    }
    const Operation operation = is_known ? operation_of(sql) : Operation{"_OTHER", ""};
    auto& metric = operations_.Add({{"db_client_connection_pool_name", pool_name_},
                                    {"db_system_name", "postgresql"},
                                    {"db_operation_name", operation.name},
                                    {"db_collection_name", operation.collection},
                                    {"error_type", std::string(error)}},
                                   database_buckets());
    if (is_known) known->second.emplace(error, &metric);
    return metric;
}

}  // namespace signalbox::observe
