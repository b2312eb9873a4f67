#include "http/chain.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/counted.hpp"
#include "support/fake_loop.hpp"
#include "support/gate.hpp"

namespace brigade::http {
namespace {

using testing_support::FakeLoop;
using testing_support::Gate;

class ChainTest : public testing_support::NothingLeft {
 protected:
  // The three kinds of layers, each noting when it is passed.
  Middleware around(const std::string& name) {
    return [this, name](Request&, Next next) -> Task<Response> {
      note(name + ">");
      Response response = co_await next();
      note("<" + name);
      co_return response;
    };
  }
  Middleware before(const std::string& name) {
    return [this, name](Request&) -> std::optional<Response> {
      note(name + ">");
      return std::nullopt;
    };
  }
  Middleware after(const std::string& name) {
    return [this, name](Request&, Response&) { note("<" + name); };
  }
  Middleware answering(const std::string& name) {
    return [this, name](Request&) -> std::optional<Response> {
      note(name + "!");
      return text(name);
    };
  }
  Handler plain() {
    return [this](Request&) {
      note("handler");
      return text("plain");
    };
  }
  Handler async() {
    return [this](Request&) -> Task<Response> {
      note("handler");
      co_return text("async");
    };
  }
  void note(const std::string& what) { passed += passed.empty() ? what : " " + what; }

  // The body of the answer; what was passed is in `passed`.
  std::string run(const Handler& handler) {
    passed.clear();
    const Chain chain(middleware, handler);
    return fake.loop.run(chain.run(request)).body();
  }
  std::string answer(const Handler& handler) {
    passed.clear();
    const Chain chain(middleware, handler);
    return chain.answer(request).body();
  }

