#include "signalbox/db/detail/schema_watch.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "signalbox/db/detail/failure.hpp"
#include "signalbox/db/error.hpp"

namespace signalbox::db {

namespace {

std::string count_of(const std::vector<std::string>& pending) {
    return std::to_string(pending.size()) + " pending migration" +
           (pending.size() == 1 ? "" : "s") + ", the first is " + pending.front();
}

}  // namespace

void SchemaWatch::expect(std::vector<Migration> migrations, bool known_applied) {
    expected_ = std::move(migrations);
    if (known_applied && expects_any()) state_ = {.known = true, .applied = expected_.size()};
    next_ = expects_any() ? Clock::time_point{} : Clock::time_point::max();
}

std::optional<SchemaWatch::Notice> SchemaWatch::looked(Clock::time_point began,
                                                       const SchemaLook& found) {
    if (!expects_any() || began < looked_at_) return std::nullopt;
    if (!found.applied) {
        if (!found.refused) return std::nullopt;  // as it was, until somebody can tell
        looked_at_ = began;
        state_ = {};
        if (std::exchange(refused_, true)) return std::nullopt;
        return Notice{Event::migrations_unknown,
                      "cannot tell whether migrations are pending: " + found.error};
    }
    looked_at_ = began;
    refused_ = false;
    Pool::Migrations state{.known = true};
    for (const Migration& migration : expected_) {
        if (!found.applied->contains(migration.version))
            state.pending.push_back(migration.file_name);
    }
    state.applied = expected_.size() - state.pending.size();
    state.unknown = found.applied->size() - state.applied;
    return set(std::move(state));
}

std::optional<SchemaWatch::Notice> SchemaWatch::set(Pool::Migrations state) {
    const auto before = std::exchange(state_, std::move(state));
    if (before.pending == state_.pending) return std::nullopt;
    // Whatever was to be the next look, it is sooner now.
    next_ = std::min(next_, looked_at_ + (any_pending() ? when_pending : when_complete));
    if (!any_pending())
        return Notice{Event::migrations_applied, "the database has all migrations again"};
    return Notice{Event::migrations_pending,
                  "the database lacks its schema: " + count_of(state_.pending) +
                      ". Nothing is applied by itself: it may be the wrong database, or an empty "
                      "one in place of one with data"};
}

bool SchemaWatch::begin_explaining(Clock::time_point now) noexcept {
    if (!expects_any() || any_pending()) return false;
    if (const auto again = explained_at_ + when_pending; now < again) {
        next_ = std::min(next_, again);
        return false;
    }
    explained_at_ = now;
    begin_looking(now);
    return true;
}

std::exception_ptr SchemaWatch::explain(const std::exception_ptr& error) const {
    if (!any_pending() || !names_what_is_missing(error)) return error;
    try {
        std::rethrow_exception(error);
    } catch (const Error& refused) {
        return std::make_exception_ptr(MissingMigration(
            std::string(refused.what()) + "; " + count_of(state_.pending), refused.sqlstate()));
    }
}

bool names_what_is_missing(const std::exception_ptr& error) {
    // Tables, columns, functions, schemas; types, among others.
    constexpr std::array<std::string_view, 5> states{"42P01", "42703", "42883", "3F000", "42704"};
    return std::ranges::find(states, sqlstate_of(error)) != states.end();
}

}  // namespace signalbox::db
