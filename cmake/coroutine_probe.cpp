// Does this compiler get coroutines right? Exits 0 if so; otherwise its last line says what it got
// wrong.
//
// Every shape here is one that users of Brigade write every day. A Token counts itself, so a
// temporary that is destroyed twice or never leaves a balance other than zero. Counting works
// without sanitizers, and without the heap a double destruction cannot end the program before it is
// reported.
//
// On its own on purpose: it runs while the build is being configured, when nothing is built yet, so
// the task below is a small one of the same shape as brigade::Task (children resumed inline).
#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

namespace {

struct Token {
  static inline int balance = 0;
  int value = 1;
  Token() { ++balance; }
  Token(const Token& other) : value(other.value) { ++balance; }
  Token(Token&& other) noexcept : value(other.value) { ++balance; }
  Token& operator=(const Token&) = default;
  Token& operator=(Token&&) = default;
  ~Token() { --balance; }
};

template <class T>
class Job {
 public:
  struct promise_type {
    T result{};
    bool ended = false;
    std::coroutine_handle<> waiter;

    struct Ending {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        self.promise().ended = true;
        if (self.promise().waiter) return self.promise().waiter;
        return std::noop_coroutine();
      }
      void await_resume() noexcept {}
    };
    Job get_return_object() { return Job(Handle::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    Ending final_suspend() noexcept { return {}; }
    void return_value(T value) { result = std::move(value); }
    void unhandled_exception() { std::terminate(); }
  };
  using Handle = std::coroutine_handle<promise_type>;

  explicit Job(Handle handle) : handle_(handle) {}
  Job(Job&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  ~Job() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> waiter) {
    handle_.resume();
    if (handle_.promise().ended) return false;
    handle_.promise().waiter = waiter;
    return true;
  }
  T await_resume() { return std::move(handle_.promise().result); }

  void start() { handle_.resume(); }
  bool ended() const { return handle_.promise().ended; }
  T result() { return await_resume(); }

 private:
  Handle handle_;
};

// The outside world: suspends the coroutine until main() goes on with it.
std::coroutine_handle<> parked;
struct Park {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) { parked = waiter; }
  void await_resume() const noexcept {}
};

// A plain function that takes a callable and returns an awaiter, as ThreadPool::run is.
template <class Function>
struct Running {
  Function function;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) { parked = waiter; }
  int await_resume() { return function(); }
};
template <class Function>
Running<Function> run(Function function) {
  return {std::move(function)};
}

struct Settings {
  Token name;
  int limit = 0;
};
Job<int> configure(Token text, Settings settings) {
  co_await Park();
  co_return text.value + settings.limit;
}
template <class Function>
Job<int> call(Function function) {
  co_await Park();
  co_return function();
}
Job<bool> ready() {
  co_return true;
}
Job<bool> parked_once() {
  co_await Park();
  co_return true;
}
Job<int> keep(Token first, Token second) {
  co_await Park();
  co_return first.value + second.value;
}

Job<int> awaits_a_temporary_lambda() {
  Token image;
  co_return co_await call([image, extra = Token()] { return image.value + extra.value; });
}
Job<int> awaits_a_function_given_a_lambda() {
  Token image;
  const int size = co_await run([image, extra = Token()] { return image.value + extra.value; });
  co_return size;
}
Job<int> passes_tokens_by_value() {
  Token kept;
  const int sum = co_await keep(kept, Token());
  co_return sum;
}
Job<int> passes_designated_initialisers() {
  Token text;
  co_return co_await configure(text, {.name = Token(), .limit = 1});
}
Job<int> decides_on_an_await() {
  if (co_await ready()) co_return 2;
  co_return 0;
}
Job<int> decides_on_a_suspended_await() {
  if (Token guard; co_await parked_once()) co_return 1 + guard.value;
  co_return 0;
}
Job<int> awaits_a_million_times() {
  int sum = 0;
  for (int i = 0; i < 1000000; ++i) {
    if (co_await ready()) ++sum;
  }
  co_return sum == 1000000 ? 2 : 0;
}

// Ends the program at the first shape that is wrong, so that its name is the last line of the
// output, as it is when the shape crashes.
void expect_two(const char* shape, Job<int> (*make)()) {
  std::printf("%s: ", shape);
  std::fflush(stdout);
  Token::balance = 0;
  int result = 0;
  {
    Job<int> job = make();
    job.start();
    for (int turns = 0; turns < 4 && !job.ended(); ++turns) parked.resume();
    if (job.ended()) result = job.result();
  }
  const bool right = result == 2 && Token::balance == 0;
  if (right) {
    std::puts("right");
    return;
  }
  std::printf("result %d instead of 2, %d objects alive instead of 0\n", result, Token::balance);
  std::exit(1);
}

}  // namespace

int main() {
  expect_two("a temporary lambda passed to an awaited coroutine", awaits_a_temporary_lambda);
  expect_two("a temporary lambda passed to an awaited function", awaits_a_function_given_a_lambda);
  expect_two("parameters by value", passes_tokens_by_value);
  expect_two("designated initialisers in an awaited call", passes_designated_initialisers);
  expect_two("if (co_await ...)", decides_on_an_await);
  expect_two("if (co_await ...) that suspends", decides_on_a_suspended_await);
  expect_two("a million awaits that do not suspend", awaits_a_million_times);
}
