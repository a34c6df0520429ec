#include "signalbox/process/read_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace signalbox::process {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class ReadFile : public testing::Test {
  protected:
    ReadFile() {
        std::string name = fs::temp_directory_path() / "signalbox-read-file-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
        folder_ = name;
    }
    ~ReadFile() override { fs::remove_all(folder_); }

    static std::string refusal(const fs::path& file, std::size_t most = 1000) {
        const auto content = read_file(file, most);
        return content ? "was read" : content.reason();
    }

    fs::path folder_;
};

TEST_F(ReadFile, gives_the_bytes_as_they_are) {
    const std::string bytes("a\0\xff\r\n", 5);
    std::ofstream(folder_ / "file", std::ios::binary) << bytes;
    fs::create_symlink("file", folder_ / "link");
    EXPECT_EQ(*read_file(folder_ / "file"), bytes);
    EXPECT_EQ(*read_file(folder_ / "link"), bytes);
    EXPECT_THAT(*read_file("/proc/self/stat"), StartsWith(std::to_string(::getpid())));
}

TEST_F(ReadFile, names_the_file_and_what_the_system_says) {
    EXPECT_EQ(refusal(folder_ / "missing"),
              "cannot read " + (folder_ / "missing").string() + ": No such file or directory");
    EXPECT_EQ(refusal(folder_), "cannot read " + folder_.string() + ": Is a directory");
}

// Opened as any file, a FIFO would hold the process until somebody writes.
TEST_F(ReadFile, refuses_what_is_no_regular_file) {
    const fs::path fifo = folder_ / "fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_EQ(refusal(fifo), "cannot read " + fifo.string() + ": it is no regular file");
    EXPECT_THAT(refusal("/dev/zero"), HasSubstr("it is no regular file"));
}

TEST_F(ReadFile, refuses_a_file_without_an_end) {
    const fs::path sparse = folder_ / "sparse";
    std::ofstream(sparse).close();
    fs::resize_file(sparse, 1001);
    EXPECT_THAT(refusal(sparse), AllOf(HasSubstr(sparse.string()), HasSubstr("more than 1000")));
    fs::resize_file(sparse, 1000);
    EXPECT_EQ(read_file(sparse, 1000)->size(), 1000U);
}

}  // namespace
}  // namespace signalbox::process
