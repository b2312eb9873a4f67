// A pool job that tells when it has begun, and ends when it is let go.
#pragma once

#include <atomic>
#include <semaphore>

namespace brigade::testing_support {

class Blocker {
 public:
  // On the pool's thread.
  void block() {
    begun_.release();
    let_go_.acquire();
    ended_ = true;
  }

  // On the test's.
  void wait_until_begun() { begun_.acquire(); }
  void let_go() { let_go_.release(); }
  bool ended() const { return ended_; }

 private:
  std::binary_semaphore begun_{0};
  std::binary_semaphore let_go_{0};
  std::atomic<bool> ended_{false};
};

}  // namespace brigade::testing_support
