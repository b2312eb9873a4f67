// A mutex for sections of a few dozen instructions: whoever finds it taken looks again for a while
// before it sleeps. Two system calls would cost twenty times what is being waited for.
//
// Why not std::mutex: it has glibc's default kind, which sleeps at once. Why not a spin lock: a
// thread that is niced may lose its CPU inside, and then the others must sleep.
#pragma once

#include <pthread.h>

namespace brigade::detail {

class AdaptiveMutex {
 public:
  AdaptiveMutex() = default;
  AdaptiveMutex(const AdaptiveMutex&) = delete;
  AdaptiveMutex& operator=(const AdaptiveMutex&) = delete;
  ~AdaptiveMutex() { ::pthread_mutex_destroy(&mutex_); }

  void lock() { ::pthread_mutex_lock(&mutex_); }
  void unlock() { ::pthread_mutex_unlock(&mutex_); }
  bool try_lock() { return ::pthread_mutex_trylock(&mutex_) == 0; }

 private:
  pthread_mutex_t mutex_ = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
};

}  // namespace brigade::detail
