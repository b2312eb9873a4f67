#include "http/route_tree.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace brigade::http {
namespace {

using Outcome = Match::Outcome;

// Routes of GET, numbered from 0.
RouteTree tree_of(std::initializer_list<std::string_view> patterns) {
  RouteTree tree;
  std::uint32_t next = 0;
  for (std::string_view pattern : patterns) tree.add(Method::get, pattern, next++).value();
  return tree;
}

// "3 id=42 path=a/b", "404", or "405".
std::string find(const RouteTree& tree, std::string_view path, Method method = Method::get) {
  Match match;
  tree.match(method, path, match);
  if (match.outcome() == Outcome::not_found) return "404";
  if (match.outcome() == Outcome::method_not_allowed) return "405";
  std::string out = fmt::format("{}", match.handler());
  for (std::size_t i = 0; i < match.param_count(); ++i) {
    out += fmt::format(" {}={}", match.param(i).name, match.param(i).value);
  }
  return out;
}

MethodSet allowed(const RouteTree& tree, std::string_view path, Method method) {
  Match match;
  tree.match(method, path, match);
  EXPECT_EQ(match.outcome(), Outcome::method_not_allowed);
  return match.allowed();
}

std::string refusal(std::string_view pattern) {
  RouteTree tree;
  const Result<void> added = tree.add(Method::get, pattern, 0);
  return added ? "" : added.error().message();
}

std::string join(std::string_view part, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += fmt::format(fmt::runtime(part), i);
  return out;
}

TEST(RouteTree, MatchesStaticPathsExactly) {
  const RouteTree tree = tree_of({"/", "/users", "/users/all/active"});
  EXPECT_EQ(find(tree, "/"), "0");
  EXPECT_EQ(find(tree, "/users"), "1");
  EXPECT_EQ(find(tree, "/users/all/active"), "2");
  EXPECT_EQ(find(tree, "/users/all"), "404");
  EXPECT_EQ(find(tree, "/user"), "404");
  EXPECT_EQ(find(tree, "/Users"), "404");
}

TEST(RouteTree, FindsNothingInAnEmptyTree) {
  EXPECT_EQ(find(RouteTree(), "/"), "404");
  EXPECT_EQ(find(RouteTree(), ""), "404");
}

TEST(RouteTree, TakesTheTrailingSlashSeriously) {
  const RouteTree tree = tree_of({"/users", "/posts/"});
  EXPECT_EQ(find(tree, "/users/"), "404");
  EXPECT_EQ(find(tree, "/posts"), "404");
  EXPECT_EQ(find(tree, "/posts/"), "1");
}

TEST(RouteTree, NeverMatchesTargetsThatAreNotPaths) {
  const RouteTree tree = tree_of({"/*rest", "/:one"});
  for (std::string_view target : {"", "*", "example.org:443", "x/"}) {
    EXPECT_EQ(find(tree, target), "404") << target;
  }
}

TEST(RouteTree, BindsParametersInOrderAndByName) {
  const RouteTree tree = tree_of({"/users/:id/posts/:post_id"});
  EXPECT_EQ(find(tree, "/users/42/posts/7"), "0 id=42 post_id=7");
  Match match;
  tree.match(Method::get, "/users/42/posts/7", match);
  EXPECT_EQ(match.param("post_id"), "7");
  EXPECT_EQ(match.param("nobody"), std::nullopt);
  EXPECT_EQ(match.pattern(), "/users/:id/posts/:post_id");
}

TEST(RouteTree, BindsNoEmptyParameter) {
  const RouteTree tree = tree_of({"/users/:id", "/:a/x"});
  EXPECT_EQ(find(tree, "/users/"), "404");
  EXPECT_EQ(find(tree, "//x"), "404");
}

TEST(RouteTree, GivesTheWildcardTheRestPossiblyEmpty) {
  const RouteTree tree = tree_of({"/files/*path"});
  EXPECT_EQ(find(tree, "/files/a/b.txt"), "0 path=a/b.txt");
  EXPECT_EQ(find(tree, "/files/"), "0 path=");
  EXPECT_EQ(find(tree, "/files//"), "0 path=/");
  EXPECT_EQ(find(tree, "/files"), "404");
}

TEST(RouteTree, PrefersStaticToParameterToWildcard) {
  const RouteTree tree = tree_of({"/users/*rest", "/users/:id", "/users/me"});
  EXPECT_EQ(find(tree, "/users/me"), "2");
  EXPECT_EQ(find(tree, "/users/42"), "1 id=42");
  EXPECT_EQ(find(tree, "/users/42/x"), "0 rest=42/x");
}

TEST(RouteTree, TakesBackAChoiceThatLeadsNowhere) {
  const RouteTree tree = tree_of({"/a/b/c", "/a/:x/d", "/:y/b/e", "/*all"});
  EXPECT_EQ(find(tree, "/a/b/c"), "0");
  EXPECT_EQ(find(tree, "/a/b/d"), "1 x=b");
  EXPECT_EQ(find(tree, "/a/b/e"), "2 y=a");
  EXPECT_EQ(find(tree, "/a/b/f"), "3 all=a/b/f");
}

TEST(RouteTree, TakesBackAChoiceThatLacksTheMethod) {
  RouteTree tree = tree_of({"/users/:id"});
  tree.add(Method::post, "/users/me", 1).value();
  EXPECT_EQ(find(tree, "/users/me"), "0 id=me");
  EXPECT_EQ(find(tree, "/users/me", Method::post), "1");
}

TEST(RouteTree, KeepsTheParameterNamesOfEachRouteApart) {
  RouteTree tree = tree_of({"/users/:id", "/users/:name/posts"});
  tree.add(Method::put, "/users/:who", 2).value();
  EXPECT_EQ(find(tree, "/users/1"), "0 id=1");
  EXPECT_EQ(find(tree, "/users/1/posts"), "1 name=1");
  EXPECT_EQ(find(tree, "/users/1", Method::put), "2 who=1");
}

TEST(RouteTree, AnswersHeadWithTheHandlerOfGet) {
  RouteTree tree = tree_of({"/a", "/b/:id"});
  tree.add(Method::head, "/b/:id", 2).value();
  EXPECT_EQ(find(tree, "/a", Method::head), "0");
  EXPECT_EQ(find(tree, "/b/1", Method::head), "2 id=1");
  EXPECT_EQ(find(tree, "/b/1", Method::get), "1 id=1");
}

TEST(RouteTree, ReportsTheMethodsThatAPathAnswers) {
  RouteTree tree = tree_of({"/users"});
  tree.add(Method::post, "/users", 1).value();
  tree.add(Method::options, "/other", 2).value();
  const int users = method_bit(Method::get) | method_bit(Method::head) | method_bit(Method::post);
  EXPECT_EQ(allowed(tree, "/users", Method::delete_), users);
  EXPECT_EQ(allowed(tree, "/users", Method::options), users);
  EXPECT_EQ(allowed(tree, "/other", Method::get), method_bit(Method::options));
}

TEST(RouteTree, UnitesTheMethodsOfEveryRouteThatFitsThePath) {
  RouteTree tree;
  tree.add(Method::put, "/users/me", 0).value();
  tree.add(Method::delete_, "/users/:id", 1).value();
  tree.add(Method::patch, "/*rest", 2).value();
  tree.add(Method::trace, "/users/:id/x", 3).value();
  EXPECT_EQ(allowed(tree, "/users/me", Method::get),
            method_bit(Method::put) | method_bit(Method::delete_) | method_bit(Method::patch));
}

TEST(RouteTree, LeavesNothingOfAnEarlierMatchBehind) {
  RouteTree tree = tree_of({"/users/:id"});
  tree.add(Method::post, "/posts", 1).value();
  Match match;
  tree.match(Method::get, "/users/1", match);
  tree.match(Method::get, "/posts", match);
  EXPECT_EQ(match.outcome(), Outcome::method_not_allowed);
  EXPECT_EQ(match.param_count(), 0U);
  EXPECT_EQ(match.pattern(), "");
  tree.match(Method::get, "/nowhere", match);
  EXPECT_EQ(match.outcome(), Outcome::not_found);
  EXPECT_EQ(match.allowed(), 0);
}

TEST(RouteTree, DecodesASegmentToCompareIt) {
  const RouteTree tree = tree_of({"/caf%C3%A9/menu", "/na\xc3\xafve", "/a/:id"});
  EXPECT_EQ(find(tree, "/caf%C3%A9/menu"), "0");
  EXPECT_EQ(find(tree, "/caf%c3%a9/men%75"), "0");
  EXPECT_EQ(find(tree, "/caf\xc3\xa9/menu"), "0");
  EXPECT_EQ(find(tree, "/na%C3%AFve"), "1");
  EXPECT_EQ(find(tree, "/%61/1"), "2 id=1");
}

TEST(RouteTree, NeverSplitsASegmentAtAnEscapedSlash) {
  const RouteTree tree = tree_of({"/a/b", "/x%2Fy", "/get/:name"});
  EXPECT_EQ(find(tree, "/a%2Fb"), "404");
  EXPECT_EQ(find(tree, "/x%2Fy"), "1");
  EXPECT_EQ(find(tree, "/x%2fy"), "1");
  EXPECT_EQ(find(tree, "/x/y"), "404");
  EXPECT_EQ(find(tree, "/get/a%2Fb"), "2 name=a%2Fb");
}

TEST(RouteTree, TakesABadEscapeForNoStaticSegment) {
  const RouteTree tree = tree_of({"/100%25", "/p/:raw"});
  EXPECT_EQ(find(tree, "/100%25"), "0");
  EXPECT_EQ(find(tree, "/100%"), "404");
  EXPECT_EQ(find(tree, "/p/%zz"), "1 raw=%zz");
}

TEST(RouteTree, TellsAStaticPathFromOneWithTheSameDecodedText) {
  const RouteTree tree = tree_of({"/a%2Fb", "/a/b"});
  EXPECT_EQ(find(tree, "/a%2Fb"), "0");
  EXPECT_EQ(find(tree, "/a/b"), "1");
}

TEST(RouteTree, TakesAnEscapedColonOrStarLiterally) {
  const RouteTree tree = tree_of({"/%3Aid", "/%2A", "/v1/jobs:run"});
  EXPECT_EQ(find(tree, "/:id"), "0");
  EXPECT_EQ(find(tree, "/*"), "1");
  EXPECT_EQ(find(tree, "/v1/jobs:run"), "2");
  EXPECT_EQ(find(tree, "/x"), "404");
}

TEST(RouteTree, RefusesPatternsThatMeanNothing) {
  EXPECT_EQ(refusal("users"), "route \"users\": must begin with '/'");
  EXPECT_EQ(refusal(""), "route \"\": must begin with '/'");
  EXPECT_EQ(refusal("/users/:"), "route \"/users/:\": a name must follow ':'");
  EXPECT_EQ(refusal("/users/*"), "route \"/users/*\": a name must follow '*'");
  EXPECT_EQ(refusal("/:id/x/:id"), "route \"/:id/x/:id\": two parameters are called \"id\"");
  EXPECT_EQ(refusal("/:id/*id"), "route \"/:id/*id\": two parameters are called \"id\"");
  EXPECT_EQ(refusal("/*all/x"),
            "route \"/*all/x\": the wildcard \"*all\" must be the last segment");
  EXPECT_EQ(refusal("/*all/"), "route \"/*all/\": the wildcard \"*all\" must be the last segment");
  EXPECT_EQ(refusal("/a%zz"), "route \"/a%zz\": bad percent escape");
}

TEST(RouteTree, RefusesPatternsThatCouldNeverMatch) {
  for (std::string_view pattern :
       {"/a?b=1", "/a#b", "/a b", "/a\n", "/a*", "/:id.json", "/:a-:b"}) {
    EXPECT_NE(refusal(pattern), "") << pattern;
  }
}

TEST(RouteTree, RefusesTheSameRouteTwiceWhateverTheNames) {
  RouteTree tree = tree_of({"/users/:id", "/files/*path", "/caf%C3%A9"});
  const Result<void> again = tree.add(Method::get, "/users/:name", 9);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message(),
            "route \"/users/:name\": already added for this method, as \"/users/:id\"");
  EXPECT_FALSE(tree.add(Method::get, "/files/*rest", 9));
  EXPECT_FALSE(tree.add(Method::get, "/caf\xc3\xa9", 9));
  EXPECT_EQ(find(tree, "/users/1"), "0 id=1");
}

