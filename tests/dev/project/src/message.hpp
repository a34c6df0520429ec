#pragma once

#include "signalbox/async/task.hpp"
#include "signalbox/http/response.hpp"

signalbox::async::Task<signalbox::http::Response> message();
/// The same, after a second.
signalbox::async::Task<signalbox::http::Response> slow_message();
