// What the subject cannot do yet. A case leaves this table when its feature arrives.
#include "runner/corpus.hpp"

namespace conformance {
namespace {

struct LeftOut {
  std::string_view category;
  std::string_view prefix;  // of the case's name; empty: the whole category
  std::string_view reason;
};

constexpr LeftOut table[] = {
    {"websocket", "", "needs WebSocket"},
    {"static", "", "needs static files"},
    {"range", "", "needs static files with ranges"},
    {"response", "resp_head_no_body", "asks for a static file"},
    {"response", "resp_304", "asks for a static file"},
    {"body", "mp_", "needs multipart uploads"},
    {"body", "gz_", "needs content codings"},
    {"body", "ce_", "needs content codings"},
};

}  // namespace

std::string_view left_out_because(const Case& one) {
  for (const LeftOut& entry : table) {
    if (entry.category == one.category && one.name.starts_with(entry.prefix)) return entry.reason;
  }
  return {};
}

}  // namespace conformance
