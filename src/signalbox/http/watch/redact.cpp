#include "signalbox/http/watch/redact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "signalbox/ascii.hpp"
#include "signalbox/http/query.hpp"
#include "signalbox/http/wire/uri.hpp"

namespace signalbox::http {

namespace {

constexpr std::string_view redacted_mark = "REDACTED";

/// Anywhere in a name, in lower case and without what separates words. What a service has besides,
/// it names to Redaction.
constexpr std::array secret_parts = std::to_array<std::string_view>(
    {"token",     "secret",           "passw",    "passphrase", "passcode",
     "passkey",   "userpass",         "pincode",  "pswd",       "signature",
     "bearer",    "credential",       "apikey",   "accesskey",  "privatekey",
     "authkey",   "authorization",    "authcode", "otpcode",    "devicecode",
     "usercode",  "verificationcode", "verifier", "assertion",  "saml",
     "session",   "sessid",           "jwt",      "cardnumber", "cardno",
     "creditcard"});
/// Words of a name, which are common as parts of others: a `passenger` has no `pass`.
constexpr std::array secret_words = std::to_array<std::string_view>(
    {"pass", "key", "keys", "otp", "otps", "totp", "mfa", "pin", "pins", "card",   "cards",
     "cvv",  "cvc", "ssn",  "sid", "sig",  "pw",   "psw", "pwd", "auth", "cookie", "cookies"});
constexpr std::array secret_names = std::to_array<std::string_view>({"code", "ticket"});

/// More often nobody encodes a URL in a URL.
constexpr int deepest = 5;

/// Looked at in one text: as many as a line of the log has room for. A client could have the loop
/// do nothing else.
constexpr int most_names = 512;

std::string plain_name(std::string_view name) {
    std::string plain;
    for (const char c : name) {
        if (c != '-' && c != '_') plain += to_lower(c);
    }
    return plain;
}

/// `api`, `key` and `id` of `api-key[ID]` and of `apiKeyId2`.
std::vector<std::string> words_of(std::string_view name) {
    std::vector<std::string> words(1);
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        if (!is_alphanumeric(c) || is_digit(c)) {
            words.emplace_back();
            continue;
        }
        const bool hump = i > 0 && is_upper(c) &&
                          (is_lower(name[i - 1]) ||
                           (is_upper(name[i - 1]) && i + 1 < name.size() && is_lower(name[i + 1])));
        if (hump) words.emplace_back();
        words.back() += to_lower(c);
    }
    return words;
}

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string decoded(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        if (const auto byte = escaped_byte(text)) {
            result += *byte;
            text.remove_prefix(escape_size);
        } else {
            result += text.front() == '+' ? ' ' : text.front();
            text.remove_prefix(1);
        }
    }
    return result;
}

/// Of letters, digits and marks that separate nothing.
bool is_word(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) || std::string_view("-_.~").find(c) != std::string_view::npos;
    });
}

bool contains(std::string_view text, std::string_view word) {
    return std::search(text.begin(), text.end(), word.begin(), word.end(),
                       [](char a, char b) { return to_lower(a) == b; }) != text.end();
}

/// `https://user:password@host`.
bool has_credentials(std::string_view text) {
    for (std::size_t at = text.find("://"); at != std::string_view::npos;) {
        const std::string_view rest = text.substr(at + 3);
        const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
        const auto end = authority.rfind('@');
        if (end != std::string_view::npos &&
            authority.substr(0, end).find(':') != std::string_view::npos) {
            return true;
        }
        at = text.find("://", at + 3);
    }
    return false;
}

}  // namespace

Parsed<SecretPath> SecretPath::parse(std::string_view pattern) {
    const std::string whole(pattern);
    const auto invalid = [&whole](const char* what) {
        return Invalid{fmt::format("'{}': expected {}, as in /reset/{{token}}", whole, what)};
    };
    if (!pattern.starts_with('/')) return invalid("a path that begins with a slash");
    SecretPath path;
    bool secret = false;
    while (!pattern.empty()) {
        std::string_view rest = pattern.substr(1);
        const std::string_view segment = rest.substr(0, rest.find('/'));
        rest.remove_prefix(segment.size());
        const bool in_braces = segment.starts_with('{') && segment.ends_with('}');
        if (segment.empty()) return invalid("no empty segment");
        if (!in_braces && segment.find_first_of("{}") != std::string_view::npos) {
            return invalid("braces around a whole segment");
        }
        secret = secret || in_braces;
        path.segments_.push_back({in_braces ? Kind::secret : Kind::literal, std::string(segment)});
        pattern = rest;
    }
    if (!secret) return Invalid{"expected a segment in braces, as in /reset/{token}"};
    return path;
}

