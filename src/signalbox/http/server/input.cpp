#include "signalbox/http/server/input.hpp"

#include <algorithm>

namespace signalbox::http {

void Input::on_ready(Readiness ready) noexcept {
    if (over_) return;
    end_received_ = end_received_ || ready.end_of_stream || ready.hung_up;
    readable_ = readable_ || ready.readable || end_received_;
}

std::optional<Decoded> Input::next(TurnBudget& budget) {
    while (true) {
        const std::size_t chunks = decoder_.chunks();
        auto decoded = decoder_.next();
        const std::size_t work = (decoder_.chunks() - chunks) * TurnBudget::bytes_for_a_chunk;
        budget.bytes -= std::min(budget.bytes, work);
        if (decoded) return decoded;
        if (!read(budget)) return std::nullopt;
    }
}

bool Input::has_more() {
    TurnBudget one_read{.bytes = Transport::read_size};
    return decoder_.has_more() || (read(one_read) && decoder_.has_more());
}

bool Input::read(TurnBudget& budget) {
    if (!readable_ || budget.bytes == 0) return false;
    decoder_.keep();  // the bytes that are left are in the buffer that is read into
    const Transport::Read read = transport_.read(socket_);
    switch (read.status) {
        case Transport::Read::Status::data:
            budget.bytes -= std::min(budget.bytes, read.bytes.size());
            received_ += read.bytes.size();
            // A short read took all there was. But an end of stream that the kernel has told of
            // already is not told of again, and has to be met by reading.
            if (read.bytes.size() < Transport::read_size && !end_received_) readable_ = false;
            decoder_.feed(read.bytes);
            return true;
        case Transport::Read::Status::nothing_yet:
            readable_ = false;
            return false;
        case Transport::Read::Status::end_of_stream:
        case Transport::Read::Status::broken:
            break;
    }
    readable_ = false;
    end_received_ = over_ = true;
    return false;
}

std::unique_ptr<Request> Input::stop() {
    over_ = true;
    readable_ = false;
    return decoder_.give_up();
}

}  // namespace signalbox::http
