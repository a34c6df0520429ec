#include "signalbox/http/server/lingering_close.hpp"

#include <sys/socket.h>

namespace signalbox::http {

namespace {

constexpr std::size_t bytes_of_a_turn = 64 * 1024;

}  // namespace

void LingeringClose::begin(int socket, Clock::time_point now) {
    ::shutdown(socket, SHUT_WR);
    deadline_ = now + timeout;
}

LingeringClose::Progress LingeringClose::drain(Transport& transport, int socket) {
    for (std::size_t read = 0; read < bytes_of_a_turn;) {
        const Transport::Read bytes = transport.read(socket);
        if (bytes.status == Transport::Read::Status::nothing_yet) return Progress::waiting;
        if (bytes.status != Transport::Read::Status::data) return Progress::done;
        read += bytes.bytes.size();
        dropped_ += bytes.bytes.size();
        if (dropped_ > most_bytes) return Progress::done;
    }
    return Progress::again;
}

}  // namespace signalbox::http
