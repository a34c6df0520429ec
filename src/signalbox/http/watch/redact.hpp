#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace signalbox::http {

/// What may be logged of a query string: the values of parameters whose names say that they are
/// secret (`token`, `password`, `signature` and the like, also as part of a name) are replaced by
/// `REDACTED`, as OpenTelemetry's conventions for `url.query` ask.
///
/// Threads: any.
class Redaction {
  public:
    Redaction() = default;
    /// Secret as well, as whole names: what the service calls its own secrets. `-`, `_` and the
    /// case of letters make no difference. Throws std::invalid_argument for one that has nothing
    /// else.
    explicit Redaction(const std::vector<std::string>& secret_parameters);

    std::string query(std::string_view query) const;

  private:
    bool is_secret(std::string_view name) const;

    std::vector<std::string> own_names_;
};

}  // namespace signalbox::http
