#include "signalbox/http/server/output.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "signalbox/http/server/socket_calls.hpp"

namespace signalbox::http {

Output::Progress Output::send(std::string_view head, Body body) {
    std::size_t sent = 0;
    const Progress progress = write(head, body.view(), sent);
    if (progress == Progress::waiting) {
        unsent_ = std::make_unique<Unsent>(Unsent{std::string(head), std::move(body), sent});
    }
    return progress;
}

Output::Progress Output::resume() {
    const Progress progress = write(unsent_->head, unsent_->body.view(), unsent_->sent);
    if (progress != Progress::waiting) unsent_.reset();
    return progress;
}

Output::Progress Output::write(std::string_view head, std::string_view body, std::size_t& sent) {
    const std::size_t size = head.size() + body.size();
    while (sent < size) {
        iovec parts[2];
        std::size_t count = 0;
        if (sent < head.size()) {
            parts[count++] = {const_cast<char*>(head.data()) + sent, head.size() - sent};
        }
        const std::size_t body_sent = sent - std::min(sent, head.size());
        if (body_sent < body.size()) {
            parts[count++] = {const_cast<char*>(body.data()) + body_sent, body.size() - body_sent};
        }
        msghdr message{};
        message.msg_iov = parts;
        message.msg_iovlen = count;
        const ssize_t taken = send_message(socket_, message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (taken >= 0) {
            sent += static_cast<std::size_t>(taken);
            sent_ += static_cast<std::size_t>(taken);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return Progress::waiting;
        } else {
            return Progress::broken;
        }
    }
    return Progress::sent;
}

}  // namespace signalbox::http
