// The hash of a field's name.
#pragma once

#include <cstdint>
#include <string_view>

namespace brigade::value_detail {

/// Keyed at random once a process, so that a stranger's message cannot be made of names which all
/// fall on one another. Stable within the process only.
std::uint32_t name_hash(std::string_view name);

}  // namespace brigade::value_detail
