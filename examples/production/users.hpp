// The users resource: a table and its routes.
#pragma once

#include <brigade/brigade.hpp>

/// Adds GET /users, GET /users/:id and POST /users. Creates the table when it is not there.
void add_users(brigade::App& app, const brigade::Database& database);
