#include "signalbox/process/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "signalbox/process/descriptor.hpp"

namespace signalbox::process {

Parsed<std::string> read_file(const std::filesystem::path& file, std::size_t most) {
    const auto failed = [&](const std::string& why) {
        return Invalid{"cannot read " + file.string() + ": " + why};
    };
    // Or it would wait for somebody to open a FIFO's other end. Regular files know no such flag.
    const Descriptor opened{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    struct stat status {};
    if (opened.get() < 0 || ::fstat(opened.get(), &status) != 0)
        return failed(std::strerror(errno));
    if (S_ISDIR(status.st_mode)) return failed(std::strerror(EISDIR));
    if (!S_ISREG(status.st_mode)) return failed("it is no regular file");

    std::string content;
    std::array<char, 4096> buffer;
    for (;;) {
        const ssize_t count = ::read(opened.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failed(std::strerror(errno));
        if (count == 0) return content;
        content.append(buffer.data(), static_cast<std::size_t>(count));
        if (content.size() > most)
            return failed("it has more than " + std::to_string(most) + " bytes");
    }
}

}  // namespace signalbox::process
