// SQLite behind sql::Backend: a few threads and as many connections.
#pragma once

#include <brigade/database.hpp>

#include <memory>
#include <string_view>

namespace brigade::data {

/// `rest` is what follows "sqlite:" in the URL. Opens the first connection.
Result<std::shared_ptr<sql::Backend>> open_sqlite(std::string_view rest,
                                                  const DatabaseOptions& options);

}  // namespace brigade::data
