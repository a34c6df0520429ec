#include "signalbox/process/memory_size.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <optional>

#include "support/sanitized.hpp"
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

TEST(MemorySize, is_no_more_than_the_address_space_may_be) {
    if (test::sanitized) GTEST_SKIP() << "sanitizers take address space by the terabyte";
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
    rlimit low = before;
    low.rlim_cur = rlim_t{64} << 20U;  // less than any machine has; the test allocates little
    ASSERT_EQ(::setrlimit(RLIMIT_AS, &low), 0);
    const std::size_t size = process::memory_size();
    ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
    EXPECT_LE(size, std::size_t{64} << 20U);
}

}  // namespace
}  // namespace signalbox
