// What the release binary is built with, read from the file itself: an attacker who finds a fault
// in memory meets all of it.

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/paths.hpp"
#include "support/sanitized.hpp"

namespace signalbox::test {
namespace {

using testing::Contains;
using testing::EndsWith;

/// As much of the format (elf(5)) as says how a program was linked.
class Elf {
  public:
    explicit Elf(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        bytes_.assign(std::istreambuf_iterator<char>(file), {});
        if (!bytes_.starts_with(ELFMAG) || bytes_[EI_CLASS] != ELFCLASS64) {
            throw std::runtime_error(path + " is no 64-bit ELF file");
        }
        header_ = at<Elf64_Ehdr>(0);
        for (std::size_t i = 0; i < header_.e_phnum; ++i)
            segments_.push_back(at<Elf64_Phdr>(header_.e_phoff + i * header_.e_phentsize));
        for (std::size_t i = 0; i < header_.e_shnum; ++i)
            sections_.push_back(at<Elf64_Shdr>(header_.e_shoff + i * header_.e_shentsize));
    }

    const Elf64_Ehdr& header() const { return header_; }

    const Elf64_Phdr* segment(Elf64_Word type) const {
        const auto found = std::find_if(segments_.begin(), segments_.end(),
                                        [type](const auto& one) { return one.p_type == type; });
        return found == segments_.end() ? nullptr : &*found;
    }

    /// Of the dynamic section; 0 when it is not there.
    Elf64_Xword dynamic(Elf64_Sxword tag) const {
        const Elf64_Phdr* const all = segment(PT_DYNAMIC);
        for (std::size_t i = 0; all != nullptr && i < all->p_filesz; i += sizeof(Elf64_Dyn)) {
            const auto entry = at<Elf64_Dyn>(all->p_offset + i);
            if (entry.d_tag == tag) return entry.d_un.d_val;
        }
        return 0;
    }

    /// Functions that it takes from other libraries.
    std::vector<std::string> imports() const {
        std::vector<std::string> names;
        for (const Elf64_Shdr& section : sections_) {
            if (section.sh_type != SHT_DYNSYM) continue;
            const std::size_t texts = sections_.at(section.sh_link).sh_offset;
            for (std::size_t i = 0; i < section.sh_size; i += sizeof(Elf64_Sym)) {
                const auto symbol = at<Elf64_Sym>(section.sh_offset + i);
                if (symbol.st_shndx == SHN_UNDEF) {
                    names.emplace_back(bytes_.c_str() + texts + symbol.st_name);
                }
            }
        }
        return names;
    }

    /// How often these bytes are in its code.
    std::size_t count_in_code(std::string_view what) const {
        std::size_t count = 0;
        for (const Elf64_Phdr& segment : segments_) {
            if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
            const auto code = std::string_view(bytes_).substr(segment.p_offset, segment.p_filesz);
            for (std::size_t i = 0; (i = code.find(what, i)) != std::string_view::npos; ++i)
                ++count;
        }
        return count;
    }

  private:
    template <class T>
    T at(std::size_t place) const {
        T value;
        if (place + sizeof value > bytes_.size()) throw std::runtime_error("it ends too early");
        std::memcpy(&value, bytes_.data() + place, sizeof value);
        return value;
    }

    std::string bytes_;
    Elf64_Ehdr header_{};
    std::vector<Elf64_Phdr> segments_;
    std::vector<Elf64_Shdr> sections_;
};

TEST(Hardening, is_in_the_binary) {
    if (sanitized) GTEST_SKIP() << "a sanitizer is instead of it";
    const Elf binary(service_binary());
    EXPECT_EQ(binary.header().e_type, ET_DYN) << "position independent";
    EXPECT_TRUE(binary.dynamic(DT_FLAGS_1) & DF_1_PIE);
    EXPECT_TRUE(binary.dynamic(DT_FLAGS) & DF_BIND_NOW);
    EXPECT_TRUE(binary.dynamic(DT_FLAGS_1) & DF_1_NOW);
    EXPECT_NE(binary.segment(PT_GNU_RELRO), nullptr);
    ASSERT_NE(binary.segment(PT_GNU_STACK), nullptr);
    EXPECT_FALSE(binary.segment(PT_GNU_STACK)->p_flags & PF_X);

    const auto imports = binary.imports();
    EXPECT_THAT(imports, Contains("__stack_chk_fail"));
    EXPECT_THAT(imports, Contains("_ZSt21__glibcxx_assert_failPKciS0_S0_"))
        << "_GLIBCXX_ASSERTIONS";
    EXPECT_TRUE(std::any_of(imports.begin(), imports.end(), [](std::string_view name) {
        return name.starts_with("__") && name.ends_with("_chk");
    })) << "_FORTIFY_SOURCE";
#ifdef __x86_64__
    constexpr std::string_view endbr64{"\xf3\x0f\x1e\xfa", 4};
    EXPECT_GT(binary.count_in_code(endbr64), 1000U) << "-fcf-protection";
#endif
}

}  // namespace
}  // namespace signalbox::test
