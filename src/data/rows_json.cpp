#include <brigade/database.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace brigade::sql {
namespace {

// RFC 4648 section 4, with padding.
boost::json::string to_base64(const Blob& bytes) {
  static constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  boost::json::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t left = std::min<std::size_t>(bytes.size() - at, 3);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < left ? std::to_integer<std::uint32_t>(bytes[at + i]) : 0);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out.push_back(i <= left ? digits[group >> (18 - 6 * i) & 63] : '=');
    }
  }
  return out;
}

struct ToJson {
  boost::json::value operator()(std::monostate) const { return nullptr; }
  boost::json::value operator()(std::int64_t number) const { return number; }
  boost::json::value operator()(double number) const { return number; }
  boost::json::value operator()(const std::string& text) const {
    return boost::json::string(text.data(), text.size());
  }
  boost::json::value operator()(const Blob& bytes) const { return to_base64(bytes); }
};

}  // namespace

boost::json::value to_json(const Rows& rows) {
  boost::json::array out;
  out.reserve(rows.size());
  for (Row row : rows) {
    boost::json::object object;
    object.reserve(row.size());
    for (std::size_t column = 0; column < row.size(); ++column) {
      // emplace keeps the first of several columns with one name, as Row does.
      object.emplace(rows.columns()[column], std::visit(ToJson{}, row[column].storage()));
    }
    out.push_back(std::move(object));
  }
  return out;
}

}  // namespace brigade::sql
