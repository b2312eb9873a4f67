#include "cluster/symbols.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

namespace brigade::cluster::detail {
namespace {

constexpr std::size_t longest_name = 160;

std::string readable(const char* name) {
  struct Free {
    void operator()(char* text) const { std::free(text); }
  };
  int status = 0;
  const std::unique_ptr<char, Free> plain(abi::__cxa_demangle(name, nullptr, nullptr, &status));
  std::string out = plain ? plain.get() : name;
  if (out.size() > longest_name) out = out.substr(0, longest_name) + "...";
  return out;
}

}  // namespace

Symbols::Symbols(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts {};
  if (!file || ::fstat(file.get(), &facts) != 0 || facts.st_size <= 0) return;
  const auto size = static_cast<std::size_t>(facts.st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) return;
  file_ = static_cast<const char*>(mapped);
  size_ = size;
  symbols_ = find_table(SHT_SYMTAB, names_);
  if (symbols_.size == 0) symbols_ = find_table(SHT_DYNSYM, names_);
}

Symbols::~Symbols() {
  if (file_) ::munmap(const_cast<char*>(file_), size_);
}

template <class T>
bool Symbols::read(std::size_t offset, T& out) const {
  if (offset > size_ || size_ - offset < sizeof out) return false;
  std::memcpy(&out, file_ + offset, sizeof out);
  return true;
}

Symbols::Table Symbols::find_table(std::uint32_t wanted, Table& names) const {
  Elf64_Ehdr header;
  if (!read(0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64) {
    return {};
  }
  const auto inside = [this](const Elf64_Shdr& section) {
    return section.sh_offset <= size_ && section.sh_size <= size_ - section.sh_offset;
  };
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section, strings;
    if (!read(header.e_shoff + i * sizeof section, section)) return {};
    if (section.sh_type != wanted || !inside(section)) continue;
    if (!read(header.e_shoff + section.sh_link * sizeof strings, strings) || !inside(strings)) {
      return {};
    }
    names = {file_ + strings.sh_offset, strings.sh_size};
    return {file_ + section.sh_offset, section.sh_size};
  }
  return {};
}

std::string Symbols::name_of(std::uint64_t offset) const {
  for (std::size_t at = 0; at + sizeof(Elf64_Sym) <= symbols_.size; at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol;
    std::memcpy(&symbol, symbols_.data + at, sizeof symbol);
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
    if (offset < symbol.st_value || offset - symbol.st_value >= symbol.st_size) continue;
    if (symbol.st_name >= names_.size) continue;
    const char* name = names_.data + symbol.st_name;
    if (std::memchr(name, '\0', names_.size - symbol.st_name) == nullptr) continue;
    return readable(name);
  }
  return {};
}

std::string name_in_library(const std::string& module, std::uint64_t offset) {
  struct Search {
    std::string_view name;
    std::uint64_t offset;
    std::uintptr_t address;
  } search{module, offset, 0};
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* out) {
        auto& wanted = *static_cast<Search*>(out);
        const std::string_view path(info->dlpi_name);
        if (path.substr(path.rfind('/') + 1) != wanted.name) return 0;
        wanted.address = info->dlpi_addr + wanted.offset;
        return 1;
      },
      &search);
  Dl_info found{};
  if (search.address == 0 || ::dladdr(reinterpret_cast<void*>(search.address), &found) == 0 ||
      !found.dli_sname) {
    return {};
  }
  return readable(found.dli_sname);
}

}  // namespace brigade::cluster::detail
