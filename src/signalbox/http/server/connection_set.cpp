#include "signalbox/http/server/connection_set.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "signalbox/http/server/connection.hpp"
#include "signalbox/http/server/server_context.hpp"

namespace signalbox::http {

void ConnectionSet::add(const std::shared_ptr<Connection>& connection) {
    connections_.insert(connection);
    if (draining_) connection->drain();
    if (cancelled_) connection->cancel(*cancelled_);
}

void ConnectionSet::remove(const std::shared_ptr<Connection>& connection) {
    connections_.erase(connection);
    server_.connection_closed();
}

void ConnectionSet::drain() {
    draining_ = true;
    for_each([](Connection& connection) { connection.drain(); });
}

void ConnectionSet::cancel_all(observe::Cancelled reason) {
    cancelled_ = reason;
    for_each([reason](Connection& connection) { connection.cancel(reason); });
}

void ConnectionSet::close_all() {
    for_each([](Connection& connection) { connection.close(); });
}

bool ConnectionSet::close_an_idle() {
    const auto before = [](const auto& left, const auto& right) {
        return std::pair(left->busy(), left->read_deadline()) <
               std::pair(right->busy(), right->read_deadline());
    };
    const auto first = std::min_element(connections_.begin(), connections_.end(), before);
    if (first == connections_.end() || (*first)->busy()) return false;
    (*first)->shared_from_this()->close();  // it takes itself out of the set
    return true;
}

void ConnectionSet::for_each(const std::function<void(Connection&)>& visit) {
    // A copy, because a connection that closes takes itself out of the set.
    const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all)
        visit(*connection);
}

}  // namespace signalbox::http
