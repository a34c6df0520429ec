#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "signalbox/client/detail/suspended_call.hpp"
#include "signalbox/client/detail/url.hpp"
#include "signalbox/client/http_client.hpp"

namespace signalbox::client {

/// One request as it is sent, with all that its repetitions have in common.
struct Call {
    http::Method method;
    Url url;
    http::Headers headers;
    bool has_body = false;
    std::string body{};
    std::size_t limit_body;
};

/// What became of a request that was sent, or was to be.
enum class Failure {
    none,
    name,             ///< without an address
    connect,          ///< nobody took it
    tls,              ///< nobody who could be trusted took it
    lost,             ///< the connection broke before the end of the answer
    timeout,          ///< before the end of the answer
    too_large,        ///< the answer
    not_valid,        ///< the answer
    connect_timeout,  ///< before it was sent
};

struct CleanUpEasy {
    void operator()(CURL* easy) const { ::curl_easy_cleanup(easy); }
};
struct FreeList {
    void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};

/// One request on its way, with libcurl's handle for it. It is not moved: libcurl has its address.
class Transfer {
  public:
    using List = std::unique_ptr<curl_slist, FreeList>;

    /// `headers` are sent besides the call's.
    Transfer(const HttpClientOptions& options, std::shared_ptr<const Call> call,
             const http::Headers& headers);
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    CURL* easy() const noexcept { return easy_.get(); }
    const Url& url() const noexcept { return call_->url; }

    /// From now on.
    void limit_time(std::chrono::steady_clock::duration longest);
    /// For libcurl's list of names (CURLOPT_RESOLVE).
    void resolve(const std::vector<std::string>& entries);

    /// libcurl has done with it.
    void end(CURLcode result);

    // The rest is there once it has ended.
    Failure failure() const noexcept { return failure_; }
    const std::string& reason() const noexcept { return reason_; }
    bool on_new_connection() const noexcept { return new_connection_; }
    /// Where the answer asks for another request; empty where it does not.
    const std::string& redirect() const noexcept { return redirect_; }
    std::chrono::seconds retry_after() const noexcept { return retry_after_; }
    Response take_response() { return std::move(response_); }
    int status() const noexcept { return response_.status; }

    /// Completed by who ends it.
    std::shared_ptr<SuspendedCall> waiter;

  private:
    template <class Value>
    void set(CURLoption option, Value value);
    void set_method();
    void set_security(const HttpClientOptions& options);
    void set_headers(const HttpClientOptions& options, const http::Headers& more);
    void classify(CURLcode result);

    static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
    static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
    static int on_sending(void* self, char*, char*, int, int);

    const std::shared_ptr<const Call> call_;
    const std::unique_ptr<CURL, CleanUpEasy> easy_;
    List headers_;
    List resolve_;
    char error_[CURL_ERROR_SIZE] = {};

    Response response_;
    std::size_t head_size_ = 0;
    bool in_head_ = false;
    bool was_sent_ = false;
    bool was_resent_ = false;  ///< libcurl was about to, and was kept from it
    bool out_of_memory_ = false;
    const char* refused_because_ = nullptr;  ///< the answer
    bool too_large_ = false;

    Failure failure_ = Failure::none;
    std::string reason_;
    bool new_connection_ = true;
    std::string redirect_;
    std::chrono::seconds retry_after_{};
};

}  // namespace signalbox::client
