#include "signalbox/http/middleware/cors.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <memory>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "signalbox/ascii.hpp"
#include "signalbox/http/middleware/response_headers.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

namespace {

using Names = std::vector<std::string>;

bool contains(const Names& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string joined(const auto& names) {
    std::string all;
    for (const std::string& name : names) {
        if (!all.empty()) all += ", ";
        all += name;
    }
    return all;
}

[[noreturn]] void refuse(std::string_view option, std::string_view value, std::string_view why) {
    std::string message("cors: ");
    message.append(option).append(": '").append(value).append("' ").append(why);
    throw std::invalid_argument(message);
}

/// One that no browser sends would allow nobody, and nobody would see why.
void check_origin(const std::string& origin) {
    if (origin == "*" || origin == "null") return;
    const auto colon = origin.find("://");
    if (colon == std::string::npos || colon == 0 || colon + 3 == origin.size())
        refuse("allow_origins", origin, "is no origin, such as https://shop.example");
    const auto host = std::string_view(origin).substr(colon + 3);
    if (host.find_first_of("/?#@ ,") != host.npos)
        refuse("allow_origins", origin, "has more than scheme, host and port");
    if (host.find('*') != host.npos)
        refuse("allow_origins", origin, "has a wildcard, which is for allow_origin_regex");
    if (std::any_of(origin.begin(), origin.end(), is_upper))
        refuse("allow_origins", origin, "has capitals, but browsers send small letters");
}

void check_names(std::string_view option, const Names& names) {
    for (const std::string& name : names) {
        if (!is_token(name)) refuse(option, name, "cannot be a name in HTTP");
    }
}

class Cors {
  public:
    explicit Cors(CorsOptions options);

    async::Task<Response> operator()(Request& request, const Next& next) const;

  private:
    bool is_allowed(std::string_view origin) const;
    Response preflight(const Request& request, std::string_view origin,
                       std::string_view method) const;
    void allow(const Request& request, std::string_view origin, Response& response) const;

    CorsOptions options_;
    std::unique_ptr<const RE2> regex_;
    bool all_origins_;
    bool all_headers_;
    Names allowed_headers_;  ///< in lower case
    Headers preflight_headers_;
    Headers simple_headers_;
};

Cors::Cors(CorsOptions options)
    : options_(std::move(options)),
      all_origins_(contains(options_.allow_origins, "*")),
      all_headers_(contains(options_.allow_headers, "*")) {
    for (const std::string& origin : options_.allow_origins)
        check_origin(origin);
    check_names("allow_methods", options_.allow_methods);
    check_names("allow_headers", options_.allow_headers);
    check_names("expose_headers", options_.expose_headers);
    if (options_.max_age.count() < 0) {
        throw std::invalid_argument("cors: max_age: a time cannot be negative");
    }
    if (!options_.allow_origin_regex.empty()) {
        auto regex = std::make_unique<RE2>(options_.allow_origin_regex, RE2::Quiet);
        if (!regex->ok()) refuse("allow_origin_regex", options_.allow_origin_regex, regex->error());
        regex_ = std::move(regex);
    }
    if (contains(options_.allow_methods, "*"))
        options_.allow_methods = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"};

    if (all_origins_) simple_headers_.emplace_back("Access-Control-Allow-Origin", "*");
    if (options_.allow_credentials)
        simple_headers_.emplace_back("Access-Control-Allow-Credentials", "true");
    if (!options_.expose_headers.empty())
        simple_headers_.emplace_back("Access-Control-Expose-Headers",
                                     joined(options_.expose_headers));

    if (all_origins_ && !options_.allow_credentials) {
        preflight_headers_.emplace_back("Access-Control-Allow-Origin", "*");
    } else {
        preflight_headers_.emplace_back("Vary", "Origin");
    }
    preflight_headers_.emplace_back("Access-Control-Allow-Methods", joined(options_.allow_methods));
    preflight_headers_.emplace_back("Access-Control-Max-Age",
                                    std::to_string(options_.max_age.count()));
    // The Fetch standard's CORS-safelisted request headers.
    std::set<std::string> headers{"Accept", "Accept-Language", "Content-Language", "Content-Type"};
    headers.insert(options_.allow_headers.begin(), options_.allow_headers.end());
    for (const std::string& name : headers)
        allowed_headers_.push_back(to_lower(name));
    if (!all_headers_)
        preflight_headers_.emplace_back("Access-Control-Allow-Headers", joined(headers));
    if (options_.allow_credentials)
        preflight_headers_.emplace_back("Access-Control-Allow-Credentials", "true");
}

async::Task<Response> Cors::operator()(Request& request, const Next& next) const {
    const auto origin = request.header("origin");
    if (!origin) co_return co_await next(request);
    const auto method = request.header("access-control-request-method");
    if (method && request.method_name == "OPTIONS") co_return preflight(request, *origin, *method);
    Response response = co_await next(request);
    allow(request, *origin, response);
    co_return response;
}

bool Cors::is_allowed(std::string_view origin) const {
    return all_origins_ || contains(options_.allow_origins, origin) ||
           (regex_ && RE2::FullMatch(re2::StringPiece(origin.data(), origin.size()), *regex_));
}

Response Cors::preflight(const Request& request, std::string_view origin,
                         std::string_view method) const {
    Response response{.content_type = "text/plain; charset=utf-8", .headers = preflight_headers_};
    Names failures;
    if (!is_allowed(origin)) {
        failures.emplace_back("origin");
    } else if (!all_origins_ || options_.allow_credentials) {
        response.headers.emplace_back("Access-Control-Allow-Origin", origin);
    }
    if (!contains(options_.allow_methods, method)) failures.emplace_back("method");
    if (const auto headers = request.header("access-control-request-headers")) {
        if (all_headers_) {
            response.headers.emplace_back("Access-Control-Allow-Headers", *headers);
        } else {
            for (std::string_view rest = *headers;;) {
                const auto name = rest.substr(0, rest.find(','));
                if (!contains(allowed_headers_, to_lower(trim(name)))) {
                    failures.emplace_back("headers");
                    break;
                }
                if (name.size() == rest.size()) break;
                rest.remove_prefix(name.size() + 1);
            }
        }
    }
    if (failures.empty()) {
        response.body = std::string("OK");
    } else {
        response.status = 400;
        response.body = std::string("Disallowed CORS ").append(joined(failures));
    }
    return response;
}

void Cors::allow(const Request& request, std::string_view origin, Response& response) const {
    for (const auto& [name, value] : simple_headers_)
        set_header(response.headers, name, value);
    // A browser takes no `*` for a request with credentials.
    if (all_origins_ ? request.header("cookie").has_value() : is_allowed(origin)) {
        set_header(response.headers, "Access-Control-Allow-Origin", std::string(origin));
        add_vary(response.headers, "Origin");
    }
}

}  // namespace

Middleware cors(CorsOptions options) {
    // Shared, as a std::function's callable has to be copyable.
    return [cors = std::make_shared<const Cors>(std::move(options))](
               Request& request, const Next& next) { return (*cors)(request, next); };
}

}  // namespace signalbox::http
