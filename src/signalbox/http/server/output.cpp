#include "signalbox/http/server/output.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "signalbox/http/server/socket_calls.hpp"

namespace signalbox::http {

Output::Progress Output::send(std::string_view head, Body body, std::string_view end) {
    std::size_t sent = 0;
    const Progress progress = write(head, body.view(), end, sent);
    if (progress == Progress::waiting) {
        unsent_ = std::make_unique<Unsent>(Unsent{std::string(head), std::move(body), end, sent});
    }
    return progress;
}

Output::Progress Output::resume() {
    const Progress progress =
        write(unsent_->head, unsent_->body.view(), unsent_->end, unsent_->sent);
    if (progress != Progress::waiting) unsent_.reset();
    return progress;
}

Output::Progress Output::write(std::string_view head, std::string_view body, std::string_view end,
                               std::size_t& sent) {
    const std::size_t size = head.size() + body.size() + end.size();
    while (sent < size) {
        iovec parts[3];
        std::size_t count = 0;
        std::size_t skipped = sent;
        for (const std::string_view part : {head, body, end}) {
            const std::size_t of_part = std::min(skipped, part.size());
            skipped -= of_part;
            if (of_part < part.size()) {
                parts[count++] = {const_cast<char*>(part.data()) + of_part, part.size() - of_part};
            }
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
        } else if (no_memory(errno)) {
            throw std::system_error(errno, std::generic_category(), "sending a response");
        } else {
            return Progress::broken;
        }
    }
    return Progress::sent;
}

}  // namespace signalbox::http
