// The descriptors that came with a message.
#pragma once

#include <brigade/fd.hpp>

#include <sys/socket.h>

#include <cstring>
#include <vector>

namespace brigade::cluster::detail {

/// Takes them all, also those that nobody expected: what is not kept is closed.
inline std::vector<Fd> received_descriptors(msghdr& header) {
  std::vector<Fd> out;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t index = 0; index < count; ++index) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + index * sizeof(int), sizeof fd);
      out.emplace_back(fd);
    }
  }
  return out;
}

}  // namespace brigade::cluster::detail
