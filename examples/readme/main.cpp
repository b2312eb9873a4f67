#include <brigade/brigade.hpp>
using namespace brigade;

int count_primes(int below) {  // CPU work: a plain function
  int count = 0;
  for (int n = 2; n < below; ++n) {
    bool prime = true;
    for (int d = 2; d * d <= n && prime; ++d) prime = n % d != 0;
    count += prime;
  }
  return count;
}

int main(int argc, char** argv) {
  return run(argc, argv, {}, [](App& app) {  // called in each worker process
    auto db = app.database("sqlite:notes.db");
    auto pool = app.pool({.max_queue = 64});
    db.run_script("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)").value();

    app.get("/", [](Request&) { return text("Hello\n"); });
    app.get("/notes", [db](Request&) -> Task<Response> {  // I/O: await it
      auto notes = co_await db.query("SELECT id, text FROM notes");
      co_return json(notes);
    });
    app.get("/primes/:below", [pool](Request& request) -> Task<Response> {  // CPU: the pool
      const int below = static_cast<int>(request.int_param("below"));
      auto count = co_await pool.run(count_primes, below);
      co_return json(count);
    });
    app.stats("/stats");  // the whole cluster, from any worker
  });
}
