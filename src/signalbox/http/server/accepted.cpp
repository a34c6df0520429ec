#include "signalbox/http/server/accepted.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <new>
#include <string>
#include <string_view>

#include "signalbox/fast/random.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/http/wire/response_head.hpp"

namespace signalbox::http {

void turn_away(int socket) noexcept {
    try {
        const Response response = service_unavailable();
        std::array<char, 32> request_id{};
        fill_with_random_hex(request_id);
        std::string bytes;
        append_head(bytes, response, {request_id.data(), request_id.size()}, {}, false, 1);
        bytes += response.body.view();
        ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    } catch (const std::bad_alloc&) {  // then without a word
    }
    ::shutdown(socket, SHUT_WR);
    // Unread input would make the close a reset, and the client might lose the answer. One read
    // takes the request that most have sent by now; those that send more than that do not wait to
    // be told.
    char ignored[16 * 1024];
    static_cast<void>(::recv(socket, ignored, sizeof ignored, MSG_DONTWAIT));
    ::close(socket);
}

}  // namespace signalbox::http
