#include "signalbox/db/subscription.hpp"

#include <utility>

#include "signalbox/db/detail/subscriber.hpp"

namespace signalbox::db {

Subscription::Subscription(std::shared_ptr<detail::Subscriber> subscriber)
    : subscriber_(std::move(subscriber)) {}
Subscription::~Subscription() = default;
Subscription::Subscription(Subscription&&) noexcept = default;
Subscription& Subscription::operator=(Subscription&&) noexcept = default;

async::Task<Notification> Subscription::next() {
    return subscriber_->next();
}

}  // namespace signalbox::db
