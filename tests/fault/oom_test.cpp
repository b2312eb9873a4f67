// A worker that the kernel kills for want of memory, in a cgroup of its own. Needs root, and a
// cgroup file system that can be written to.
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/server.hpp"

using namespace brigade::testing_support;

namespace {

class MemoryGroup {
 public:
  explicit MemoryGroup(long bytes) {
    const std::string name = fmt::format("/brigade-test-{}", ::getpid());
    for (const std::string base : {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"}) {
      std::error_code error;
      if (!std::filesystem::create_directory(base + name, error)) continue;
      path_ = base + name;
      for (const char* limit : {"/memory.limit_in_bytes", "/memory.max"}) {
        if (std::filesystem::exists(path_ + limit)) {
          usable_ = write(limit, bytes);
          return;
        }
      }
      std::filesystem::remove(path_, error);
      path_.clear();
    }
  }
  ~MemoryGroup() {
    if (path_.empty()) return;
    eventually([this] { return ::rmdir(path_.c_str()) == 0; });
  }
  bool usable() const { return usable_; }
  bool take(pid_t process) const { return write("/cgroup.procs", process); }

 private:
  bool write(const std::string& file, long value) const {
    std::ofstream out(path_ + file);
    out << value << std::endl;
    return out.good();
  }
  std::string path_;
  bool usable_ = false;
};

}  // namespace

TEST(OutOfMemory, IsToldAsTheReasonAndLeavesThePrimaryAlone) {
  const MemoryGroup group(64 << 20);
  if (!group.usable()) GTEST_SKIP() << "needs a memory cgroup that this user can make";
  ServerProcess server({TEST_SERVER_PROGRAM, {"--workers", "1"}});
  if (!group.take(server.pid())) GTEST_SKIP() << "needs a process moved to a cgroup";
  const std::string first = fmt::format("pid {}", server.first_workers()[0]);
  ::kill(server.first_workers()[0], SIGKILL);  // its replacement starts in the group
  ASSERT_TRUE(eventually([&] { return server.get("/").body != first; }));
  EXPECT_THROW(server.get("/leak?mb=500"), ClientError);
  server.wait_for_line("was killed by SIGKILL, by the kernel: its cgroup is out of memory");
  EXPECT_EQ(server.get("/").status, 200);
  EXPECT_TRUE(server.running());
}
