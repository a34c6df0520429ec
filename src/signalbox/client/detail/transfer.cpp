#include "signalbox/client/detail/transfer.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string_view>

#include "signalbox/http/wire/head.hpp"
#include "signalbox/version.hpp"

namespace signalbox::client {

namespace {

/// Of an answer's header lines together.
constexpr std::size_t most_head = 256 * 1024;
/// A body is not given room for more than this on its sender's word.
constexpr curl_off_t most_expected = 1024 * 1024;

void append(Transfer::List& list, const std::string& line) {
    curl_slist* const longer = ::curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(list.release());
    list.reset(longer);
}

bool has_body(http::Method method) {
    return method == http::Method::Post || method == http::Method::Put ||
           method == http::Method::Patch;
}

template <class Value>
Value info(CURL* easy, CURLINFO what) {
    Value value{};
    ::curl_easy_getinfo(easy, what, &value);
    return value;
}

}  // namespace

Transfer::Transfer(const HttpClientOptions& options, std::shared_ptr<const Call> call,
                   const http::Headers& headers)
    : call_(std::move(call)), easy_(::curl_easy_init()) {
    if (!easy_) throw std::bad_alloc();
    set(CURLOPT_PRIVATE, static_cast<void*>(this));
    set(CURLOPT_ERRORBUFFER, &error_[0]);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_URL, call_->url.text.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_PROXY, "");  // nor one of the environment
    set(CURLOPT_ACCEPT_ENCODING, "");
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
    set(CURLOPT_MAXLIFETIME_CONN, static_cast<long>(options.connection_lifetime.count()));
    set(CURLOPT_TCP_NODELAY, 1L);
    set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(this));
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(this));
    set(CURLOPT_PREREQFUNCTION, &Transfer::on_sending);
    set(CURLOPT_PREREQDATA, static_cast<void*>(this));
    set_method();
    set_security(options);
    set_headers(options, headers);
    response_.origin = call_->url.origin();
}

template <class Value>
void Transfer::set(CURLoption option, Value value) {
    const CURLcode code = ::curl_easy_setopt(easy_.get(), option, value);
    if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLE_OK)
        throw std::runtime_error(std::string("libcurl cannot do what is asked of it: ")
                                     .append(::curl_easy_strerror(code)));
}

void Transfer::set_method() {
    const http::Method method = call_->method;
    if (method == http::Method::Head) {
        set(CURLOPT_NOBODY, 1L);
    } else if (call_->has_body || client::has_body(method)) {
        set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call_->body.size()));
        set(CURLOPT_POSTFIELDS, call_->body.data());
    } else {
        set(CURLOPT_HTTPGET, 1L);
    }
    if (method != http::Method::Get || call_->has_body) {
        const std::string name(http::to_string(method));
        if (method != http::Method::Head) set(CURLOPT_CUSTOMREQUEST, name.c_str());
    }
}

void Transfer::set_security(const HttpClientOptions& options) {
    if (call_->url.scheme != "https") return;
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_SSL_VERIFYPEER, options.verify_tls ? 1L : 0L);
    set(CURLOPT_SSL_VERIFYHOST, options.verify_tls ? 2L : 0L);
    // Beside a folder of certificates libcurl keeps none in memory, and each connection would read
    // and parse all of them on the event loop.
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
    if (!options.certificate_file.empty()) set(CURLOPT_SSLCERT, options.certificate_file.c_str());
    if (!options.key_file.empty()) set(CURLOPT_SSLKEY, options.key_file.c_str());
}

void Transfer::set_headers(const HttpClientOptions& options, const http::Headers& more) {
    bool has_type = false;
    bool has_agent = false;
    const auto add = [&](const std::string& name, const std::string& value) {
        const http::Header header{name, value};
        has_type = has_type || http::is_named(header, "Content-Type");
        has_agent = has_agent || http::is_named(header, "User-Agent");
        // This is how libcurl is told a header that is empty.
        append(headers_, value.empty() ? name + ";" : std::string(name).append(": ").append(value));
    };
    for (const auto& [name, value] : call_->headers)
        add(name, value);
    for (const auto& [name, value] : more)
        add(name, value);
    if (!has_type) append(headers_, "Content-Type:");  // libcurl's would be that of a form
    append(headers_, "Expect:");  // nor is a large body to wait for a permission
    if (!has_agent) {
        const std::string agent = options.user_agent.empty()
                                      ? std::string("signalbox/").append(version)
                                      : options.user_agent;
        set(CURLOPT_USERAGENT, agent.c_str());
    }
    set(CURLOPT_HTTPHEADER, headers_.get());
}