std::optional<std::string> SecretPath::redact(std::string_view path, bool cut) const {
    // Those who join it to a base URL often have a slash too many.
    while (path.starts_with("//"))
        path.remove_prefix(1);
    std::string redacted;
    for (const auto& [kind, text] : segments_) {
        if (cut && path.empty()) return redacted;
        if (!path.starts_with('/')) return std::nullopt;
        path.remove_prefix(1);
        const std::string_view own = path.substr(0, path.find('/'));
        const bool may_be = cut && own.size() == path.size() && text.starts_with(own);
        if (kind == Kind::literal && own != text && !may_be) return std::nullopt;
        const bool secret = kind == Kind::secret && !own.empty();
        redacted.append(1, '/').append(secret ? redacted_mark : own);
        path.remove_prefix(own.size());
    }
    // A slash of the secret, which was encoded, looks like one of the path by now.
    if (segments_.back().kind == Kind::secret) return redacted;
    return redacted.append(path);
}

Parsed<std::vector<SecretPath>> parse_secret_paths(std::string_view text) {
    std::vector<SecretPath> paths;
    while (!text.empty()) {
        const std::string_view pattern = text.substr(0, text.find(','));
        const auto path = SecretPath::parse(pattern);
        if (!path) return Invalid{path.reason()};
        paths.push_back(*path);
        text.remove_prefix(std::min(text.size(), pattern.size() + 1));
    }
    return paths;
}

Redaction::Redaction(const std::vector<std::string>& secret_parameters,
                     std::vector<SecretPath> secret_paths)
    : secret_paths_(std::move(secret_paths)) {
    for (const std::string& name : secret_parameters) {
        own_names_.push_back(plain_name(name));
        if (own_names_.back().empty()) {
            throw std::invalid_argument(fmt::format("a secret parameter has no name: '{}'", name));
        }
    }
}

void Redaction::expect(std::string_view route) {
    SecretPath path;
    bool secret = false;
    for (std::string_view rest = route; rest.starts_with('/');) {
        rest.remove_prefix(1);
        const std::string_view segment = rest.substr(0, rest.find('/'));
        rest.remove_prefix(segment.size());
        using Kind = SecretPath::Kind;
        const bool parameter = segment.starts_with('{');
        const Kind kind = !parameter           ? Kind::literal
                          : is_secret(segment) ? Kind::secret
                                               : Kind::any;
        secret = secret || kind == Kind::secret;
        path.segments_.push_back({kind, std::string(segment)});
    }
    if (secret) secret_paths_.push_back(std::move(path));
}

bool Redaction::is_secret(std::string_view name) const {
    // A client may write any letter as an escape.
    QueryReader reader(name);
    const std::string_view read = reader.next() ? reader.name() : name;
    const std::string plain = plain_name(read);
    const auto in_name = [&](std::string_view part) {
        return plain.find(part) != std::string::npos;
    };
    if (std::any_of(secret_parts.begin(), secret_parts.end(), in_name) ||
        is_one_of(secret_words, plain) || is_one_of(secret_names, plain) ||
        is_one_of(own_names_, plain)) {
        return true;
    }
    const auto words = words_of(read);
    return std::any_of(words.begin(), words.end(),
                       [](const std::string& word) { return is_one_of(secret_words, word); });
}

/// Of one text: what is looked at is counted.
class Redaction::Search {
  public:
    explicit Search(const Redaction& redaction) : redaction_(redaction) {}

    bool names_a_secret(std::string_view text);
    void append_pair(std::string& redacted, std::string_view pair, bool cut);

  private:
    bool is_secret(std::string_view name) {
        return names_++ >= most_names || redaction_.is_secret(name);
    }
    bool holds_a_secret(std::string_view value);

    const Redaction& redaction_;
    int names_ = 0;
};

/// Whether something in it looks like a name with a value, and the name is secret: `a=1&token=…`,
/// `{"token": …}`.
bool Redaction::Search::names_a_secret(std::string_view text) {
    for (std::size_t at = text.find_first_of("=:"); at != std::string_view::npos;
         at = text.find_first_of("=:", at + 1)) {
        std::string_view before = text.substr(0, at);
        const auto last = before.find_last_not_of(" \t\"'\\");
        if (last == std::string_view::npos) continue;
        before = before.substr(0, last + 1);
        std::size_t begin = before.size();
        while (begin > 0 &&
               (is_alphanumeric(before[begin - 1]) ||
                std::string_view("-_.[]").find(before[begin - 1]) != std::string_view::npos)) {
            --begin;
        }
        if (begin < before.size() && is_secret(before.substr(begin))) return true;
    }
    return false;
}

