#include <brigade/cbor.hpp>
#include <brigade/shared_buffer.hpp>

#include <fmt/format.h>

#include "base/utf8.hpp"
#include "message/cbor_format.hpp"
#include "message/value_walk.hpp"

namespace brigade::cbor {
namespace {

class Writer {
 public:
  Writer(Bytes& out, Value& root) : walk_(root), out_(out) {}

  Result<void> write_all() {
    while (Value* value = walk_.next()) {
      if (const std::string* name = walk_.name(); name && !text(*name)) break;
      if (!write(*value)) break;
    }
    return std::move(result_);
  }

  // Only when all is well, so that an error leaves the value whole.
  std::vector<Fd> commit() {
    std::vector<Fd> descriptors;
    for (Source& source : sources_) {
      descriptors.push_back(std::move(source.own ? *source.own : source.duplicate));
    }
    return descriptors;
  }

 private:
  // Of a descriptor: the value's own, or our duplicate of a buffer's.
  struct Source {
    Fd* own = nullptr;
    Fd duplicate = {};
  };

  bool write(Value& value) {
    switch (value.kind()) {
      case Value::Kind::null:
        head(major_simple, simple_null);
        break;
      case Value::Kind::boolean:
        head(major_simple, value.as_bool() ? simple_true : simple_false);
        break;
      case Value::Kind::integer:
        integer(value.as_integer());
        break;
      case Value::Kind::number:
        number(value.as_number());
        break;
      case Value::Kind::string:
        return text(value.as_string());
      case Value::Kind::bytes:
        head(major_bytes, value.size());
        append(value.as_bytes().data(), value.size());
        break;
      case Value::Kind::array:
        head(major_array, value.size());
        break;
      case Value::Kind::object:
        head(major_map, value.size());
        break;
      case Value::Kind::port:
        return refuse("a port cannot travel to another process");
      case Value::Kind::buffer:
        return buffer(value.as_buffer());
      case Value::Kind::descriptor:
        if (!value.as_descriptor()) return refuse("the descriptor is closed");
        return reference(tag_descriptor, Source{.own = &value.as_descriptor()});
    }
    return true;
  }

  bool refuse(std::string_view what) {
    result_ = Error(value_detail::at_path(walk_.path(), what));
    return false;
  }

  void append(const void* data, std::size_t size) {
    const auto* const from = static_cast<const std::byte*>(data);
    out_.insert(out_.end(), from, from + size);
  }
  // Network byte order.
  void big_endian(std::uint64_t value, unsigned bytes) {
    while (bytes-- > 0) out_.push_back(static_cast<std::byte>(value >> (8 * bytes)));
  }
  void initial(std::uint8_t major, std::uint8_t info) {
    out_.push_back(static_cast<std::byte>((major << 5) | info));
  }
  void head(std::uint8_t major, std::uint64_t argument) {
    if (argument < one_byte_follows) return initial(major, static_cast<std::uint8_t>(argument));
    const unsigned log = argument > 0xffffffff ? 3
                         : argument > 0xffff   ? 2
                         : argument > 0xff     ? 1
                                               : 0;
    initial(major, static_cast<std::uint8_t>(one_byte_follows + log));
    big_endian(argument, 1u << log);
  }

  void integer(std::int64_t value) {
    if (value < 0) return head(major_negative, ~static_cast<std::uint64_t>(value));  // -1 - value
    head(major_unsigned, static_cast<std::uint64_t>(value));
  }
  void number(double value) {
    if (std::isnan(value)) {
      initial(major_simple, half_float);
      return big_endian(0x7e00, 2);  // whatever its payload, section 4.1
    }
    const auto single = static_cast<float>(value);
    if (static_cast<double>(single) != value) {
      initial(major_simple, double_float);
      big_endian(std::bit_cast<std::uint64_t>(value), 8);
    } else if (const auto half = to_half(single)) {
      initial(major_simple, half_float);
      big_endian(*half, 2);
    } else {
      initial(major_simple, single_float);
      big_endian(std::bit_cast<std::uint32_t>(single), 4);
    }
  }
  bool text(std::string_view text) {
    if (detail::utf8_end(text) != text.size()) {
      return refuse("text must be UTF-8 to travel to another process, send this as bytes");
    }
    head(major_text, text.size());
    append(text.data(), text.size());
    return true;
  }
  bool buffer(const SharedBuffer& buffer) {
    if (!buffer) {
      head(major_tag, tag_buffer);
      head(major_simple, simple_null);
      return true;
    }
    Fd duplicate = buffer.fd().duplicate();
    if (!duplicate) return refuse("the process is out of file descriptors");
    return reference(tag_buffer, Source{.duplicate = std::move(duplicate)});
  }
  bool reference(std::uint64_t tag, Source source) {
    head(major_tag, tag);
    head(major_unsigned, sources_.size());
    sources_.push_back(std::move(source));
    return true;
  }

  value_detail::Walk<Value> walk_;
  Result<void> result_;
  Bytes& out_;
  std::vector<Source> sources_;
};

}  // namespace

Result<std::vector<Fd>> encode_to(Bytes& out, Value&& value, const ValueLimits& limits) {
  if (Result<void> checked = check(value, limits); !checked) return checked.error();
  const std::size_t before = out.size();
  Writer writer(out, value);
  if (Result<void> written = writer.write_all(); !written) {
    out.resize(before);
    return written.error();
  }
  return writer.commit();
}

Result<Encoded> encode(Value&& value, const ValueLimits& limits) {
  Encoded encoded;
  auto descriptors = encode_to(encoded.bytes, std::move(value), limits);
  if (!descriptors) return descriptors.error();
  encoded.descriptors = std::move(*descriptors);
  return encoded;
}

}  // namespace brigade::cbor
