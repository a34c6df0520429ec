#include "signalbox/process/stop_signal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/eventually.hpp"

namespace signalbox::process {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// A process without a terminal that has a StopSignal, and runs this with it.
class Child {
  public:
    /// Its ends of two pipes.
    struct Channel {
        int input;
        int output;
        void say(const std::string& text) const {
            const std::string line = text + '\n';
            if (::write(output, line.data(), line.size()) < 0) ::_exit(99);
        }
        /// Blocks until tell().
        void wait_until_told() const {
            char byte = 0;
            if (::read(input, &byte, 1) != 1) ::_exit(99);
        }
    };

    explicit Child(const std::function<void(StopSignal&, const Channel&)>& run) {
        int input[2];
        int output[2];
        if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) {
            throw std::runtime_error("pipe2");
        }
        pid_ = ::fork();
        if (pid_ < 0) throw std::runtime_error("fork");
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::setsid();
            ::dup2(input[0], STDIN_FILENO);
            const Channel channel{.input = input[0], .output = output[1]};
            StopSignal signals;
            channel.say("listens");
            run(signals, channel);
            ::_exit(0);
        }
        ::close(input[0]);
        ::close(output[1]);
        input_ = input[1];
        output_ = ::fdopen(output[0], "r");
        EXPECT_EQ(read(), "listens");
    }
    ~Child() {
        ::kill(pid_, SIGKILL);  // until it is waited for nobody else has its number
        if (!ended_) wait();
        ::close(input_);
        std::fclose(output_);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    pid_t pid() const { return pid_; }
    void signal(int number) const { ::kill(pid_, number); }
    void tell() const { EXPECT_EQ(::write(input_, "x", 1), 1); }

    /// What it says next; empty when it has ended.
    std::string read() {
        std::string text;
        for (int c = std::fgetc(output_); c != EOF && c != '\n'; c = std::fgetc(output_))
            text += static_cast<char>(c);
        return text;
    }
    /// Whether its thread has taken all signals that were sent.
    bool has_taken_signals() const {
        std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("ShdPnd:")) return line.find_first_not_of("0\t", 7) == line.npos;
        }
        return false;
    }
    bool has_ended() {
        if (!ended_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
        return ended_;
    }
    /// Its exit status.
    int wait() {
        if (!ended_) ended_ = ::waitpid(pid_, &status_, 0) == pid_;
        return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
    }

  private:
    pid_t pid_ = 0;
    int input_ = -1;
    std::FILE* output_ = nullptr;
    bool ended_ = false;
    int status_ = 0;
};

void say_what_is_asked_for(StopSignal& signals, const Child::Channel& channel) {
    while (signals.wait() == StopSignal::Request::reload)
        channel.say("reload");
    channel.say("stop");
}

void drain_for_ever(StopSignal& signals, const Child::Channel& channel) {
    say_what_is_asked_for(signals, channel);
    for (;;)
        ::pause();
}

TEST(StopSignal, ends_the_process_at_a_second_SIGTERM_but_not_within_a_second_of_the_first) {
    Child child(drain_for_ever);
    const auto before_the_first = Clock::now();
    child.signal(SIGTERM);
    ASSERT_EQ(child.read(), "stop");
    // A process group and a service manager at the same time, and an operator who insists.
    ASSERT_TRUE(test::eventually([&] {
        child.signal(SIGTERM);
        return child.has_ended();
    }));
    EXPECT_EQ(child.wait(), 130);
    EXPECT_GE(Clock::now() - before_the_first, 1s);
}

TEST(StopSignal, ends_the_process_at_once_by_a_SIGINT_behind_a_SIGTERM) {
    Child child(drain_for_ever);
    child.signal(SIGTERM);
    ASSERT_EQ(child.read(), "stop");
    child.signal(SIGINT);
    EXPECT_EQ(child.wait(), 130) << "it would drain for ever";
}

TEST(StopSignal, tells_of_each_reload_and_then_of_the_end) {
    Child child(say_what_is_asked_for);
    for (int i = 0; i < 3; ++i) {
        child.signal(SIGHUP);
        ASSERT_EQ(child.read(), "reload");
    }
    child.signal(SIGTERM);
    EXPECT_EQ(child.read(), "stop");
    EXPECT_EQ(child.wait(), 0);
}

/// Waits for reloads on a thread of its own while they are held.
void hold_until_told(StopSignal& signals, const Child::Channel& channel) {
    signals.hold_reloads();
    std::thread waits([&] { say_what_is_asked_for(signals, channel); });
    channel.say("held");
    channel.wait_until_told();
    channel.say("allowed");
    signals.allow_reloads();
    waits.join();
}

TEST(StopSignal, tells_of_reloads_that_were_held_when_they_are_allowed) {
    Child child(hold_until_told);
    ASSERT_EQ(child.read(), "held");
    for (int i = 0; i < 2; ++i) {
        child.signal(SIGHUP);
        ASSERT_TRUE(test::eventually([&] { return child.has_taken_signals(); }));
    }
    child.tell();
    EXPECT_EQ(child.read(), "allowed");
    EXPECT_EQ(child.read(), "reload");
    child.signal(SIGTERM);
    std::string last = child.read();
    // The second may have been noted after the first was told of.
    if (last == "reload") last = child.read();
    EXPECT_EQ(last, "stop");
}

TEST(StopSignal, tells_first_that_it_is_to_stop) {
    Child child(hold_until_told);
    ASSERT_EQ(child.read(), "held");
    child.signal(SIGHUP);
    ASSERT_TRUE(test::eventually([&] { return child.has_taken_signals(); }));
    child.signal(SIGTERM);
    EXPECT_EQ(child.read(), "stop") << "also while reloads are held";
    child.tell();
    EXPECT_EQ(child.read(), "allowed");
    EXPECT_EQ(child.read(), "") << "no reload any more";
    EXPECT_EQ(child.wait(), 0);
}

TEST(StopSignal, passes_reloads_on_to_the_process_that_has_taken_over) {
    Child successor(say_what_is_asked_for);
    Child child([&](StopSignal& signals, const Child::Channel& channel) {
        signals.hold_reloads();
        channel.say("held");
        channel.wait_until_told();
        signals.pass_reloads_to(successor.pid());
        channel.say("passed on");
        say_what_is_asked_for(signals, channel);
    });
    ASSERT_EQ(child.read(), "held");
    child.signal(SIGHUP);
    ASSERT_TRUE(test::eventually([&] { return child.has_taken_signals(); }));
    child.tell();
    EXPECT_EQ(successor.read(), "reload") << "what was asked for before";
    ASSERT_EQ(child.read(), "passed on");
    child.signal(SIGHUP);
    EXPECT_EQ(successor.read(), "reload");
    child.signal(SIGTERM);
    EXPECT_EQ(child.read(), "stop");
    successor.signal(SIGTERM);
    EXPECT_EQ(successor.read(), "stop") << "to stop is for each of them";
}

}  // namespace
}  // namespace signalbox::process
