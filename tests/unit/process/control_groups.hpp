#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace signalbox::test {

/// A folder that looks like /sys/fs/cgroup.
class ControlGroups : public testing::Test {
  protected:
    ControlGroups() {
        std::string name = (std::filesystem::temp_directory_path() / "signalbox-cgroup-XXXXXX");
        root_ = ::mkdtemp(name.data());
    }
    ~ControlGroups() override { std::filesystem::remove_all(root_); }

    void write(const std::filesystem::path& file, std::string_view content) const {
        std::filesystem::create_directories((root_ / file).parent_path());
        std::ofstream{root_ / file} << content;
    }

    std::filesystem::path root_;
};

}  // namespace signalbox::test
