// Names for addresses in a program's file, from its own symbol table: no debug information needed,
// no other program started, and a file that is damaged gives no names rather than a crash.
#pragma once

#include <brigade/fd.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace brigade::cluster::detail {

/// Maps the file while it lives. 64-bit ELF of this machine's byte order.
class Symbols {
 public:
  /// Anything that can be opened; a file that is none, or is stripped, gives no names.
  explicit Symbols(const std::string& path);
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;
  ~Symbols();

  /// "brigade::http::Connection::dispatch()", cut at 160 bytes; empty where nothing is known.
  std::string name_of(std::uint64_t offset) const;

 private:
  struct Table {
    const char* data = nullptr;
    std::size_t size = 0;
  };
  template <class T>
  bool read(std::size_t offset, T& out) const;
  Table find_table(std::uint32_t wanted, Table& names) const;

  const char* file_ = nullptr;
  std::size_t size_ = 0;
  Table symbols_, names_;
};

/// The same for a library that this process has loaded as well, by the name of its file: exported
/// functions only.
std::string name_in_library(const std::string& module, std::uint64_t offset);

}  // namespace brigade::cluster::detail
