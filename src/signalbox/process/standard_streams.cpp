#include "signalbox/process/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace signalbox::process {

bool prepare_standard_streams() {
    const bool has_output = ::fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
    static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));
    for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(number, F_GETFD) >= 0) continue;
        // The lowest number that is free, which is this one.
        if (::open("/dev/null", O_RDWR) < 0) {
            throw std::system_error(errno, std::generic_category(),
                                    "cannot open /dev/null for a standard stream that is closed");
        }
    }
    return has_output;
}

}  // namespace signalbox::process
