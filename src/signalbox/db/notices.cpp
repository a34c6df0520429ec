#include "signalbox/db/notices.hpp"

#include <algorithm>
#include <array>

namespace signalbox::db {

void Notices::add(std::string_view message) {
    std::string_view told = message;
    {
        const std::lock_guard lock(mutex_);
        if (told_.size() > most || told_.contains(message)) return;
        told_.emplace(message);
        if (told_.size() > most)
            told = "the database says more than is logged: further notices are left out";
    }
    tell_(told);
}

bool is_warning(std::string_view notice) {
    constexpr std::array harmless{"NOTICE:", "INFO:", "LOG:", "DEBUG:"};
    return std::ranges::none_of(
        harmless, [&](std::string_view severity) { return notice.starts_with(severity); });
}

}  // namespace signalbox::db
