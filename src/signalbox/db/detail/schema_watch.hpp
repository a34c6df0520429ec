#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "signalbox/db/detail/schema_look.hpp"
#include "signalbox/db/migration_file.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"

namespace signalbox::db {

/// What a pool knows of whether the database has the migrations that the service was made for, and
/// when somebody has to look again. A database may lose them while the service runs: its server was
/// replaced by an empty one, it was restored from an old backup.
///
/// They are those that there were at the start. The folder may have others by now, of the next
/// version, whose business they are.
///
/// Not safe for threads: the pool's mutex guards it.
class SchemaWatch {
  public:
    using Clock = std::chrono::steady_clock;

    /// For PoolOptions::on_event.
    struct Notice {
        Event event;
        std::string text;
    };

    /// How often it is looked at, while migrations are pending and while none is. Behind a pooler
    /// and a proxy no connection breaks when the server is another one.
    static constexpr std::chrono::seconds when_pending{1};
    static constexpr std::chrono::seconds when_complete{10};

    /// `known_applied`: somebody has just seen that the database has them all, so until the first
    /// look it is known to.
    void expect(std::vector<Migration> migrations, bool known_applied = false);
    bool expects_any() const noexcept { return !expected_.empty(); }

    /// Whether who has an idle connection is to look.
    bool due(Clock::time_point now) const noexcept { return next_ <= now; }
    /// The caller looks, or has somebody look; nobody else does for a while.
    void begin_looking(Clock::time_point now) noexcept {
        next_ = now + (any_pending() ? when_pending : when_complete);
    }
    /// A statement names what is not there. Whether the caller has to look before that can be
    /// explained: not twice a second, for a program that is wrong; then somebody does later.
    bool begin_explaining(Clock::time_point now) noexcept;
    void look_now() noexcept { next_ = {}; }

    /// What was found by a look that began then. What is to be told of it, if anything.
    std::optional<Notice> looked(Clock::time_point began, const SchemaLook& found);

    const Pool::Migrations& state() const noexcept { return state_; }
    bool any_pending() const noexcept { return !state_.pending.empty(); }

    /// The same error, or MissingMigration when that is why.
    std::exception_ptr explain(const std::exception_ptr& error) const;

  private:
    std::optional<Notice> set(Pool::Migrations state);

    std::vector<Migration> expected_;
    bool refused_ = false;  ///< by the last look
    Pool::Migrations state_;
    Clock::time_point looked_at_{};
    Clock::time_point explained_at_{};
    Clock::time_point next_ = Clock::time_point::max();
};

/// Whether it may be that a migration would have made what the statement names.
[[nodiscard]] bool names_what_is_missing(const std::exception_ptr& error);

}  // namespace signalbox::db
