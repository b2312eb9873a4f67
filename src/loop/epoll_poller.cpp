#include <brigade/poller.hpp>
#include <brigade/result.hpp>

#include <cerrno>

namespace brigade {
namespace {

class EpollPoller final : public Poller {
 public:
  EpollPoller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw ErrorException(Error::from_errno(errno, "epoll_create1"));
  }
  bool add(int fd, std::uint32_t events, Watcher& watcher) override {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &watcher;
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  }
  void modify(int fd, std::uint32_t events, Watcher& watcher) override {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &watcher;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
  }
  void remove(int fd) override { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }
  int wait(std::span<epoll_event> out, int timeout_ms) override {
    const int count =
        ::epoll_wait(epoll_.get(), out.data(), static_cast<int>(out.size()), timeout_ms);
    return count < 0 ? 0 : count;  // EINTR: the loop looks at its timers and comes back
  }

 private:
  Fd epoll_;
};

}  // namespace

std::unique_ptr<Poller> make_epoll_poller() {
  return std::make_unique<EpollPoller>();
}

}  // namespace brigade
