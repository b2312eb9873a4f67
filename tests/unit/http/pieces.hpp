// Ways to cut the bytes of a connection into the pieces that a server reads.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace brigade::http::test {

enum class Cut { whole, bytes, lines };
inline constexpr Cut all_cuts[] = {Cut::whole, Cut::bytes, Cut::lines};

/// How many bytes have arrived after each read. Of long inputs single bytes come at both ends only.
inline std::vector<std::size_t> arrivals(std::string_view raw, Cut cut) {
  std::vector<std::size_t> ends;
  for (std::size_t i = 1; i < raw.size(); ++i) {
    const bool long_middle = raw.size() > 100000 && i > 50000 && i + 1000 < raw.size();
    const bool line_end = raw.substr(i - 1, 1) == "\n";
    if (cut == Cut::bytes && (!long_middle || i % 4093 == 0)) ends.push_back(i);
    if (cut == Cut::lines && line_end) ends.push_back(i);
  }
  ends.push_back(raw.size());
  return ends;
}

}  // namespace brigade::http::test