TEST(RouteTree, TakesSixteenParametersAndNoMore) {
  const std::string most = join("/:p{}", 16);
  EXPECT_EQ(refusal(most), "");
  EXPECT_NE(refusal(most + "/*rest"), "");
  const RouteTree tree = tree_of({most});
  Match match;
  const std::string path = join("/{}", 16);
  tree.match(Method::get, path, match);
  ASSERT_EQ(match.param_count(), 16U);
  EXPECT_EQ(match.param("p15"), "15");
}

TEST(RouteTree, SurvivesPathsOfAnyDepth) {
  const RouteTree tree = tree_of({"/:a/:b/x", "/y"});
  EXPECT_EQ(find(tree, join("/{}", 20000)), "404");
  EXPECT_EQ(find(tree, std::string(20000, '/')), "404");
}

TEST(RouteTree, KeepsMatchesValidWhileRoutesAreAdded) {
  RouteTree tree = tree_of({"/:id"});
  Match match;
  tree.match(Method::get, "/7", match);
  for (std::uint32_t i = 1; i < 1000; ++i)
    tree.add(Method::get, fmt::format("/x/{}", i), i).value();
  EXPECT_EQ(match.pattern(), "/:id");
  EXPECT_EQ(match.param("id"), "7");
}

// Five kinds of route for each of 1,000 resources, numbered in order.
RouteTree large_tree() {
  RouteTree tree;
  std::uint32_t next = 0;
  for (int i = 0; i < 1000; ++i) {
    for (std::string_view pattern : {"/api/r{}", "/api/r{}/:id", "/api/r{}/:id/edit",
                                     "/api/r{}/files/*path", "/api/r{}/summary/today"}) {
      tree.add(Method::get, fmt::format(fmt::runtime(pattern), i), next++).value();
    }
  }
  return tree;
}

