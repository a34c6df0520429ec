#include "signalbox/http/server/lingering_close.hpp"

#include <sys/socket.h>

#include <system_error>

namespace signalbox::http {

namespace {

constexpr std::size_t bytes_of_a_turn = 64 * 1024;

}  // namespace

void LingeringClose::begin(int socket, Clock::time_point now, const Bounds& bounds) {
    ::shutdown(socket, SHUT_WR);
    bounds_ = bounds;
    silent_at_ = now + bounds.silence;
    ends_at_ = now + bounds.whole;
}

LingeringClose::Progress LingeringClose::drain(Transport& transport, int socket) try {
    for (std::size_t read = 0; read < bytes_of_a_turn;) {
        const Transport::Read bytes = transport.read(socket);
        if (bytes.status == Transport::Read::Status::nothing_yet) return Progress::waiting;
        if (bytes.status != Transport::Read::Status::data) return Progress::done;
        read += bytes.bytes.size();
        dropped_ += bytes.bytes.size();
        if (dropped_ > bounds_.bytes) return Progress::done;
        silent_at_ = transport.turn_began() + bounds_.silence;
    }
    return Progress::again;
} catch (const std::system_error&) {  // no memory to read into; all is said
    return Progress::done;
}

}  // namespace signalbox::http
