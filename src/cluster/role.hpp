// What this process is: a worker, told so by its primary through the environment; the heir of a
// primary that is gone; or anything else.
#pragma once

#include <brigade/fd.hpp>

#include <cstdint>

namespace brigade::cluster::detail {

inline constexpr int channel_fd = 3;  // in a worker, until it is adopted
inline constexpr int board_fd = 4;
inline constexpr int pipe_fd = 5;
// Where a primary reads; in workers they wait for the next one.
inline constexpr int rejoin_read_fd = 6;
inline constexpr int rejoin_write_fd = 7;
inline constexpr int primary_stderr_fd = 8;  // where its own goes by way of the primary
inline constexpr int will_fd = 9;
inline constexpr const char* role_variable = "BRIGADE_ROLE";
inline constexpr const char* heir_role = "heir";  // its value in the heir of a dead primary

/// What outlives a primary; see rejoin.hpp and will.hpp.
struct Estate {
  Fd rejoin_read;
  Fd rejoin_write;
  Fd will;

  explicit operator bool() const { return rejoin_read && rejoin_write && will; }
};

struct Role {
  bool worker = false;
  bool heir = false;
  std::uint64_t id = 0;
  std::uint32_t number = 0;
  std::uint32_t slot = 0;
  Fd channel;
  Fd board;
  Fd pipe;            // none where the primary is of a build without
  Fd primary_stderr;  // for when the primary is gone; may be empty
  Estate estate;      // a worker's is empty where the death of its primary means the end
};

/// Read before main() and before static objects of the program, then erased from the environment,
/// so that a process this one starts is not mistaken for a worker. The descriptors become CLOEXEC.
Role& role();

}  // namespace brigade::cluster::detail