void Transfer::limit_time(std::chrono::steady_clock::duration longest) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(longest).count();
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(left, 1)));
}

void Transfer::resolve(const std::vector<std::string>& entries) {
    for (const std::string& entry : entries)
        append(resolve_, entry);
    set(CURLOPT_RESOLVE, resolve_.get());
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    std::string_view line(data, size * count);
    try {
        transfer.head_size_ += line.size();
        if (transfer.head_size_ > most_head) {
            transfer.too_large_ = true;
            return 0;
        }
        // What came before was an interim response's (100, 103).
        if (line.starts_with("HTTP/")) {
            transfer.response_.headers.clear();
            transfer.in_head_ = true;
            return line.size();
        }
        std::string_view field = line;
        while (!field.empty() && (field.back() == '\n' || field.back() == '\r'))
            field.remove_suffix(1);
        if (field.empty()) transfer.in_head_ = false;
        if (!transfer.in_head_) return line.size();  // a trailer is none of the headers
        const auto header = http::parse_field_line(field);
        if (!header) {
            transfer.refused_because_ = "a header line is malformed";
            return 0;
        }
        transfer.response_.headers.emplace_back(header->name, header->value);
        return line.size();
    } catch (const std::bad_alloc&) {
        transfer.out_of_memory_ = true;
        return 0;
    }
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    std::string& body = transfer.response_.body;
    const std::size_t bytes = size * count;
    const std::size_t limit = transfer.call_->limit_body;
    try {
        if (bytes > limit - body.size()) {
            transfer.too_large_ = true;
            return 0;
        }
        if (body.empty()) {
            const auto expected =
                info<curl_off_t>(transfer.easy(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
            if (expected > 0)
                body.reserve(
                    std::min(static_cast<std::size_t>(std::min(expected, most_expected)), limit));
        }
        body.append(data, bytes);
        return bytes;
    } catch (const std::bad_alloc&) {
        transfer.out_of_memory_ = true;
        return 0;
    }
}

/// libcurl sends a request again by itself, a POST as well, when a connection that it had kept
/// breaks before the answer. Whether that may be is not for it to decide.
int Transfer::on_sending(void* self, char*, char*, int, int) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.was_resent_ = std::exchange(transfer.was_sent_, true);
    return transfer.was_resent_ ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

void Transfer::end(CURLcode result) {
    CURL* const handle = easy();
    response_.status = static_cast<int>(info<long>(handle, CURLINFO_RESPONSE_CODE));
    new_connection_ = info<long>(handle, CURLINFO_NUM_CONNECTS) > 0 && !was_resent_;
    if (const char* const to = info<char*>(handle, CURLINFO_REDIRECT_URL); to != nullptr)
        redirect_ = to;
    const auto wait = info<curl_off_t>(handle, CURLINFO_RETRY_AFTER);
    retry_after_ = std::chrono::seconds(std::clamp<curl_off_t>(wait, 0, 24 * 60 * 60));
    classify(result);
    if (failure_ != Failure::none) {
        response_.status = 0;
        if (reason_.empty())
            reason_ = error_[0] != '\0' ? &error_[0] : ::curl_easy_strerror(result);
    }
}

void Transfer::classify(CURLcode result) {
    if (out_of_memory_ || result == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (too_large_) {
        failure_ = Failure::too_large;
        reason_ = "the answer is larger than what was allowed";
        return;
    }
    if (refused_because_ != nullptr) {
        failure_ = Failure::not_valid;
        reason_ = refused_because_;
        return;
    }
    switch (result) {
        case CURLE_OK:
            return;
        case CURLE_COULDNT_RESOLVE_HOST:
            failure_ = Failure::name;
            return;
        case CURLE_COULDNT_CONNECT:
            failure_ = Failure::connect;
            return;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
        case CURLE_SSL_CLIENTCERT:
            failure_ = Failure::tls;
            return;
        case CURLE_OPERATION_TIMEDOUT:
            failure_ = was_sent_ ? Failure::timeout : Failure::connect_timeout;
            return;
        case CURLE_ABORTED_BY_CALLBACK:
            failure_ = Failure::lost;
            reason_ = "the connection was closed before the answer";
            return;
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_PARTIAL_FILE:
        case CURLE_SEND_FAIL_REWIND:
            failure_ = was_sent_ ? Failure::lost : Failure::connect;
            return;
        default:
            failure_ = was_sent_ ? Failure::not_valid : Failure::connect;
            return;
    }
}

}  // namespace signalbox::client
