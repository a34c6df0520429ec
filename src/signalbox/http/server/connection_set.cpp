#include "signalbox/http/server/connection_set.hpp"

#include <asio/post.hpp>

#include <algorithm>
#include <utility>

namespace signalbox::http {

ConnectionSet::ConnectionSet(LoopContext& loop) : loop_(loop) {
    loop_.closed = [this](Connection& connection) { remove(connection); };
}

void ConnectionSet::add(int socket, std::string peer_address) {
    // It has its place first: it may find that there is no memory for it, and close.
    auto& place = open_.emplace_back();
    try {
        place = std::make_unique<Connection>(loop_, socket, std::move(peer_address));
        place->place = open_.size() - 1;
        place->open();
    } catch (...) {
        open_.pop_back();
        throw;
    }
}

void ConnectionSet::remove(Connection& connection) {
    std::unique_ptr<Connection>& place = open_[connection.place];
    closed_.push_back(std::move(place));
    if (&place != &open_.back()) {
        place = std::move(open_.back());
        place->place = connection.place;
    }
    open_.pop_back();
    if (closed_.size() == 1) asio::post(loop_.loop, [this] { closed_.clear(); });
    loop_.server.connection_closed();
}

void ConnectionSet::enter(LoopContext::Phase phase) {
    loop_.phase = phase;
    for_each([](Connection& connection) { connection.on_phase(); });
}

void ConnectionSet::close_all() {
    for_each([](Connection& connection) { connection.close(context::error_types::shutdown); });
}

bool ConnectionSet::close_an_idle() {
    const auto before = [](const auto& left, const auto& right) {
        return std::pair(left->busy(), left->receive_deadline()) <
               std::pair(right->busy(), right->receive_deadline());
    };
    const auto first = std::min_element(open_.begin(), open_.end(), before);
    if (first == open_.end() || (*first)->busy()) return false;
    (*first)->close();
    return true;
}

std::size_t ConnectionSet::unread_in_kernel() const {
    std::size_t bytes = 0;
    for (const auto& connection : open_)
        bytes += connection->unread_in_kernel();
    return bytes;
}

void ConnectionSet::clear() {
    open_.clear();
    closed_.clear();
}

void ConnectionSet::for_each(const std::function<void(Connection&)>& visit) {
    // A copy, because a connection that closes leaves its place to another.
    std::vector<Connection*> all;
    all.reserve(open_.size());
    for (const auto& connection : open_)
        all.push_back(connection.get());
    for (Connection* connection : all)
        visit(*connection);
}

}  // namespace signalbox::http
