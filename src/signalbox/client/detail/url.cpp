#include "signalbox/client/detail/url.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <new>
#include <stdexcept>

#include "signalbox/ascii.hpp"

namespace signalbox::client {

namespace {

struct CleanUp {
    void operator()(CURLU* url) const { ::curl_url_cleanup(url); }
    void operator()(char* text) const { ::curl_free(text); }
};

[[noreturn]] void refuse(const char* why) {
    throw std::invalid_argument(std::string("not a URL to call: ").append(why));
}

void check(CURLUcode code) {
    if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLUE_OK) refuse(::curl_url_strerror(code));
}

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
    char* text = nullptr;
    check(::curl_url_get(url, which, &text, flags));
    return std::unique_ptr<char, CleanUp>(text).get();
}

bool is_ipv4(const std::string& host) {
    in_addr address{};
    return ::inet_pton(AF_INET, host.c_str(), &address) == 1;
}

}  // namespace

std::string_view Url::address() const noexcept {
    std::string_view bare = host;
    if (bare.starts_with('[')) {
        bare.remove_prefix(1);
        bare.remove_suffix(1);
    }
    return bare;
}

Url Url::parse(std::string_view text) {
    // libcurl would take some of these, and write others as they are into the request.
    if (std::any_of(text.begin(), text.end(),
                    [](unsigned char c) { return c <= ' ' || c >= 0x7F; }))
        refuse(
            "what is no printable ASCII character has to be percent-encoded, a name in Punycode");
    const std::unique_ptr<CURLU, CleanUp> url(::curl_url());
    if (!url) throw std::bad_alloc();
    Url parsed{.text = std::string(text), .scheme{}, .host{}, .port{}};
    const CURLUcode set = ::curl_url_set(url.get(), CURLUPART_URL, parsed.text.c_str(),
                                         CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
    if (set == CURLUE_USER_NOT_ALLOWED) refuse("credentials belong into a header");
    check(set);
    parsed.scheme = part(url.get(), CURLUPART_SCHEME);
    if (parsed.scheme != "http" && parsed.scheme != "https")
        refuse("it has to begin with http:// or https://");
    parsed.host = to_lower(part(url.get(), CURLUPART_HOST));
    parsed.port = part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
    if (parsed.host.size() > 253) refuse("the name is too long");
    parsed.is_address = parsed.host.starts_with('[') || is_ipv4(parsed.host);
    parsed.text = part(url.get(), CURLUPART_URL);
    return parsed;
}

}  // namespace signalbox::client
