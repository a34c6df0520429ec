#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/config/config.hpp"
#include "signalbox/parsed.hpp"
#include "signalbox/process/machine.hpp"

namespace signalbox::config {

/// For each option that was set from outside, what the user called it: the flag, or the
/// environment variable.
class OptionSources {
  public:
    void emplace(std::string_view flag, std::string name) { names_.emplace(flag, std::move(name)); }

    bool is_set(std::string_view flag) const { return names_.contains(flag); }
    bool is_flag(std::string_view flag) const {
        const auto found = names_.find(flag);
        return found != names_.end() && found->second == flag;
    }

    /// For a message: the name used, or the flag for an option at its default.
    std::string name(std::string_view flag) const {
        const auto found = names_.find(flag);
        return found == names_.end() ? std::string{flag} : found->second;
    }

  private:
    std::map<std::string, std::string, std::less<>> names_;
};

/// Fills in the defaults that depend on the machine.
void complete(Config& config, const OptionSources& sources, const process::Machine& machine);

/// What no option of `serve` can check by itself. The reason is the whole line, flag included.
std::optional<Invalid> check_together(const Config& config, const OptionSources& sources,
                                      const process::Machine& machine);

}  // namespace signalbox::config
