#include "signalbox/process/cpu_count.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <optional>
#include <string_view>

#include "unit/process/control_groups.hpp"

namespace signalbox {
namespace {

namespace fs = std::filesystem;

TEST(ParseCpuMax, divides_quota_by_period) {
    EXPECT_EQ(process::parse_cpu_max("150000 100000\n"), 1.5);
    EXPECT_EQ(process::parse_cpu_max("50000 100000"), 0.5);
    EXPECT_EQ(process::parse_cpu_max("400000 100000\n"), 4.0);
}

TEST(ParseCpuMax, knows_no_limit_where_none_is_written) {
    for (const std::string_view text :
         {"max 100000\n", "max", "", "\n", "100000", "100000 0", "0 100000", "-1 100000", "a b",
          "100000 100000 100000", "99999999999999999999 100000"}) {
        EXPECT_EQ(process::parse_cpu_max(text), std::nullopt) << text;
    }
}

TEST(ParseCfsQuota, divides_quota_by_period) {
    EXPECT_EQ(process::parse_cfs_quota("250000\n", "100000\n"), 2.5);
    EXPECT_EQ(process::parse_cfs_quota("-1\n", "100000\n"), std::nullopt);
    EXPECT_EQ(process::parse_cfs_quota("", ""), std::nullopt);
    EXPECT_EQ(process::parse_cfs_quota("100000", "0"), std::nullopt);
}

class CgroupCpuLimit : public test::ControlGroups {
  protected:
    static std::optional<double> cpu_limit(std::string_view membership, const fs::path& root) {
        return process::tightest_limit(process::cpu_controller(), membership, root);
    }
};

TEST_F(CgroupCpuLimit, reads_version_2_of_the_own_group) {
    write("system.slice/signalbox.service/cpu.max", "150000 100000\n");
    EXPECT_EQ(cpu_limit("0::/system.slice/signalbox.service\n", root_), 1.5);
    EXPECT_EQ(cpu_limit("0::/system.slice\n", root_), std::nullopt);
}

TEST_F(CgroupCpuLimit, obeys_the_tightest_group_on_the_way_up) {
    write("pods/cpu.max", "100000 100000\n");
    write("pods/one/cpu.max", "300000 100000\n");
    write("pods/one/container/cpu.max", "max 100000\n");
    EXPECT_EQ(cpu_limit("0::/pods/one/container\n", root_), 1.0);
}

TEST_F(CgroupCpuLimit, finds_the_limit_at_the_root_inside_a_container) {
    write("cpu.max", "200000 100000\n");
    EXPECT_EQ(cpu_limit("0::/\n", root_), 2.0);
    EXPECT_EQ(cpu_limit("0::/path/known/to/the/host/only\n", root_), 2.0);
}

TEST_F(CgroupCpuLimit, reads_version_1) {
    write("cpu/docker/abc/cpu.cfs_quota_us", "250000\n");
    write("cpu/docker/abc/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(cpu_limit("7:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n", root_), 2.5);
    EXPECT_EQ(cpu_limit("4:cpuset:/docker/abc\n", root_), std::nullopt);
}

TEST_F(CgroupCpuLimit, has_none_without_control_groups) {
    EXPECT_EQ(cpu_limit("", root_ / "missing"), std::nullopt);
    EXPECT_EQ(cpu_limit("garbage", root_), std::nullopt);
    EXPECT_EQ(cpu_limit(":::\n\n::", root_), std::nullopt);
}

TEST(CpuCount, counts_only_cores_the_process_may_run_on) {
    cpu_set_t before;
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    const std::size_t unrestricted = process::cpu_count();
    EXPECT_GE(unrestricted, 1U);
    EXPECT_LE(unrestricted, static_cast<std::size_t>(CPU_COUNT(&before)));

    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(process::cpu_count(), 1U);
    EXPECT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

}  // namespace
}  // namespace signalbox
