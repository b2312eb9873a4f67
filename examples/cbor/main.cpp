// A message as bytes: for a file, a socket, or a program in another language.
#include <fmt/format.h>
#include <brigade/cbor.hpp>
#include <brigade/value_convert.hpp>

#include <boost/describe/class.hpp>

#include <span>
#include <string>
#include <vector>

using namespace brigade;

struct Reading {
  std::string sensor;
  std::vector<double> celsius;
};
BOOST_DESCRIBE_STRUCT(Reading, (), (sensor, celsius))

int main() {
  const Reading reading{.sensor = "roof", .celsius = {20.5, 21}};
  const cbor::Encoded encoded = cbor::encode(to_value(reading).value()).value();
  for (const std::byte byte : encoded.bytes) fmt::print("{:02x}", static_cast<unsigned>(byte));
  fmt::print("\n");

  // What comes from elsewhere may be anything: both steps give an Error instead of a guess.
  Result<Value> message = cbor::decode(encoded.bytes);
  Result<Reading> back = value_to<Reading>(std::move(message).value());
  fmt::print("{}: {} values\n", back->sensor, back->celsius.size());

  Result<Value> cut = cbor::decode(std::span(encoded.bytes).first(10));
  fmt::print("{}\n", cut.error().message());
}
