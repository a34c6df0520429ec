#include "signalbox/observe/request_fields.hpp"

#include <algorithm>
#include <cstdint>
#include <variant>

namespace signalbox::observe {

void add_fields_of(Line& line, const context::RequestContext* request,
                   std::span<const std::string> except) {
    const context::LogFields* const fields = request != nullptr ? request->log_fields() : nullptr;
    if (fields == nullptr) return;
    for (const auto& [name, value] : fields->all()) {
        if (std::find(except.begin(), except.end(), name) != except.end()) continue;
        line.add(std::visit([&name = name](const auto& its) { return Field(name, its); }, value));
    }
    if (fields->left_out() > 0)
        line.add<"log.fields_left_out">(static_cast<std::int64_t>(fields->left_out()));
}

}  // namespace signalbox::observe
