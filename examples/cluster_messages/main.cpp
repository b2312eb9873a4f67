// A primary hands jobs to its workers; they answer, and ask it something.
#include <brigade/cluster.hpp>
#include <brigade/cluster_worker.hpp>
#include <brigade/loop.hpp>

#include <fmt/format.h>
#include <boost/describe/class.hpp>

#include <map>
#include <string>

using namespace brigade;
using namespace std::chrono_literals;

struct Job {
  int id = 0;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Job, (), (id, text))

struct Done {
  int id = 0;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Done, (), (id, text))

Task<int> work() {
  cluster::ThisWorker& me = cluster::this_worker();  // as a peer: the primary
  auto name = co_await me.request<std::string>("what is my name?", 10s);
  cluster::on_broadcast("that is all", [&me](int) { me.disconnect(); });
  me.on_message([&me, name = name.value()](Job job) {  // what came before is handled now
    me.post_message(Done{job.id, name + " did " + job.text}).value();
  });
  co_return 0;  // the handlers keep the loop alive until it has to leave
}

int main() {
  if (cluster::is_worker()) return run_main(work);

  cluster::Primary primary;
  primary.on_request([](cluster::Worker& worker, std::string) {
    return fmt::format("worker {}", worker.number());
  });
  primary.on_message([results = std::map<int, std::string>()](cluster::Worker&, Done done) mutable {
    results[done.id] = done.text;
    if (results.size() < 2) return;
    for (const auto& [id, text] : results) fmt::print("{}: {}\n", id, text);
    cluster::broadcast("that is all", 0).value();
  });
  primary.fork()->post_message(Job{1, "the sums"}).value();
  primary.fork()->post_message(Job{2, "the letters"}).value();
  return primary.run();
}
