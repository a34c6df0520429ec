#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "signalbox/observe/database_observer.hpp"
#include "signalbox/observe/metrics.hpp"

namespace signalbox::observe {

/// What a statement does, and to which table, for its metric: `SELECT`, `items`. The first keyword
/// decides, and the first name after FROM, INTO, UPDATE or TABLE; empty when there is none. A
/// glance at the words, not a parser of SQL.
struct Operation {
    std::string name;
    std::string collection;
};
Operation operation_of(std::string_view sql);

/// The families of `db_client_*` (OpenTelemetry's database client metrics), and the shared reads.
/// Any thread.
class DatabaseMetrics final : public DatabaseObserver {
  public:
    /// Every metric is labelled with the pool's name. `metrics` must outlive it.
    DatabaseMetrics(Metrics& metrics, const std::string& pool_name);

    void executed(std::string_view sql, Duration duration, std::string_view error) override;
    void waited(Duration duration) override { wait_time_.Observe(seconds(duration)); }
    void timed_out() override { timeouts_.Increment(); }
    void shared_a_read() override { shared_reads_.Increment(); }
    void retried(Retry reason) override {
        retried_reads_[static_cast<std::size_t>(reason)]->Increment();
    }
    void transaction_ended(TransactionOutcome outcome, Duration duration) override {
        transactions_[static_cast<std::size_t>(outcome)]->Observe(seconds(duration));
    }
    void streamed(std::size_t rows, std::size_t bytes) override {
        stream_rows_.Increment(static_cast<double>(rows));
        stream_bytes_.Increment(static_cast<double>(bytes));
    }
    void stream_ended(StreamOutcome outcome) override {
        streams_[static_cast<std::size_t>(outcome)]->Increment();
    }
    void connected(Duration duration) override { create_time_.Observe(seconds(duration)); }
    void used(Duration duration) override { use_time_.Observe(seconds(duration)); }

  private:
    static double seconds(Duration duration) {
        return std::chrono::duration<double>(duration).count();
    }
    prometheus::Histogram& operation(std::string_view sql, std::string_view error);

    const std::string pool_name_;
    prometheus::Family<prometheus::Histogram>& operations_;
    prometheus::Histogram& create_time_;
    prometheus::Histogram& wait_time_;
    prometheus::Histogram& use_time_;
    prometheus::Counter& timeouts_;
    prometheus::Counter& shared_reads_;
    std::array<prometheus::Counter*, 2> retried_reads_{};  ///< by the reason
    std::array<prometheus::Histogram*, 3> transactions_;   ///< by their outcome
    prometheus::Counter& stream_rows_;
    prometheus::Counter& stream_bytes_;
    std::array<prometheus::Counter*, 4> streams_{};  ///< by their outcome

    std::mutex mutex_;
    /// Guarded by mutex_: by SQL, then by error.
    using ByError = std::map<std::string, prometheus::Histogram*, std::less<>>;
    std::map<std::string, ByError, std::less<>> known_operations_;
};

}  // namespace signalbox::observe
