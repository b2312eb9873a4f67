#include "users.hpp"

#include <fmt/format.h>

using namespace brigade;

namespace {

struct User {
  std::int64_t id;
  std::string name;
  std::string email;
};
BOOST_DESCRIBE_STRUCT(User, (), (id, name, email))

struct NewUser {
  std::string name;
  std::string email;
};
BOOST_DESCRIBE_STRUCT(NewUser, (), (name, email))

constexpr const char* schema = R"sql(
  CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE
  );
  INSERT OR IGNORE INTO users (id, name, email) VALUES
    (1, 'Ada', 'ada@example.com'), (2, 'Grace', 'grace@example.com'), (3, 'Edsger', 'edsger@example.com');
)sql";

void check(const NewUser& user) {
  if (user.name.empty() || user.name.size() > 100) {
    throw HttpError(400, "name: must have 1 to 100 bytes");
  }
  const std::size_t at = user.email.find('@');
  if (user.email.size() > 200 || at == 0 || at == std::string::npos ||
      at + 1 == user.email.size()) {
    throw HttpError(400, "email: must be an address like name@example.com");
  }
}

}  // namespace

void add_users(App& app, const Database& database) {
  Database db = database;
  db.run_script(schema).value();

  app.get("/users", [db](Request&) -> Task<Response> {
    auto users =
        co_await db.query_as<User>("SELECT id, name, email FROM users ORDER BY id LIMIT 100");
    co_return json(users);
  });

  app.get("/users/:id", [db](Request& request) -> Task<Response> {
    const std::int64_t id = request.int_param("id");
    auto users = co_await db.query_as<User>("SELECT id, name, email FROM users WHERE id = ?", id);
    if (users.empty()) throw HttpError(404, fmt::format("there is no user {}", id));
    co_return json(users.front());
  });

  app.post("/users", [db](Request& request) -> Task<Response> {
    auto user = co_await json_body<NewUser>(request);
    check(user);
    try {
      auto added = co_await db.execute("INSERT INTO users (name, email) VALUES (?, ?)", user.name,
                                       user.email);
      Response response = json(User{added.last_insert_id, user.name, user.email}, 201);
      response.set("Location", fmt::format("/users/{}", added.last_insert_id));
      co_return response;
    } catch (const DatabaseError& error) {
      if (error.kind() != DatabaseError::Kind::unique_violation) throw;
      throw HttpError(409, "email: another user has this address");
    }
  });
}
