#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "signalbox/config/config.hpp"
#include "signalbox/parsed.hpp"
#include "signalbox/process/machine.hpp"

namespace signalbox::command_line {

/// For each setting that was set from outside, what the user called it: the flag, or the
/// environment variable.
class Sources {
  public:
    void set(std::string_view flag, std::string_view name) {
        names_.insert_or_assign(std::string{flag}, std::string{name});
    }

    bool is_set(std::string_view flag) const { return names_.contains(flag); }
    bool is_flag(std::string_view flag) const {
        const auto found = names_.find(flag);
        return found != names_.end() && found->second.starts_with('-');
    }

    /// For a message: the name used, or the flag for a setting at its default.
    std::string name(std::string_view flag) const {
        const auto found = names_.find(flag);
        return found == names_.end() ? std::string{flag} : found->second;
    }

  private:
    std::map<std::string, std::string, std::less<>> names_;
};

/// Fills in the defaults that depend on the machine.
void complete(config::Config& config, const Sources& sources, const process::Machine& machine);

/// What no setting of `serve` can check by itself. The reason is the whole line, flag included.
std::optional<Invalid> check_together(const config::Config& config, const Sources& sources,
                                      const process::Machine& machine);

}  // namespace signalbox::command_line
