#include "signalbox/process/memory_size.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "unit/process/control_groups.hpp"

namespace signalbox {
namespace {

class CgroupMemoryLimit : public test::ControlGroups {
  protected:
    std::optional<double> limit(std::string_view membership) const {
        return process::tightest_limit(process::memory_controller(), membership, root_);
    }
};

TEST_F(CgroupMemoryLimit, reads_version_2) {
    write("memory.max", "268435456\n");
    EXPECT_EQ(limit("0::/\n"), 268435456.0);
    write("memory.max", "max\n");
    EXPECT_EQ(limit("0::/\n"), std::nullopt);
}

TEST_F(CgroupMemoryLimit, obeys_the_tightest_group_on_the_way_up) {
    write("pods/memory.max", "300000000\n");
    write("pods/one/memory.max", "400000000\n");
    write("pods/one/container/memory.max", "max\n");
    EXPECT_EQ(limit("0::/pods/one/container\n"), 300000000.0);
}

TEST_F(CgroupMemoryLimit, reads_version_1) {
    write("memory/docker/abc/memory.limit_in_bytes", "134217728\n");
    EXPECT_EQ(limit("7:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n"), 134217728.0);
    EXPECT_EQ(limit("4:cpu,cpuacct:/docker/abc\n"), std::nullopt);
}

TEST(MemorySize, is_what_the_machine_has_or_less) {
    EXPECT_GE(process::memory_size(), std::size_t{16} << 20);
    EXPECT_LE(process::memory_size(), static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES)) *
                                          static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
}

}  // namespace
}  // namespace signalbox
