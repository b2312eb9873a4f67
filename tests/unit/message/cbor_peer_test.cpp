// Against libcbor: each reads what the other writes.
#include <brigade/cbor.hpp>

#include <cbor.h>
#include <gtest/gtest.h>

#include <memory>

#include "unit/message/hex.hpp"
#include "unit/message/random_value.hpp"

namespace brigade::cbor {
namespace {

struct Release {
  void operator()(cbor_item_t* item) const { cbor_decref(&item); }
};
using Item = std::unique_ptr<cbor_item_t, Release>;

Value from_peer(cbor_item_t* item);

Value number_from_peer(cbor_item_t* item) {
  if (!cbor_float_ctrl_is_ctrl(item)) return cbor_float_get_float(item);
  if (cbor_is_null(item)) return nullptr;
  return cbor_get_bool(item);
}

Value map_from_peer(cbor_item_t* item) {
  Value::Object fields;
  const cbor_pair* const pairs = cbor_map_handle(item);
  for (std::size_t i = 0; i < cbor_map_size(item); ++i) {
    fields[from_peer(pairs[i].key).as_string()] = from_peer(pairs[i].value);
  }
  return fields;
}

Value from_peer(cbor_item_t* item) {
  switch (cbor_typeof(item)) {
    case CBOR_TYPE_UINT:
      return cbor_get_int(item);
    case CBOR_TYPE_NEGINT:
      return -1 - static_cast<std::int64_t>(cbor_get_int(item));
    case CBOR_TYPE_BYTESTRING: {
      const auto* const data = reinterpret_cast<const std::byte*>(cbor_bytestring_handle(item));
      return Bytes(data, data + cbor_bytestring_length(item));
    }
    case CBOR_TYPE_STRING:
      return std::string_view(reinterpret_cast<const char*>(cbor_string_handle(item)),
                              cbor_string_length(item));
    case CBOR_TYPE_ARRAY: {
      Value::Array items;
      for (std::size_t i = 0; i < cbor_array_size(item); ++i) {
        items.push_back(from_peer(cbor_array_handle(item)[i]));
      }
      return items;
    }
    case CBOR_TYPE_MAP:
      return map_from_peer(item);
    case CBOR_TYPE_FLOAT_CTRL:
      return number_from_peer(item);
    case CBOR_TYPE_TAG:
      break;
  }
  ADD_FAILURE() << "a tag that we did not write";
  return nullptr;
}

Item read_by_peer(const Bytes& bytes) {
  cbor_load_result result;
  Item item(cbor_load(reinterpret_cast<cbor_data>(bytes.data()), bytes.size(), &result));
  EXPECT_EQ(result.error.code, CBOR_ERR_NONE) << to_hex(bytes);
  EXPECT_EQ(result.read, bytes.size());
  return item;
}

Bytes written_by_peer(const cbor_item_t* item) {
  unsigned char* data = nullptr;
  std::size_t room = 0;
  const std::size_t size = cbor_serialize_alloc(item, &data, &room);
  const auto* const begin = reinterpret_cast<const std::byte*>(data);
  Bytes bytes(begin, begin + size);
  std::free(data);
  return bytes;
}

TEST(CborPeer, ReadsWhatWeWrite) {
  RandomValue random(4);
  for (int round = 0; round < 200; ++round) {
    const Value value = random.make(4);
    const Item item = read_by_peer(encode(value.clone().value()).value().bytes);
    ASSERT_TRUE(item);
    ASSERT_EQ(from_peer(item.get()), value) << value.to_string();
  }
}

TEST(CborPeer, WritesWhatWeRead) {
  RandomValue random(5);
  for (int round = 0; round < 200; ++round) {
    const Value value = random.make(4);
    const Item item = read_by_peer(encode(value.clone().value()).value().bytes);
    ASSERT_TRUE(item);
    Result<Value> back = decode(written_by_peer(item.get()));
    ASSERT_TRUE(back.ok()) << back.error().message();
    ASSERT_EQ(*back, value);
  }
}

// Not what libcbor stumbles over: it allocates what a length claims, and knows no tag above 5.
std::byte palatable(std::byte byte) {
  const auto number = static_cast<unsigned>(byte);
  if (number >= 0xc6 && number <= 0xdf) return std::byte{0xc1};
  return (number & 0x1f) >= 25 ? byte & std::byte{0xe7} : byte;
}

// What libcbor finds malformed we refuse as well. (Not the other way round: we also refuse what a
// Value cannot hold.)
TEST(CborPeer, AgreesOnWhatIsMalformed) {
  RandomValue random(6);
  for (int round = 0; round < 5000; ++round) {
    Bytes bytes(1 + random() % 12);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    for (std::byte& byte : bytes) byte = palatable(byte);
    cbor_load_result result;
    const Item item(cbor_load(reinterpret_cast<cbor_data>(bytes.data()), bytes.size(), &result));
    const Result<Value> ours = decode(std::span(bytes).first(item ? result.read : bytes.size()));
    if (!item) EXPECT_FALSE(ours.ok()) << to_hex(bytes);
  }
}

}  // namespace
}  // namespace brigade::cbor
