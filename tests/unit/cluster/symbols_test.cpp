#include "cluster/symbols.hpp"

#include <gtest/gtest.h>
#include <link.h>
#include <stdlib.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

namespace brigade::cluster::detail {

__attribute__((noinline)) int a_function_to_be_named(int value) {
  return value * 3;
}

namespace {

std::uint64_t offset_of(const void* address) {
  std::uintptr_t bias = 0;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* out) {
        *static_cast<std::uintptr_t*>(out) = info->dlpi_addr;  // the program comes first
        return 1;
      },
      &bias);
  return reinterpret_cast<std::uintptr_t>(address) - bias;
}

TEST(Symbols, NameAFunctionOfAProgram) {
  const Symbols symbols("/proc/self/exe");
  EXPECT_EQ(symbols.name_of(offset_of(reinterpret_cast<void*>(&a_function_to_be_named)) + 1),
            "brigade::cluster::detail::a_function_to_be_named(int)");
  EXPECT_EQ(symbols.name_of(~std::uint64_t{0}), "");
}

TEST(Symbols, NameNothingWhereThereIsNoProgram) {
  EXPECT_EQ(Symbols("/no/such/file").name_of(1), "");
  EXPECT_EQ(Symbols("/proc/self/maps").name_of(1), "");
}

TEST(Symbols, SurviveADamagedFile) {
  std::ifstream original("/bin/true", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(original)), {});
  std::string path = testing::TempDir() + "brigade-elf-XXXXXX";
  ::close(::mkstemp(path.data()));
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string damaged = bytes.substr(0, random() % bytes.size());
    for (int i = 0; i < 64 && !damaged.empty(); ++i) {
      damaged[random() % std::min<std::size_t>(damaged.size(), 4096)] = static_cast<char>(random());
    }
    std::ofstream(path, std::ios::binary)
        << "\x7f"
           "ELF"
        << damaged.substr(std::min<std::size_t>(4, damaged.size()));
    const Symbols symbols(path);
    for (std::uint64_t offset = 0; offset < 0x10000; offset += 0x1000) symbols.name_of(offset);
  }
  ::unlink(path.c_str());
}

TEST(Symbols, NameAnExportedFunctionOfALibrary) {
  EXPECT_EQ(name_in_library("no-such-library.so", 1), "");
}

}  // namespace
}  // namespace brigade::cluster::detail
