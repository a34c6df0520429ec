#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/parsed.hpp"

namespace signalbox::http {

/// Paths with segments that no log may show: `/reset/{token}`. A segment in braces stands for any,
/// and is secret; the others are as they are written. It is about all paths that begin so, and when
/// it ends with a secret, about all that follows, too.
class SecretPath {
  public:
    /// Invalid without a slash in front or a segment in braces, or with an empty segment.
    static Parsed<SecretPath> parse(std::string_view pattern);

    /// With `REDACTED` in place of each secret; nothing for a path that it is not about. One that
    /// was `cut` may be about what is missing.
    std::optional<std::string> redact(std::string_view path, bool cut = false) const;

  private:
    friend class Redaction;
    enum class Kind { literal, any, secret };
    struct Segment {
        Kind kind;
        std::string text;  ///< of a literal
    };

    std::vector<Segment> segments_;
};

/// Comma separated. The empty text is none.
Parsed<std::vector<SecretPath>> parse_secret_paths(std::string_view text);

/// What may be logged of what a client asked for: what is secret by its name (`token`, `password`,
/// `signature` and the like, also as a part of a name) is replaced by `REDACTED`, as
/// OpenTelemetry's conventions for `url.query` ask.
///
/// Threads: any.
class Redaction {
  public:
    Redaction() = default;
    /// Secret as well, as whole names: what the service calls its own secrets. `-`, `_` and the
    /// case of letters make no difference. Throws std::invalid_argument for one that has nothing
    /// else.
    explicit Redaction(const std::vector<std::string>& secret_parameters,
                       std::vector<SecretPath> secret_paths = {});

    /// Of parameters the values, also where they are in a URL or in JSON that is a value itself,
    /// however often it is encoded, and values with a secret path. `;` separates as `&` does, for
    /// whoever reads it so: behind a secret it separates nothing. `cut`: something is missing at
    /// the end. Values in which nothing can be found any more are hidden: behind 512 names, and the
    /// last one of a text that was cut, if it is more than a word.
    std::string query(std::string_view query, bool cut = false) const;

    /// Segments, and parameters and JSON in a path (`/a;jsessionid=b`). Gives back `path` itself,
    /// or what it has written into `redacted`.
    std::string_view path(std::string_view path, std::string& redacted, bool cut = false) const;

    /// A route of the service, `/invitations/{token}`: parameters of its path are secret by their
    /// names as well. Before any other thread asks.
    void expect(std::string_view route);

  private:
    class Search;

    bool is_secret(std::string_view name) const;
    bool has_a_secret_path(std::string_view text) const;

    std::vector<std::string> own_names_;
    std::vector<SecretPath> secret_paths_;
};

}  // namespace signalbox::http
