// The shapes that users write, against the real Task and ThreadPool. Built twice, at -O0 and at
// -O2: compilers get these wrong at one level and right at the other.
//
// Invariant: every object made is destroyed once. Token counts itself, and the fixture's end checks
// the count, and that no coroutine frame is left. On purpose, nothing here is written the careful
// way that our own sources are (one co_await a line, callables named first).
#include <gtest/gtest.h>
#include <brigade/loop.hpp>
#include <brigade/task.hpp>
#include <brigade/thread_pool.hpp>

#include <atomic>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace brigade {
namespace {

struct Token {
  static inline std::atomic<int> live{0};  // pool threads destroy some
  std::string text = "a token whose text is too long for the small string";
  Token() { ++live; }
  Token(const Token& other) : text(other.text) { ++live; }
  Token(Token&& other) noexcept : text(std::move(other.text)) { ++live; }
  Token& operator=(const Token&) = default;
  Token& operator=(Token&&) = default;
  ~Token() { --live; }
};
constexpr int whole = 51;  // the text's length, so that a moved-from or destroyed token shows

int length(const Token& token) {
  return static_cast<int>(token.text.size());
}
int length_of_both(Token first, Token second) {
  return length(first) + length(second);
}

class Shapes : public testing::Test {
 protected:
  Shapes() { Token::live = 0; }
  ~Shapes() override {
    EXPECT_EQ(Token::live, 0);
    EXPECT_EQ(detail::live_frames(), 0);
  }
  ThreadPool pool{{.threads = 1}};
};

struct Options {
  Token name;
  int extra = 0;
  std::vector<std::string> tags = {};
};

Task<bool> yes() {
  co_return true;
}
Task<bool> yes_from(ThreadPool pool) {
  co_return co_await pool.run([] { return true; });
}
Task<int> keep(ThreadPool pool, Token first, Token second) {
  co_await pool.run([] {});
  co_return length(first) + length(second);
}
Task<int> configure(ThreadPool pool, Token text, Options options) {
  co_await pool.run([] {});
  co_return length(text) + length(options.name) + options.extra;
}
Task<Token> make_token() {
  co_return Token();
}
Task<> fail(Token) {
  throw std::runtime_error("on purpose");
  co_return;
}

TEST_F(Shapes, TemporaryLambdaWithCapturesInTheAwait) {
  EXPECT_EQ(whole * 2, run_main([this]() -> Task<int> {
              Token image;
              co_return co_await pool.run(
                  [image, extra = Token()] { return length(image) + length(extra); });
            }));
}

TEST_F(Shapes, LambdaWithArguments) {
  EXPECT_EQ(whole * 3, run_main([this]() -> Task<int> {
              Token image, last;
              auto sum = co_await pool.run(
                  [image](Token first, const Token& second) {
                    return length(image) + length(first) + length(second);
                  },
                  Token(), std::move(last));
              co_return sum;
            }));
}

TEST_F(Shapes, FunctionAndArgumentsItOwns) {
  EXPECT_EQ(whole * 2, run_main([this]() -> Task<int> {
              Token image;
              auto sum = co_await pool.run(length_of_both, std::move(image), Token());
              co_return sum;
            }));
}

TEST_F(Shapes, ParametersByValue) {
  EXPECT_EQ(whole * 2, run_main([this]() -> Task<int> {
              Token named;
              co_return co_await keep(pool, named, Token());
            }));
}

TEST_F(Shapes, DesignatedInitialisersInTheAwait) {
  EXPECT_EQ(whole * 2 + 3, run_main([this]() -> Task<int> {
              Token text;
              co_return co_await configure(pool, text,
                                           {.name = Token(), .extra = 3, .tags = {"a", "b"}});
            }));
}

TEST_F(Shapes, AwaitInAnIf) {
  EXPECT_EQ(1, run_main([]() -> Task<int> {
              if (co_await yes()) co_return 1;
              co_return 2;
            }));
}

TEST_F(Shapes, AwaitThatSuspendsInAnIfWithAnInitialiser) {
  EXPECT_EQ(whole, run_main([this]() -> Task<int> {
              if (Token guard; co_await yes_from(pool)) co_return length(guard);
              co_return 2;
            }));
}

TEST_F(Shapes, AwaitsOnBothSidesOfAnOperator) {
  EXPECT_EQ(whole * 4, run_main([this]() -> Task<int> {
              co_return co_await keep(pool, Token(), Token()) +
                  co_await keep(pool, Token(), Token());
            }));
}

TEST_F(Shapes, AwaitInATernaryAndInALogicalExpression) {
  EXPECT_EQ(whole, run_main([this]() -> Task<int> {
              const bool both = co_await yes() && co_await yes_from(pool);
              co_return both ? length(co_await make_token()) : 0;
            }));
}

TEST_F(Shapes, AwaitAsAnArgument) {
  EXPECT_EQ(whole * 2, run_main([this]() -> Task<int> {
              co_return co_await keep(pool, co_await make_token(), Token());
            }));
}

TEST_F(Shapes, AwaitOfANamedTask) {
  EXPECT_EQ(whole * 2, run_main([this]() -> Task<int> {
              auto task = keep(pool, Token(), Token());
              co_return co_await std::move(task);
            }));
}

TEST_F(Shapes, CoroutineLambdaKeptByCall) {
  EXPECT_EQ(whole, run_main([this]() -> Task<int> {
              Token image;
              co_return co_await call([this, image]() -> Task<int> {
                co_await pool.run([] {});
                co_return length(image);
              });
            }));
}

TEST_F(Shapes, TaskThatIsNeverAwaited) {
  EXPECT_EQ(0, run_main([this]() -> Task<int> {
              auto unused = keep(pool, Token(), Token());
              co_return 0;
            }));
}

TEST_F(Shapes, ExceptionThroughAnAwait) {
  EXPECT_EQ(7, run_main([]() -> Task<int> {
              Token kept;
              try {
                co_await fail(kept);
              } catch (const std::runtime_error&) {
                co_return 7;
              }
              co_return 0;
            }));
}

TEST_F(Shapes, ExceptionOutOfAPoolJob) {
  EXPECT_EQ(7, run_main([this]() -> Task<int> {
              Token kept;
              try {
                co_await pool.run([kept] { throw std::runtime_error(kept.text); });
              } catch (const std::runtime_error&) {
                co_return 7;
              }
              co_return 0;
            }));
}

TEST_F(Shapes, RangeForOverTemporariesWithAwaits) {
  EXPECT_EQ(whole * 3, run_main([this]() -> Task<int> {
              int sum = 0;
              for (const Token& token : std::vector<Token>(3)) {
                sum += co_await pool.run([token] { return length(token); });
              }
              co_return sum;
            }));
}

TEST_F(Shapes, MillionAwaitsThatDoNotSuspend) {
  EXPECT_EQ(1'000'000, run_main([]() -> Task<int> {
              int sum = 0;
              for (int i = 0; i < 1'000'000; ++i) {
                if (co_await yes()) ++sum;
              }
              co_return sum;
            }));
}

}  // namespace
}  // namespace brigade
