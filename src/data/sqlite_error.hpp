// SQLite's result codes as DatabaseError.
#pragma once

#include <brigade/database.hpp>

struct sqlite3;

namespace brigade::data {

/// `code` is an extended result code, `compiling` whether it came from preparing a statement.
DatabaseError::Kind kind_of(int code, bool compiling);

/// For the connection's last error.
DatabaseError last_error(sqlite3* handle, std::string_view sql, bool compiling = false);

}  // namespace brigade::data
