#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstddef>
#include <system_error>
#include <thread>

namespace signalbox::test {

/// Does something on a thread for which the kernel fails this system call (seccomp(2)), as it does
/// when it has no memory: `with_refused_call(SYS_sendmsg, ENOBUFS, [] { … })`. Returns when that is
/// done.
template <class Action>
void with_refused_call(unsigned number, unsigned short error, const Action& action) {
    std::thread([&] {
        sock_filter filter[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const sock_fprog program{.len = sizeof filter / sizeof *filter, .filter = filter};
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
            throw std::system_error(errno, std::system_category(), "seccomp");
        }
        action();
    }).join();
}

}  // namespace signalbox::test
