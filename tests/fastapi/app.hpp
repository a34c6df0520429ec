#pragma once

#include "signalbox/api/module.hpp"

/// The application of app.py, whose answers are recorded, as it is written here.
namespace fastapi {

/// All of it.
signalbox::api::Module app();

// Its parts, each in a file of its own.
signalbox::api::Module kinds();       ///< one value, wherever it may stand
signalbox::api::Module parameters();  ///< of path, query, header and cookies, several at once
signalbox::api::Module bodies();
signalbox::api::Module forms();
signalbox::api::Module responses();
signalbox::api::Module dependencies();  ///< who asks, and what is done before and behind

}  // namespace fastapi
