#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace signalbox::http {

/// Goes over the parameters of a query string, or of a form's body, in one pass: in their order,
/// repeated names included. It reads them as Python's `parse_qsl` does with `keep_blank_values`,
/// and so FastAPI:
///
/// - `+` is a space, an escape is the byte it stands for, NUL among them
/// - `a` is `a=`; nothing stands between the signs of `&&`; `;` separates nothing
/// - an escape that is cut short or not hexadecimal stays as it is
/// - what is no UTF-8 becomes U+FFFD, one for each broken sequence
///
///     QueryReader reader(request.query);
///     while (reader.next()) use(reader.name(), reader.value());
///
/// Allocates only for what is escaped. The query must outlive it.
class QueryReader {
  public:
    explicit QueryReader(std::string_view query) : rest_(query) {}

    /// To the next parameter. False when there is no other.
    bool next();
    /// Those of the parameter that next() went to, decoded. Valid until the next one.
    std::string_view name() const noexcept { return name_; }
    std::string_view value();

  private:
    std::string_view rest_;
    std::string_view name_;
    std::string_view encoded_value_;
    std::string decoded_name_;
    std::string decoded_value_;
};

/// Calls `take(name, value)` for each parameter. The two are valid as long as the call.
template <class F>
void for_each_query_parameter(std::string_view query, F&& take) {
    QueryReader reader(query);
    while (reader.next())
        take(reader.name(), reader.value());
}

/// The first value of this name.
std::optional<std::string> find_query_parameter(std::string_view query, std::string_view name);

}  // namespace signalbox::http
