#include <re2/re2.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "signalbox/model/rules.hpp"

namespace signalbox::model {

/// It is never freed: a rule lives as long as the program, and a thread may still use it at its
/// end.
const void* Expression::compiled() const {
    if (const void* known = compiled_.load(std::memory_order_acquire)) return known;
    RE2::Options options(RE2::Quiet);
    auto made = std::make_unique<RE2>(re2::StringPiece(pattern_.data(), pattern_.size()), options);
    const void* expected = nullptr;
    if (compiled_.compare_exchange_strong(expected, made.get(), std::memory_order_acq_rel))
        return made.release();
    return expected;  // another thread was first
}

bool Expression::matches(std::string_view text) const {
    return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()),
                             *static_cast<const RE2*>(compiled()));
}

void Expression::check() const {
    const auto& expression = *static_cast<const RE2*>(compiled());
    if (!expression.ok()) {
        throw std::invalid_argument("the pattern '" + std::string(pattern_) +
                                    "': " + expression.error());
    }
}

}  // namespace signalbox::model
