#include <gtest/gtest.h>
#include <brigade/list.hpp>

#include <memory>
#include <vector>

namespace brigade::detail {
namespace {

struct Item : ListNode {
  explicit Item(int value) : name(value) {}
  int name;
};

std::vector<int> names(List<Item>& list) {
  std::vector<int> out;
  list.for_each([&](Item& item) { out.push_back(item.name); });
  return out;
}

TEST(List, KeepsTheOrderOfPushing) {
  List<Item> list;
  EXPECT_TRUE(list.empty());
  Item one(1);
  Item two(2);
  list.push_back(one);
  list.push_back(two);
  EXPECT_EQ(names(list), (std::vector<int>{1, 2}));
  EXPECT_EQ(list.pop_front(), &one);
  EXPECT_FALSE(one.linked());
  EXPECT_EQ(&list.front(), &two);
}

TEST(List, PopOfNothingIsNull) {
  List<Item> list;
  EXPECT_EQ(list.pop_front(), nullptr);
}

TEST(List, ItemThatDiesUnlinksItself) {
  List<Item> list;
  Item one(1);
  auto two = std::make_unique<Item>(2);
  Item three(3);
  for (Item* each : {&one, two.get(), &three}) list.push_back(*each);
  two.reset();
  EXPECT_EQ(names(list), (std::vector<int>{1, 3}));
}

TEST(List, ThatDiesUnlinksItsItems) {
  Item one(1);
  {
    List<Item> list;
    list.push_back(one);
    EXPECT_TRUE(one.linked());
  }
  EXPECT_FALSE(one.linked());
}

TEST(List, TakeMovesAllToTheEnd) {
  List<Item> to;
  List<Item> from;
  Item one(1);
  Item two(2);
  Item three(3);
  to.push_back(one);
  from.push_back(two);
  from.push_back(three);
  to.take(from);
  EXPECT_TRUE(from.empty());
  EXPECT_EQ(names(to), (std::vector<int>{1, 2, 3}));
  to.take(from);  // of nothing
  EXPECT_EQ(names(to), (std::vector<int>{1, 2, 3}));
}

TEST(List, VisitorMayUnlinkWhatItVisits) {
  List<Item> list;
  Item one(1);
  Item two(2);
  Item three(3);
  for (Item* each : {&one, &two, &three}) list.push_back(*each);
  list.for_each([](Item& item) {
    if (item.name != 2) static_cast<ListNode&>(item).unlink();
  });
  EXPECT_EQ(names(list), std::vector<int>{2});
}

}  // namespace
}  // namespace brigade::detail
