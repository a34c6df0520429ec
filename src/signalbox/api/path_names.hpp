#pragma once

#include <string_view>
#include <vector>

namespace signalbox::api {

/// Of the parameters in the pattern of a path: `id` of `/things/{id}`. They point into it.
inline std::vector<std::string_view> names_in(std::string_view path) {
    std::vector<std::string_view> names;
    for (auto open = path.find('{'); open != path.npos; open = path.find('{', open + 1)) {
        const auto close = path.find('}', open);
        if (close == path.npos) break;
        names.push_back(path.substr(open + 1, close - open - 1));
    }
    return names;
}

}  // namespace signalbox::api