  FakeLoop fake;
  Request request;
  std::vector<Middleware> middleware;
  std::string passed;
};

TEST_F(ChainTest, WithoutMiddlewareIsTheHandler) {
  EXPECT_EQ(answer(plain()), "plain");
  EXPECT_EQ(run(plain()), "plain");
  EXPECT_EQ(run(async()), "async");
}

TEST_F(ChainTest, PassesItsLayersLikeAnOnion) {
  middleware = {around("a"), around("b"), around("c")};
  EXPECT_EQ(run(async()), "async");
  EXPECT_EQ(passed, "a> b> c> handler <c <b <a");
}

TEST_F(ChainTest, PutsPlainLayersInTheSameOrder) {
  middleware = {before("a"), after("b"), before("c"), after("d")};
  EXPECT_EQ(answer(plain()), "plain");
  EXPECT_EQ(passed, "a> c> handler <d <b");
}

TEST_F(ChainTest, MixesAllKindsOfLayers) {
  middleware = {after("a"), around("b"), before("c"), after("d")};
  EXPECT_EQ(run(plain()), "plain");
  EXPECT_EQ(passed, "b> c> handler <d <b <a");
}

TEST_F(ChainTest, RunsPlainLayersAlikeWithAndWithoutFrames) {
  middleware = {after("a"), before("b"), after("c"), before("d"), after("e")};
  answer(plain());
  const std::string expected = passed;
  run(plain());
  EXPECT_EQ(passed, expected);
}

TEST_F(ChainTest, EndsAtALayerThatAnswers) {
  middleware = {before("a"), answering("b"), before("c")};
  EXPECT_EQ(answer(plain()), "b");
  EXPECT_EQ(passed, "a> b!");
  EXPECT_EQ(run(plain()), "b");
  EXPECT_EQ(passed, "a> b!");
}

TEST_F(ChainTest, StillRunsTheLayersAroundOneThatAnswered) {
  middleware = {after("outer"), answering("b"), after("inner")};
  EXPECT_EQ(answer(plain()), "b");
  EXPECT_EQ(passed, "b! <outer");
  EXPECT_EQ(run(async()), "b");
  EXPECT_EQ(passed, "b! <outer");
}

TEST_F(ChainTest, LetsALayerAnswerWithoutTheRest) {
  middleware = {around("a"), [](Request&, Next) -> Task<Response> { co_return text("mine"); },
                around("c")};
  EXPECT_EQ(run(plain()), "mine");
  EXPECT_EQ(passed, "a> <a");
}

TEST_F(ChainTest, LetsALayerChangeTheAnswer) {
  middleware = {[](Request&, Response& response) { response.body(response.body() + "+after"); },
                [](Request&, Next next) -> Task<Response> {
                  Response response = co_await next();
                  response.body(response.body() + "+around");
                  co_return response;
                }};
  EXPECT_EQ(run(plain()), "plain+around+after");
}

TEST_F(ChainTest, LetsAnExceptionPassThroughItsLayers) {
  middleware = {around("a"), after("b")};
  const Handler throwing = [](Request&) -> Response { throw std::runtime_error("broken"); };
  EXPECT_THROW(run(throwing), std::runtime_error);
  EXPECT_EQ(passed, "a>");
}

TEST_F(ChainTest, LetsAnExceptionOfAPlainChainPass) {
  middleware = {before("a"), after("b")};
  const Handler throwing = [](Request&) -> Response { throw 42; };
  EXPECT_THROW(answer(throwing), int);
  EXPECT_EQ(passed, "a>");
}

TEST_F(ChainTest, ShowsItsLayersTheAnswerToAnError) {
  const ErrorHandler errors = [](Request&, std::exception_ptr) { return text("sorry"); };
  middleware = {around("a"), after("b"), before("c")};
  const Handler throwing = [](Request&) -> Task<Response> {
    throw 42;
    co_return text("never");
  };
  EXPECT_EQ(fake.loop.run(Chain(middleware, throwing, &errors).run(request)).body(), "sorry");
  EXPECT_EQ(passed, "a> c> <b <a");
}

TEST_F(ChainTest, ShowsPlainLayersTheAnswerToAnError) {
  const ErrorHandler errors = [](Request&, std::exception_ptr) { return text("sorry"); };
  middleware = {after("a"), [](Request&) -> std::optional<Response> { throw 42; }};
  const Handler handler = plain();
  EXPECT_EQ(Chain(middleware, handler, &errors).answer(request).body(), "sorry");
  EXPECT_EQ(passed, "<a");
}

TEST_F(ChainTest, LetsCancelledPassItsLayers) {
  const ErrorHandler errors = [](Request&, std::exception_ptr) { return text("sorry"); };
  middleware = {around("a")};
  const Handler cancelled = [](Request&) -> Task<Response> {
    throw Cancelled(CancelReason::client_gone);
    co_return text("never");
  };
  EXPECT_THROW(fake.loop.run(Chain(middleware, cancelled, &errors).run(request)), Cancelled);
}

TEST_F(ChainTest, RefusesToRunTheRestTwice) {
  middleware = {[](Request&, Next next) -> Task<Response> {
    Response first = co_await next();
    Response second = co_await next();
    co_return second;
  }};
  EXPECT_THROW(run(plain()), std::logic_error);
}

TEST_F(ChainTest, LetsALayerCatchWhatTheHandlerThrew) {
  middleware = {[](Request&, Next next) -> Task<Response> {
    try {
      Response response = co_await next();
      co_return response;
    } catch (const std::runtime_error& caught) {
      co_return text(caught.what());
    }
  }};
  EXPECT_EQ(run([](Request&) -> Task<Response> {
              throw std::runtime_error("broken");
              co_return text("never");
            }),
            "broken");
}

TEST_F(ChainTest, LetsAnExceptionOfALayerPassTheOuterOnes) {
  middleware = {around("a"), [](Request&) -> std::optional<Response> { throw 42; }};
  EXPECT_THROW(run(plain()), int);
}

TEST_F(ChainTest, IsPlainWhenNothingInItIsACoroutine) {
  const Handler handler = plain();
  EXPECT_TRUE(Chain(middleware, handler).is_plain());
  middleware = {before("a"), after("b")};
  EXPECT_TRUE(Chain(middleware, handler).is_plain());
}

TEST_F(ChainTest, IsNotPlainWithACoroutineInIt) {
  const Handler coroutine = async();
  EXPECT_FALSE(Chain(middleware, coroutine).is_plain());
  middleware = {before("a"), around("b")};
  const Handler handler = plain();
  EXPECT_FALSE(Chain(middleware, handler).is_plain());
}

TEST_F(ChainTest, CostsNoFrameWhenItIsPlain) {
  long frames = -1;
  middleware = {before("a"), after("b")};
  answer([&](Request&) {
    frames = brigade::detail::live_frames();
    return text("x");
  });
  EXPECT_EQ(frames, 0);
}

TEST_F(ChainTest, CostsOneFrameForALonelyCoroutine) {
  long frames = -1;
  run([&](Request&) -> Task<Response> {
    frames = brigade::detail::live_frames();
    co_return text("x");
  });
  EXPECT_EQ(frames, 1);
}

TEST_F(ChainTest, GoesOnThroughItsLayersAfterTheHandlerHasWaited) {
  Gate gate;
  const std::string word = "a text that is too long for the small string buffer";
  middleware = {[word](Request&, Next next) -> Task<Response> {
    Response response = co_await next();
    response.body(response.body() + word);
    co_return response;
  }};
  fake.loop.post([&gate] { gate.open(); });
  EXPECT_EQ(run([&gate, word](Request&) -> Task<Response> {
              co_await gate.passage();
              co_return text(word);
            }),
            word + word);
}

TEST_F(ChainTest, IsLeftCleanWhenItIsDestroyedWhileItWaits) {
  Gate gate;
  middleware = {around("a"), after("b"), around("c")};
  const Handler handler = [&gate](Request&) -> Task<Response> {
    testing_support::Counted counted;
    co_await gate.passage();
    co_return text("never");
  };
  {
    const Chain chain(middleware, handler);
    brigade::detail::TaskScope scope("request", nullptr);
    Task<Response> task = chain.run(request);
    EXPECT_FALSE(task.start(nullptr, &scope));
  }
  EXPECT_EQ(passed, "a> c>");
}

}  // namespace
}  // namespace brigade::http