/// Whether a path in it has a secret: `https://shop.example/reset/…`. Of patterns that begin with a
/// word of their own, as others are about any path.
bool Redaction::has_a_secret_path(std::string_view text) const {
    for (const SecretPath& secret : secret_paths_) {
        const auto& [kind, word] = secret.segments_.front();
        if (kind != SecretPath::Kind::literal) continue;
        const std::string begin = '/' + word + '/';
        std::size_t end = 0;  // of the path that was looked at last
        for (std::size_t at = text.find(begin); at != text.npos; at = text.find(begin, at + 1)) {
            if (at >= end) end = std::min(text.find_first_of("?#&\"' ", at), text.size());
            const auto redacted = secret.redact(text.substr(at, end - at));
            if (redacted && *redacted != text.substr(at, end - at)) return true;
        }
    }
    return false;
}

bool Redaction::Search::holds_a_secret(std::string_view value) {
    std::string text(value);
    for (int depth = 0; depth < deepest; ++depth) {
        std::string next = decoded(text);
        // What stands in the query itself was looked at as a parameter of it.
        if (depth > 0 && next == text) return false;
        if (names_a_secret(next) || has_credentials(next) || redaction_.has_a_secret_path(next) ||
            contains(next, "bearer ")) {
            return true;
        }
        text = std::move(next);
    }
    return decoded(text) != text;
}

/// `cut`: its end is missing, and with it what would have shown that something in it is secret.
void Redaction::Search::append_pair(std::string& redacted, std::string_view pair, bool cut) {
    while (true) {
        const std::string_view part = pair.substr(0, pair.find(';'));
        const std::size_t equals = part.find('=');
        const std::string_view name = part.substr(0, equals);
        const std::string_view value =
            equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
        const bool secret = equals != std::string_view::npos && is_secret(name);
        // Behind a secret nothing is sure: whether what follows `;` is another parameter, or its
        // end, is for the reader to say.
        const bool end_is_missing = cut && part.size() == pair.size();
        if (secret || holds_a_secret(value) || (end_is_missing && !is_word(value))) {
            redacted.append(name).append(1, '=').append(redacted_mark);
            return;
        }
        if ((name.find('%') != std::string_view::npos && holds_a_secret(name)) ||
            (end_is_missing && !is_word(name))) {
            redacted.append(redacted_mark);
            return;
        }
        redacted.append(part);
        if (part.size() == pair.size()) return;
        redacted.append(1, ';');
        pair.remove_prefix(part.size() + 1);
    }
}

std::string Redaction::query(std::string_view query, bool cut) const {
    std::string redacted;
    Search search(*this);
    while (true) {
        const std::size_t end = query.find('&');
        const bool last = end == std::string_view::npos;
        search.append_pair(redacted, query.substr(0, end), cut && last);
        if (last) return redacted;
        redacted.append(1, '&');
        query.remove_prefix(end + 1);
    }
}

std::string_view Redaction::path(std::string_view path, std::string& redacted, bool cut) const {
    Search search(*this);
    for (const SecretPath& secret : secret_paths_) {
        // One that finds nothing secret in what is left of a cut path may be the wrong one.
        if (auto found = secret.redact(path, cut); found && (!cut || *found != path)) {
            redacted = *std::move(found);
            path = redacted;
            break;
        }
    }
    // JSON: where in it another slash is, nobody knows.
    if (const auto quote = path.find('"'); quote != path.npos) {
        const std::size_t begin = path.substr(0, quote).rfind('/') + 1;
        if (search.names_a_secret(path.substr(begin))) {
            std::string beginning(path.substr(0, begin));
            redacted = std::move(beginning.append(redacted_mark));
            path = redacted;
        }
    }
    if (path.find('=') == std::string_view::npos) return path;
    std::string whole;
    for (std::string_view rest = path; !rest.empty();) {
        const std::size_t begin = rest.find_first_not_of("/?&");
        const std::size_t end = rest.find_first_of("/?&", std::min(begin, rest.size()));
        const std::size_t size = std::min(end, rest.size());
        const std::string_view marks = rest.substr(0, std::min(begin, rest.size()));
        whole.append(marks);
        search.append_pair(whole, rest.substr(marks.size(), size - marks.size()),
                           cut && size == rest.size());
        rest.remove_prefix(size);
    }
    redacted = std::move(whole);
    return redacted;
}

}  // namespace signalbox::http