TEST(RouteTree, MatchesEachOfFiveThousandRoutes) {
  const RouteTree tree = large_tree();
  for (int i = 0; i < 1000; ++i) {
    const std::string base = fmt::format("/api/r{}", i);
    ASSERT_EQ(find(tree, base), fmt::format("{}", 5 * i));
    ASSERT_EQ(find(tree, base + "/42"), fmt::format("{} id=42", 5 * i + 1));
    ASSERT_EQ(find(tree, base + "/42/edit"), fmt::format("{} id=42", 5 * i + 2));
    ASSERT_EQ(find(tree, base + "/files/a/b"), fmt::format("{} path=a/b", 5 * i + 3));
    ASSERT_EQ(find(tree, base + "/summary/today"), fmt::format("{}", 5 * i + 4));
    ASSERT_EQ(find(tree, base + "/42/nothing"), "404");
  }
}

TEST(RouteTree, FindsASegmentInAFewProbesAmongFiveThousandRoutes) {
  EXPECT_LE(large_tree().longest_probe(), 24U);
  EXPECT_LE(tree_of({"/a", "/b", "/c", "/d/:id", "/e/*path"}).longest_probe(), 8U);
}

TEST(HashIndex, KeepsNumbersOfEqualHashesApart) {
  HashIndex index;
  for (std::uint32_t i = 0; i < 100; ++i) index.insert(i % 3, i);
  for (std::uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(index.find(i % 3, [&](std::uint32_t number) { return number == i; }), i);
  }
  EXPECT_EQ(index.find(1, [](std::uint32_t) { return false; }), HashIndex::none);
}

}  // namespace
}  // namespace brigade::http
