#pragma once

#include <string>
#include <vector>

#include "signalbox/testing/client.hpp"

namespace fastapi {

/// One request of answers.json, and what FastAPI answered.
struct Recorded {
    std::string name;
    std::string method;
    std::string target;
    signalbox::test::Headers headers;
    std::string body;

    int status = 0;
    signalbox::test::Headers answer_headers;  ///< those that the record keeps, in lower case
    std::string answer;                       ///< byte for byte
};

/// All of answers.json. Throws std::runtime_error when it cannot be read.
std::vector<Recorded> read_recorded(const std::string& path);

}  // namespace fastapi
