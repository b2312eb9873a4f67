#include "cluster/unix_socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace brigade::cluster::detail {
namespace {

class UnixSocketTest : public testing::Test {
 protected:
  UnixSocketTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "brigade-unix-XXXXXX";
    folder = ::mkdtemp(pattern.data());
    path = folder / "app.sock";
  }
  ~UnixSocketTest() override { std::filesystem::remove_all(folder); }

  bool accepts() const {
    const Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return ::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  // As a program leaves it that was killed.
  void leave_stale_file() {
    auto socket = listen_on_path(path, 0, 16).value();
    socket.file.release();
  }
  unsigned mode() const {
    struct stat facts {};
    ::stat(path.c_str(), &facts);
    return facts.st_mode & 0777U;
  }

  std::filesystem::path folder;
  std::string path;
};

TEST_F(UnixSocketTest, TakesConnections) {
  const auto socket = listen_on_path(path, 0, 16).value();
  EXPECT_TRUE(accepts());
}

TEST_F(UnixSocketTest, RemovesItsFileWhenItGoes) {
  { const auto socket = listen_on_path(path, 0, 16).value(); }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(UnixSocketTest, LeavesAFileThatAnotherHasMadeInItsPlace) {
  auto first = listen_on_path(path, 0, 16).value();
  std::filesystem::remove(path);
  const auto second = listen_on_path(path, 0, 16).value();
  first.file.remove();
  EXPECT_TRUE(accepts());
}

TEST_F(UnixSocketTest, LeavesItsFileWhenItIsReleased) {
  leave_stale_file();
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(UnixSocketTest, ReplacesAFileThatNobodyListensAt) {
  leave_stale_file();
  ASSERT_FALSE(accepts());
  const auto socket = listen_on_path(path, 0, 16);
  ASSERT_TRUE(socket) << socket.error().message();
  EXPECT_TRUE(accepts());
}

TEST_F(UnixSocketTest, RefusesToTakeThePathOfALivingSocket) {
  const auto first = listen_on_path(path, 0, 16).value();
  const auto second = listen_on_path(path, 0, 16);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), EADDRINUSE);
  EXPECT_TRUE(accepts());
}

TEST_F(UnixSocketTest, TakesASocketWhoseQueueIsFullForALivingOne) {
  const auto first = listen_on_path(path, 0, 0).value();
  ASSERT_TRUE(accepts());  // it stays in the queue, and fills it
  const auto second = listen_on_path(path, 0, 16);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), EADDRINUSE);
}

TEST_F(UnixSocketTest, NeverRemovesAFileThatIsNoSocket) {
  std::ofstream(path) << "precious";
  const auto socket = listen_on_path(path, 0, 16);
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code(), EADDRINUSE);
  EXPECT_NE(socket.error().message().find("no socket"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(path), 8U);
}

TEST_F(UnixSocketTest, GetsTheRightsItWasTold) {
  const mode_t before = ::umask(0022);
  const auto socket = listen_on_path(path, 0660, 16).value();
  ::umask(before);
  EXPECT_EQ(mode(), 0660U);
}

TEST_F(UnixSocketTest, LeavesItsRightsToUmaskOtherwise) {
  const mode_t before = ::umask(0077);
  const auto socket = listen_on_path(path, 0, 16).value();
  ::umask(before);
  EXPECT_EQ(mode(), 0700U);
}

TEST_F(UnixSocketTest, SaysHowLongAPathMayBe) {
  const auto socket = listen_on_path("/" + std::string(150, 'x'), 0, 16);
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code(), ENAMETOOLONG);
  EXPECT_NE(socket.error().message().find("151 bytes, the kernel takes 107"), std::string::npos)
      << socket.error().message();
}

TEST_F(UnixSocketTest, MayHaveALongPathThatIsShortFromWhereWeAre) {
  const auto deep = folder / std::string(120, 'd');
  std::filesystem::create_directory(deep);
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(deep);
  {
    const auto socket = listen_on_path(deep / "s", 0, 16);
    EXPECT_TRUE(socket.ok());
    EXPECT_TRUE(std::filesystem::exists(deep / "s"));
  }
  EXPECT_FALSE(std::filesystem::exists(deep / "s"));
  std::filesystem::current_path(before);
}

TEST_F(UnixSocketTest, SaysThatThereIsNoSuchFolder) {
  const auto socket = listen_on_path(folder / "nowhere" / "s", 0, 16);
  ASSERT_FALSE(socket);
  EXPECT_NE(socket.error().message().find("there is no folder"), std::string::npos);
}

}  // namespace
}  // namespace brigade::cluster::detail
