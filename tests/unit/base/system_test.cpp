#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <brigade/fd.hpp>
#include <brigade/system.hpp>
#include <brigade/time.hpp>
#include "base/files.hpp"

#include <algorithm>
#include <string>
#include <thread>

namespace brigade {
namespace {

// Keeps the CPUs that the thread may run on.
class AffinityKept : public testing::Test {
 protected:
  AffinityKept() { ::sched_getaffinity(0, sizeof before_, &before_); }
  ~AffinityKept() override { ::sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_{};
};

TEST_F(AffinityKept, ParallelismFollowsIt) {
  const auto cpus = allowed_cpus();
  ASSERT_FALSE(cpus.empty());
  EXPECT_TRUE(std::is_sorted(cpus.begin(), cpus.end()));
  EXPECT_LE(available_parallelism(), cpus.size());
  EXPECT_GE(available_parallelism(), 1U);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(cpus.back()), &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(available_parallelism(), 1U);
  EXPECT_EQ(allowed_cpus(), std::vector<int>{cpus.back()});
}

TEST_F(AffinityKept, PinBindsTheCallingThreadOnly) {
  const auto cpus = allowed_cpus();
  std::thread([&] {
    EXPECT_TRUE(pin_this_thread(cpus.front()).ok());
    EXPECT_EQ(allowed_cpus(), std::vector<int>{cpus.front()});
    EXPECT_EQ(::sched_getcpu(), cpus.front());
  }).join();
  EXPECT_EQ(allowed_cpus(), cpus);
}

TEST_F(AffinityKept, PinToACpuThatIsNotThereIsAnError) {
  for (const int cpu : {-1, 1023, 100'000}) {
    const auto result = pin_this_thread(cpu);
    EXPECT_FALSE(result.ok()) << cpu;
    EXPECT_EQ(result.error().code(), EINVAL);
  }
}

TEST(System, ThreadNameIsCutToWhatLinuxKeeps) {
  std::thread([] {
    name_this_thread("a-name-that-is-too-long");
    EXPECT_EQ(detail::read_small_file("/proc/thread-self/comm"), "a-name-that-is-\n");
  }).join();
}

TEST(System, RaisedFdLimitIsTheHardOne) {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const std::size_t got = raise_fd_limit();
  EXPECT_EQ(got, before.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

class ListeningSocket {
 public:
  explicit ListeningSocket(int family) : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (!fd_) return;
    sockaddr_storage any{};
    any.ss_family = static_cast<sa_family_t>(family);
    socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&any), size) != 0) return;
    if (::listen(fd_.get(), 1) != 0) return;
    sockaddr_storage bound{};
    size = sizeof bound;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
    port_ = ntohs(family == AF_INET ? reinterpret_cast<sockaddr_in*>(&bound)->sin_port
                                    : reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port);
  }
  unsigned short port() const { return port_; }

 private:
  Fd fd_;
  unsigned short port_ = 0;
};

std::string this_process() {
  std::string name = detail::read_small_file("/proc/self/comm");
  name.pop_back();
  return fmt::format("pid {} ({})", ::getpid(), name);
}

TEST(System, FindsTheProcessThatListensOnAPort) {
  const ListeningSocket socket(AF_INET);
  ASSERT_NE(socket.port(), 0);
  EXPECT_EQ(who_listens_on(socket.port()), this_process());
}

TEST(System, FindsTheProcessThatListensOnAPortOfIpv6) {
  const ListeningSocket socket(AF_INET6);
  if (socket.port() == 0) GTEST_SKIP() << "no IPv6 here";
  EXPECT_EQ(who_listens_on(socket.port()), this_process());
}

TEST(System, NobodyListensOnAPortThatIsClosed) {
  unsigned short port = 0;
  {
    const ListeningSocket socket(AF_INET);
    port = socket.port();
  }
  EXPECT_EQ(who_listens_on(port), "");
}

TEST(System, FileThatIsNotThereReadsAsEmpty) {
  EXPECT_EQ(detail::read_small_file("/proc/self/no-such-file"), "");
}

TEST(System, MonotonicClockDoesNotGoBack) {
  TimePoint last = monotonic_now();
  for (int i = 0; i < 1000; ++i) {
    const TimePoint now = monotonic_clock().now();
    EXPECT_GE(now, last);
    last = now;
  }
  EXPECT_GT(unix_millis(), 1'600'000'000'000);
}

}  // namespace
}  // namespace brigade
