#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "signalbox/db/rows.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/model/reader.hpp"
#include "signalbox/model/type.hpp"
#include "signalbox/model/validation_error.hpp"

/// What handlers and dependencies take from a request, and give to its response.
///
///     async::Task<Order> create(OrderIn order, Query<Options> options, Reply& reply);
namespace signalbox::api {

// The words of models, for those who write handlers.
using model::Alias, model::Decimal, model::DateTime, model::Deprecated, model::DecimalPlaces,
    model::Description, model::Discriminator, model::Email, model::Example, model::Extra,
    model::Field, model::Flatten, model::Ge, model::Gt, model::Le, model::Literal, model::Lt,
    model::MaxDigits, model::MaxLength, model::MinLength, model::MultipleOf, model::Pattern,
    model::Required, model::Title, model::Url, model::Uuid;

// What the database gives, as a response.
using db::Row, db::Rows;

namespace detail {
template <class T>
struct Values {
    T value{};
    const T& operator*() const noexcept { return value; }
    const T* operator->() const noexcept { return &value; }
    T& operator*() noexcept { return value; }
    T* operator->() noexcept { return &value; }
};
}  // namespace detail

/// Parameters of the query, one for each member of a struct. Of those that are sent twice the last
/// one counts; a std::vector has them all.
template <class T>
struct Query : detail::Values<T> {};
/// Of the header, `x_request_id` for `X-Request-ID`, unless an Alias says otherwise. Of those that
/// are sent twice the first one counts; a std::vector has them all.
template <class T>
struct Headers : detail::Values<T> {};
template <class T>
struct Cookies : detail::Values<T> {};
/// Of the path, by their names: `/shops/{shop_id}/items/{item_id}` for a struct with `shop_id` and
/// `item_id`. A single one can be taken as itself.
template <class T>
struct Path : detail::Values<T> {};

/// One of several services of a type, `Named<db::Pool, "reports">`: see Module::provide_as.
template <class T, model::detail::Text name>
class Named {
  public:
    using Service = T;

    explicit Named(T& service) : service_(&service) {}
    T& operator*() const noexcept { return *service_; }
    T* operator->() const noexcept { return service_; }

  private:
    T* service_;
};

/// The response to be, as far as the function's result does not say it.
class Reply {
  public:
    int status = 200;  ///< the endpoint's
    http::Headers headers{};

    Reply& header(std::string name, std::string value) {
        headers.emplace_back(std::move(name), std::move(value));
        return *this;
    }
};

/// What is wrong with a request: 422, `{"detail": [...]}` as FastAPI answers. An application that
/// answers otherwise has Module::on_error for it.
class RequestValidationError : public http::HttpError {
  public:
    explicit RequestValidationError(model::ValidationErrors errors)
        : HttpError(422, JsonText(errors.json())),
          errors_(std::make_shared<const model::ValidationErrors>(std::move(errors))) {}

    const std::vector<model::ValidationError>& errors() const noexcept { return errors_->list(); }

  private:
    std::shared_ptr<const model::ValidationErrors> errors_;
};

}  // namespace signalbox::api
