#include "signalbox/process/termination_message.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/sanitized.hpp"

namespace signalbox::process {
namespace {

namespace fs = std::filesystem;

class TerminationMessage : public testing::Test {
  protected:
    TerminationMessage() {
        std::string name = fs::temp_directory_path() / "signalbox-termination-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
        folder_ = name;
        std::ofstream(file_ = folder_ / "log") << "what was there before, and is longer";
    }
    ~TerminationMessage() override { fs::remove_all(folder_); }

    std::string content() const {
        std::ifstream stream(file_);
        return {std::istreambuf_iterator<char>(stream), {}};
    }

    fs::path folder_;
    fs::path file_;
};

TEST_F(TerminationMessage, is_written_in_place_of_what_was_there) {
    write_termination_message("no database", file_.c_str());
    EXPECT_EQ(content(), "no database");
    write_termination_message(std::string(5000, 'x'), file_.c_str());
    EXPECT_EQ(content(), std::string(4096, 'x'));
}

TEST_F(TerminationMessage, makes_no_file_and_waits_for_no_reader) {
    write_termination_message("why", (folder_ / "missing").c_str());
    EXPECT_FALSE(fs::exists(folder_ / "missing"));
    ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
    write_termination_message("why", (folder_ / "fifo").c_str());
    fs::create_symlink("/dev/null", folder_ / "device");
    write_termination_message("why", (folder_ / "device").c_str());
}

TEST_F(TerminationMessage, names_the_crash) {
    if (test::sanitized) GTEST_SKIP() << "sanitizers report crashes themselves";
    EXPECT_EXIT(
        {
            report_crashes(file_.c_str());
            ::raise(SIGSEGV);
        },
        testing::KilledBySignal(SIGSEGV), "");
    EXPECT_EQ(content(), "crashed: SIGSEGV, an address that is none of its own");
    EXPECT_EXIT(
        {
            report_crashes(file_.c_str());
            std::thread([] { throw std::runtime_error("nobody caught this"); }).join();
        },
        testing::KilledBySignal(SIGABRT), "");
    EXPECT_EQ(content(), "crashed: nobody caught this");
}

}  // namespace
}  // namespace signalbox::process
