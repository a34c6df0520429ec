#include "fastapi/differences.hpp"

namespace fastapi {

const std::vector<Difference>& differences() {
    static const std::vector<Difference> all{};
    return all;
}

}  // namespace fastapi
