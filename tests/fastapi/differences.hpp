#pragma once

#include <string_view>
#include <vector>

namespace fastapi {

/// A way in which an answer here is another than FastAPI's, on purpose.
struct Difference {
    std::string_view name;
    std::string_view why;
    std::vector<std::string_view> requests;  ///< by their names in answers.json
};

/// All of them. README.md explains them as well.
const std::vector<Difference>& differences();

}  // namespace fastapi
