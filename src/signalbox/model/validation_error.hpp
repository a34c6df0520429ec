#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace signalbox::model {

/// Where in a request something is, as pydantic's `loc`: a list from the inside out, whose parts
/// live on the stack of the functions that read.
struct Location {
    static constexpr std::size_t no_index = static_cast<std::size_t>(-1);

    const Location* outer = nullptr;
    std::string_view name{};
    std::size_t index = no_index;  ///< in place of a name
};

/// What is wrong with one value, as pydantic 2 says it.
struct ValidationError {
    std::string type;        ///< `string_too_short`
    std::string loc_json;    ///< `["body","items",0,"sku"]`
    std::string msg;         ///< for people
    std::string input_json;  ///< what was sent, cut when it is long (see longest_input)
    std::string ctx_json{};  ///< what `msg` was made from, or nothing
};

/// All that is wrong with one request. Errors beyond a quarter of a MiB are not kept, and a last
/// one says so: a client must not be able to multiply what it sends.
class ValidationErrors {
  public:
    void add(std::string_view type, const Location& location, std::string_view message,
             std::string input_json, std::string ctx_json = {});

    bool empty() const noexcept { return list_.empty(); }
    /// Whether no more are kept: who reads can stop.
    bool full() const noexcept { return size_ > most_bytes; }
    const std::vector<ValidationError>& list() const noexcept { return list_; }
    /// `[{"type":…,"loc":…,"msg":…,"input":…,"ctx":…}, …]`
    std::string json() const;

  private:
    static constexpr std::size_t most_bytes = 256 * 1024;

    std::vector<ValidationError> list_;
    std::size_t size_ = 0;
};

}  // namespace signalbox::model
