#include "signalbox/process/read_file.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace signalbox::process {

Parsed<std::string> read_file(const std::filesystem::path& file) {
    const auto failed = [&] {
        return Invalid{"cannot read " + file.string() + ": " + std::strerror(errno)};
    };
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream{std::fopen(file.c_str(), "rbe"),
                                                                 &std::fclose};
    if (!stream) return failed();
    std::string content;
    std::array<char, 4096> buffer;
    while (const auto count = std::fread(buffer.data(), 1, buffer.size(), stream.get())) {
        content.append(buffer.data(), count);
    }
    if (std::ferror(stream.get()) != 0) return failed();
    return content;
}

}  // namespace signalbox::process
