#include "cluster/control_commands.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <optional>

#include "cluster/control_json.hpp"

namespace brigade::cluster::detail {
namespace {

struct Schema {
  ControlCommand command;
  std::string_view name;
  std::string_view field;  // besides version and command; empty: none
  bool required = true;
};
constexpr std::array schemas{
    Schema{ControlCommand::status, "status", ""},
    Schema{ControlCommand::reload, "reload", ""},
    Schema{ControlCommand::scale, "scale", "workers"},
    Schema{ControlCommand::drain, "drain", ""},
    Schema{ControlCommand::stop, "stop", "now", false},
    Schema{ControlCommand::restart, "restart", "position"},
    Schema{ControlCommand::log_level, "log-level", "level"},
    Schema{ControlCommand::events, "events", ""},
};

Error bad(std::string message) {
  return Error(std::move(message));
}

Result<const Schema*> schema_of(const Value& request) {
  const Value* const command = request.find("command");
  const std::string* const name = command ? command->get_if<std::string>() : nullptr;
  if (!name) return bad("\"command\" must be a string");
  for (const Schema& each : schemas) {
    if (each.name == *name) return &each;
  }
  return bad(fmt::format("there is no command \"{}\"", log::escape(*name)));
}

Result<void> check_version(const Value& request) {
  const Value* const version = request.find("version");
  const std::int64_t* const number = version ? version->get_if<std::int64_t>() : nullptr;
  if (!number) return bad("\"version\" must be a number");
  if (*number == control_version) return {};
  return bad(fmt::format("version {} is not spoken here: it is {}", *number, control_version));
}

bool read_count(const Value& value, std::uint32_t& out) {
  const std::int64_t* const number = value.get_if<std::int64_t>();
  if (!number || *number < 0 || *number > std::numeric_limits<std::uint32_t>::max()) return false;
  out = static_cast<std::uint32_t>(*number);
  return true;
}

bool read_field(ControlCommand command, const Value& value, ControlRequest& out) {
  switch (command) {
    case ControlCommand::scale:
      return read_count(value, out.workers);
    case ControlCommand::restart:
      return read_count(value, out.position);
    case ControlCommand::stop:
      if (!value.is_bool()) return false;
      out.now = value.as_bool();
      return true;
    case ControlCommand::log_level: {
      const std::string* const name = value.get_if<std::string>();
      const auto level = name ? log::level_from(*name) : std::nullopt;
      if (level) out.level = *level;
      return level.has_value();
    }
    default:
      return false;
  }
}

}  // namespace

std::string_view name_of(ControlCommand command) {
  for (const Schema& each : schemas) {
    if (each.command == command) return each.name;
  }
  return "";
}

Result<ControlRequest> read_request(std::string_view text) {
  auto request = parse_json(text);
  if (!request) return bad("this is not JSON: " + request.error().message());
  const Value& fields = *request;
  if (!fields.is_object()) return bad("a request is an object");
  if (const auto right = check_version(fields); !right) return right.error();
  auto schema = schema_of(fields);
  if (!schema) return schema.error();
  const Schema& known = **schema;
  for (const Field& each : fields.as_object()) {
    if (each.name() == "version" || each.name() == "command" ||
        (!known.field.empty() && each.name() == known.field)) {
      continue;
    }
    return bad(fmt::format("{} has no field \"{}\"", known.name, log::escape(each.name())));
  }
  ControlRequest out{.command = known.command};
  if (known.field.empty()) return out;
  const Value* const field = fields.find(known.field);
  if (!field && known.required) return bad(fmt::format("\"{}\" is missing", known.field));
  if (field && !read_field(known.command, *field, out)) {
    return bad(
        fmt::format("\"{}\" of {} has a value that makes no sense", known.field, known.name));
  }
  return out;
}

}  // namespace brigade::cluster::detail
