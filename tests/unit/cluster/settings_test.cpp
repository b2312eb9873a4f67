#include <brigade/cluster_settings.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "cluster/programs.hpp"
#include "self_spawn.hpp"

namespace brigade::cluster {
namespace {

TEST(WorkerSettings, KeepWhatALaterChangeDoesNotName) {
  WorkerSettings settings{.arguments = {{"program", "-v"}}, .directory = "/srv"};
  settings.overlay({.directory = "/tmp", .output = Output::pipe});
  EXPECT_EQ(settings.arguments, (std::vector<std::string>{"program", "-v"}));
  EXPECT_EQ(settings.directory, "/tmp");
  EXPECT_EQ(settings.output, Output::pipe);
  EXPECT_FALSE(settings.program);
}

class ProgramsTest : public testing::Test {
 protected:
  ProgramsTest() {
    char path[] = "/tmp/brigade-programs-XXXXXX";
    folder = ::mkdtemp(path);
  }
  ~ProgramsTest() override { std::filesystem::remove_all(folder); }
  std::string deploy(const char* contents, mode_t mode = 0755) {
    const std::string path = folder + "/program";
    std::filesystem::remove(path);
    const Fd file(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, mode));
    detail::test::write_all(file.get(), contents);
    return path;
  }
  static ino_t file_of(int fd) {
    struct stat facts {};
    ::fstat(fd, &facts);
    return facts.st_ino;
  }
  std::string folder;
  detail::Programs programs;
};

TEST_F(ProgramsTest, StayTheSameForAGenerationWhateverIsDeployed) {
  const std::string path = deploy("old");
  const ino_t old = file_of(programs.get(1, path).value());
  deploy("new");
  EXPECT_EQ(file_of(programs.get(1, path).value()), old);
  EXPECT_NE(file_of(programs.get(2, path).value()), old);
}

TEST_F(ProgramsTest, AreThisOneWhereNoPathIsGiven) {
  struct stat own {};
  ::stat("/proc/self/exe", &own);
  EXPECT_EQ(file_of(programs.get(1, "").value()), own.st_ino);
  EXPECT_EQ(file_of(programs.get(2, "").value()), own.st_ino);
}

TEST_F(ProgramsTest, SayWhichFileCannotBeExecuted) {
  const std::string path = deploy("text", 0644);
  const auto refused = programs.get(1, path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), path + ": Permission denied");
  EXPECT_EQ(programs.get(1, folder + "/none").error().code(), ENOENT);
}

TEST_F(ProgramsTest, AreClosedWithTheirGeneration) {
  const std::string path = deploy("text");
  const int fd = programs.get(1, path).value();
  programs.keep_only([](std::uint64_t generation) { return generation != 1; });
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
}

}  // namespace
}  // namespace brigade::cluster
