#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "signalbox/db/rows.hpp"
#include "signalbox/http/background_tasks.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/model/reader.hpp"
#include "signalbox/model/type.hpp"
#include "signalbox/model/validation_error.hpp"

/// What handlers and dependencies take from a request, and give to its response:
///
///     async::Task<Order> create(OrderIn order, Query<Options> options, Reply& reply);
///
/// Values are taken by value and belong to the function. What is wrong with them is answered with
/// 422 before it runs. Threads: the request's event loop's.
namespace signalbox::api {

// The words of models, for those who write handlers.
using model::Alias, model::Bytes, model::Decimal, model::DateTime, model::Deprecated,
    model::DecimalPlaces, model::Description, model::Discriminator, model::Email, model::Example,
    model::Extra, model::Field, model::Flatten, model::Ge, model::Gt, model::Le, model::Literal,
    model::Lt, model::MaxDigits, model::MaxLength, model::MinLength, model::MultipleOf,
    model::Pattern, model::Required, model::Title, model::Url, model::Uuid;

// What the database gives, as a response.
using db::Row, db::Rows;

// What is done when the response has been sent.
using http::BackgroundTasks;

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

/// Parameters of the query, one for each member of a struct. When one is sent twice, the last one
/// counts; a std::vector has them all.
template <class T>
struct Query : detail::Values<T> {};
/// Header fields: the member `x_request_id` for `X-Request-ID`, unless an Alias says otherwise.
/// When one is sent twice, the first one counts; a std::vector has them all.
template <class T>
struct Headers : detail::Values<T> {};
/// Cookies, by the members' names. When one is sent twice, the last one counts.
template <class T>
struct Cookies : detail::Values<T> {};
/// Parameters of the path, by their names: `/shops/{shop_id}/items/{item_id}` for a struct with
/// `shop_id` and `item_id`. One alone can also be taken as itself: `std::int64_t item_id`.
template <class T>
struct Path : detail::Values<T> {};

/// A form in the body: application/x-www-form-urlencoded or multipart/form-data, whichever is sent,
/// with a field for each member of a struct; an UploadFile, or several, for files. When a field is
/// sent twice, the last one counts; a std::vector has them all. EndpointOptions::form_limits says
/// how much of it is read.
///
/// A body beyond 256 KiB of an endpoint that takes files goes to disk while it arrives
/// (--upload-dir), and is gone with the request. `http::Request::body` is empty then, and when
/// there were files.
template <class T>
struct Form : detail::Values<T> {};

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

/// Status and headers of the response, which the function's result does not say. The handler and
/// its dependencies share one, which lives until the response is made. It does not affect the
/// answer to an exception: an http::HttpError carries its own headers.
class Reply {
  public:
    int status = 200;  ///< the endpoint's
    http::Headers headers{};

    Reply& header(std::string name, std::string value) {
        headers.emplace_back(std::move(name), std::move(value));
        return *this;
    }
};

/// All that is wrong with a request: 422 with `{"detail": [...]}`, as FastAPI answers. An
/// application that wants another answer gives one by Module::on_error.
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
