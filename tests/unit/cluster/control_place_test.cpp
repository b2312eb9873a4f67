#include "cluster/control_place.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

namespace brigade::cluster::detail {
namespace {

namespace fs = std::filesystem;

class ControlPlaceTest : public testing::Test {
 protected:
  ControlPlaceTest() {
    std::string pattern = fs::temp_directory_path() / "brigade-test-XXXXXX";
    root = ::mkdtemp(pattern.data());
    directory = root + "/brigade";
  }
  ~ControlPlaceTest() override {
    std::error_code ignored;
    fs::remove_all(root, ignored);
  }
  std::string why_not(const std::string& path) const {
    const auto opened = open_control_directory(path);
    return opened.ok() ? "none" : opened.error().message();
  }
  static mode_t mode(const std::string& path) {
    struct stat facts {};
    EXPECT_EQ(::lstat(path.c_str(), &facts), 0) << path;
    return facts.st_mode & 07777;
  }
  static bool answers(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  // As a process that was killed leaves it.
  static void leave(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    std::ofstream(path + ".lock");
  }

  std::string root, directory;
};

TEST_F(ControlPlaceTest, ADirectoryIsMadeForItsOwnerAlone) {
  const mode_t before = ::umask(0);
  EXPECT_EQ(why_not(directory), "none");
  ::umask(before);
  EXPECT_EQ(mode(directory), 0700U);
  EXPECT_EQ(why_not(directory), "none");  // and used when it is there
}

TEST_F(ControlPlaceTest, ADirectoryThatIsOpenToOthersIsRefused) {
  fs::create_directory(directory);
  for (const mode_t open : {0750U, 0701U, 0777U}) {
    ::chmod(directory.c_str(), open);
    EXPECT_EQ(why_not(directory), directory + " is open to other users: chmod 700 it");
  }
}

TEST_F(ControlPlaceTest, ASymbolicLinkIsRefused) {
  fs::create_directory(root + "/elsewhere");
  ::chmod((root + "/elsewhere").c_str(), 0700);
  fs::create_directory_symlink(root + "/elsewhere", directory);
  EXPECT_EQ(why_not(directory), directory + " is no directory: remove it");
}

TEST_F(ControlPlaceTest, ADirectoryOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  fs::create_directory(directory);
  ::chmod(directory.c_str(), 0700);
  ASSERT_EQ(::chown(directory.c_str(), 65534, 65534), 0);
  EXPECT_EQ(why_not(directory), directory + " belongs to user 65534");
}

TEST_F(ControlPlaceTest, ADirectoryInOneThatOthersCanWriteIsRefused) {
  ::chmod(root.c_str(), 0777);
  EXPECT_EQ(why_not(directory), root + " can be written by other users");
  ::chmod(root.c_str(), 01777);  // as /tmp: nobody can rename what is another's
  EXPECT_EQ(why_not(directory), "none");
}

TEST_F(ControlPlaceTest, ASocketIsBornForItsOwnerAlone) {
  ASSERT_TRUE(open_control_directory(directory));
  const mode_t before = ::umask(0);
  auto place = ControlPlace::take(directory, "app");
  ::umask(before);
  ASSERT_TRUE(place) << place.error().message();
  EXPECT_EQ(place->path(), directory + "/app.sock");
  EXPECT_EQ(mode(place->path()), 0600U);
  EXPECT_TRUE(answers(place->path()));
}

TEST_F(ControlPlaceTest, NothingIsLeftOfIt) {
  ASSERT_TRUE(open_control_directory(directory));
  {
    auto place = ControlPlace::take(directory, "app");
    ASSERT_TRUE(place);
  }
  EXPECT_TRUE(fs::is_empty(directory));
}

TEST_F(ControlPlaceTest, ASecondInstanceAddsItsPid) {
  ASSERT_TRUE(open_control_directory(directory));
  auto first = ControlPlace::take(directory, "app");
  auto second = ControlPlace::take(directory, "app");
  ASSERT_TRUE(first && second);
  EXPECT_EQ(second->name(), fmt::format("app.{}", ::getpid()));
  EXPECT_TRUE(answers(first->path()));
  EXPECT_TRUE(answers(second->path()));
}

TEST_F(ControlPlaceTest, WhatAKilledInstanceLeftIsTakenOver) {
  ASSERT_TRUE(open_control_directory(directory));
  leave(directory + "/app.sock");
  auto place = ControlPlace::take(directory, "app");
  ASSERT_TRUE(place) << place.error().message();
  EXPECT_EQ(place->name(), "app");
  EXPECT_TRUE(answers(place->path()));
}

TEST_F(ControlPlaceTest, WhatKilledInstancesLeftUnderTheirPidsIsRemoved) {
  ASSERT_TRUE(open_control_directory(directory));
  leave(directory + "/app.123.sock");
  leave(directory + "/app.b.sock");
  auto place = ControlPlace::take(directory, "app");
  ASSERT_TRUE(place);
  EXPECT_FALSE(fs::exists(directory + "/app.123.sock"));
  EXPECT_FALSE(fs::exists(directory + "/app.123.sock.lock"));
  EXPECT_TRUE(fs::exists(directory + "/app.b.sock"));  // another app's
}

TEST_F(ControlPlaceTest, ASymbolicLinkInPlaceOfTheLockOrTheSocketIsRefused) {
  ASSERT_TRUE(open_control_directory(directory));
  const std::string target = root + "/precious";
  std::ofstream(target) << "data";
  fs::create_symlink(target, directory + "/app.sock.lock");
  EXPECT_FALSE(ControlPlace::take(directory, "app").ok());
  fs::remove(directory + "/app.sock.lock");
  fs::create_symlink(target, directory + "/app.sock");
  const auto place = ControlPlace::take(directory, "app");
  ASSERT_FALSE(place.ok());
  EXPECT_NE(place.error().message().find("is no socket: remove it"), std::string::npos);
  EXPECT_EQ(fs::file_size(target), 4U);
}

TEST_F(ControlPlaceTest, APipeInPlaceOfTheLockIsRefusedAndNotWaitedFor) {
  ASSERT_TRUE(open_control_directory(directory));
  ASSERT_EQ(::mkfifo((directory + "/app.sock.lock").c_str(), 0600), 0);
  EXPECT_FALSE(ControlPlace::take(directory, "app").ok());
}

TEST_F(ControlPlaceTest, APathThatIsTooLongIsToldWithWhatToDo) {
  const std::string deep = root + "/" + std::string(100, 'd');
  fs::create_directory(deep);
  ::chmod(deep.c_str(), 0700);
  const auto place = ControlPlace::take(deep, "app");
  ASSERT_FALSE(place.ok());
  EXPECT_NE(place.error().message().find("BRIGADE_CONTROL"), std::string::npos);
}

TEST_F(ControlPlaceTest, APathOfOnesOwnIsTakenByOneOnly) {
  const std::string path = root + "/mine.sock";
  auto first = ControlPlace::take_path(path);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->name(), "mine");
  EXPECT_EQ(mode(path), 0600U);
  const auto second = ControlPlace::take_path(path);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().message(), path + " is taken by another running program");
}

TEST_F(ControlPlaceTest, TheSocketOfAnotherProgramIsLeftAlone) {
  const std::string path = root + "/docker.sock";
  leave(path);
  fs::remove(path);
  fs::remove(path + ".lock");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  EXPECT_FALSE(ControlPlace::take_path(path).ok());
  EXPECT_TRUE(answers(path));
}

TEST(ControlName, IsAPlainFileName) {
  for (const char* good : {"a", "my-app_2.0", "HELLO"}) EXPECT_TRUE(is_control_name(good)) << good;
  for (const std::string& bad : {std::string(), std::string("a/b"), std::string(".."),
                                 std::string("-a"), std::string("a b"), std::string(65, 'x')}) {
    EXPECT_FALSE(is_control_name(bad)) << bad;
    EXPECT_TRUE(is_control_name(control_name_from(bad))) << bad;
  }
  EXPECT_EQ(control_name_from("hello"), "hello");
  EXPECT_EQ(control_name_from("a/b c"), "a_b_c");
}

TEST(ControlPeer, IsTheSameUserOrRoot) {
  EXPECT_TRUE(may_control(1000, 1000));
  EXPECT_TRUE(may_control(0, 1000));
  EXPECT_FALSE(may_control(1001, 1000));
  EXPECT_FALSE(may_control(1000, 0));
}

}  // namespace
}  // namespace brigade::cluster::detail
