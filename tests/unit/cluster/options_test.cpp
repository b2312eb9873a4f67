#include "cluster/options.hpp"

#include <gtest/gtest.h>
#include <brigade/system.hpp>

#include <cstdlib>
#include <string>
#include <vector>

namespace brigade::cluster::detail {
namespace {

class OptionsTest : public testing::Test {
 protected:
  OptionsTest() { clear(); }
  ~OptionsTest() override { clear(); }

  std::optional<int> read(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "app");
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const auto code = read_options(static_cast<int>(arguments.size()), pointers.data(), options);
    out = testing::internal::GetCapturedStdout();
    err = testing::internal::GetCapturedStderr();
    return code;
  }
  static void set(const char* name, const char* value) { ::setenv(name, value, 1); }

  RunOptions options;
  std::string out, err;

 private:
  static void clear() {
    for (const char* name : {"BRIGADE_WORKERS", "BRIGADE_PORT", "BRIGADE_HOST", "BRIGADE_PIN",
                             "BRIGADE_DRAIN_SECONDS", "BRIGADE_SOCKET", "BRIGADE_SCHEDULING"}) {
      ::unsetenv(name);
    }
  }
};

TEST_F(OptionsTest, LeaveTheProgramsOwnValuesWhenNothingIsGiven) {
  options.workers = 3;
  options.port = 1234;
  options.host = "127.0.0.1";
  options.drain_deadline = std::chrono::milliseconds(1500);
  EXPECT_EQ(read({}), std::nullopt);
  EXPECT_EQ(options.workers, 3U);
  EXPECT_EQ(options.port, 1234);
  EXPECT_EQ(options.host, "127.0.0.1");
  EXPECT_EQ(options.drain_deadline, std::chrono::milliseconds(1500));
  EXPECT_FALSE(options.pin);
  EXPECT_FALSE(options.port_given);
  EXPECT_FALSE(options.host_given);
}

TEST_F(OptionsTest, TakeTheNameOfAScheduling) {
  EXPECT_EQ(options.scheduling, Scheduling::balanced);
  EXPECT_EQ(read({"--scheduling", "round_robin"}), std::nullopt);
  EXPECT_EQ(options.scheduling, Scheduling::round_robin);
}

TEST_F(OptionsTest, TakeTheNameOfASchedulingFromTheEnvironment) {
  set("BRIGADE_SCHEDULING", "reuse_port");
  EXPECT_EQ(read({}), std::nullopt);
  EXPECT_EQ(options.scheduling, Scheduling::reuse_port);
}

TEST_F(OptionsTest, RefuseASchedulingThatThereIsNot) {
  EXPECT_EQ(read({"--scheduling", "fair"}), 2);
  EXPECT_NE(err.find("balanced, round_robin, shared or reuse_port, not \"fair\""),
            std::string::npos)
      << err;
}

TEST_F(OptionsTest, TakeAUnixSocketsPath) {
  EXPECT_EQ(read({"--socket", "run/app.sock"}), std::nullopt);
  EXPECT_EQ(options.socket, "run/app.sock");
  EXPECT_TRUE(options.socket_given);
}

TEST_F(OptionsTest, TakeAUnixSocketsPathFromTheEnvironment) {
  set("BRIGADE_SOCKET", "/run/app.sock");
  EXPECT_EQ(read({}), std::nullopt);
  EXPECT_EQ(options.socket, "/run/app.sock");
  EXPECT_TRUE(options.socket_given);
}

TEST_F(OptionsTest, RefuseASocketWithoutAPathInsteadOfOpeningAPort) {
  EXPECT_EQ(read({"--socket", ""}), 2);
  set("BRIGADE_SOCKET", "");
  EXPECT_EQ(read({}), 2);
  EXPECT_NE(err.find("--socket: must be a path, not empty"), std::string::npos) << err;
}

TEST_F(OptionsTest, LeaveTheNumberOfWorkersOpen) {
  read({});
  EXPECT_EQ(options.workers, std::nullopt);
}

TEST_F(OptionsTest, TakeTheEnvironmentOverTheProgram) {
  options.workers = 3;
  set("BRIGADE_WORKERS", "5");
  set("BRIGADE_PORT", "4000");
  set("BRIGADE_HOST", "::1");
  set("BRIGADE_PIN", "1");
  set("BRIGADE_DRAIN_SECONDS", "2.5");
  EXPECT_EQ(read({}), std::nullopt);
  EXPECT_EQ(options.workers, 5U);
  EXPECT_EQ(options.port, 4000);
  EXPECT_EQ(options.host, "::1");
  EXPECT_TRUE(options.pin);
  EXPECT_EQ(options.drain_deadline, std::chrono::milliseconds(2500));
  EXPECT_TRUE(options.port_given);
  EXPECT_TRUE(options.host_given);
}

TEST_F(OptionsTest, TakeTheCommandLineOverTheEnvironment) {
  set("BRIGADE_WORKERS", "5");
  set("BRIGADE_PORT", "4000");
  set("BRIGADE_HOST", "::1");
  EXPECT_EQ(read({"--workers", "7", "--port=5000", "--host", "127.0.0.1"}), std::nullopt);
  EXPECT_EQ(options.workers, 7U);
  EXPECT_EQ(options.port, 5000);
  EXPECT_EQ(options.host, "127.0.0.1");
}

TEST_F(OptionsTest, TakeMaxForOneWorkerPerCpu) {
  EXPECT_EQ(read({"--workers", "max"}), std::nullopt);
  EXPECT_EQ(options.workers, available_parallelism());
}

TEST_F(OptionsTest, TakeNoWorkersForOneProcess) {
  EXPECT_EQ(read({"--workers", "0"}), std::nullopt);
  EXPECT_EQ(options.workers, 0U);
}

TEST_F(OptionsTest, RefuseANumberOfWorkersThatMakesNoSense) {
  for (const char* text : {"-1", "121", "many", "2x", "1.5", "99999999999999"}) {
    EXPECT_EQ(read({"--workers", text}), 2) << text;
    EXPECT_NE(err.find("--workers"), std::string::npos) << err;
  }
}

TEST_F(OptionsTest, RefuseABadPort) {
  for (const char* text : {"65536", "-1", "http"}) {
    EXPECT_EQ(read({"--port", text}), 2) << text;
    EXPECT_NE(err.find("port"), std::string::npos) << err;
  }
}

TEST_F(OptionsTest, RefuseABadValueFromTheEnvironment) {
  set("BRIGADE_WORKERS", "lots");
  EXPECT_EQ(read({}), 2);
  EXPECT_NE(err, "");
}

TEST_F(OptionsTest, RefuseANegativeTimeToDrain) {
  EXPECT_EQ(read({"--drain-seconds", "-1"}), 2);
}

TEST_F(OptionsTest, NameTheAppForItsControlSocket) {
  EXPECT_EQ(read({"--name", "shop", "--control", "/run/shop/control"}), std::nullopt);
  ASSERT_TRUE(options.control);
  EXPECT_EQ(options.control->name, "shop");
  EXPECT_EQ(options.control->path, "/run/shop/control");
}

TEST_F(OptionsTest, LeaveOutTheControlSocket) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--no-control"}, std::vector<std::string>{"--control", "off"},
        std::vector<std::string>{"--no-control", "--name", "shop"}}) {
    options = {};
    EXPECT_EQ(read(arguments), std::nullopt);
    EXPECT_FALSE(options.control);
  }
  options = {};
  set("BRIGADE_CONTROL", "off");
  EXPECT_EQ(read({}), std::nullopt);
  EXPECT_FALSE(options.control);
}

TEST_F(OptionsTest, RefuseANameThatIsNoFileName) {
  for (const char* name : {"a/b", "..", "a b", "-x"}) {
    EXPECT_EQ(read({std::string("--name=") + name}), 2) << name;
    EXPECT_NE(err.find("--name"), std::string::npos) << err;
  }
}

TEST_F(OptionsTest, RefuseAnUnknownOption) {
  EXPECT_EQ(read({"--worker", "2"}), 2);
  EXPECT_NE(err.find("--worker"), std::string::npos) << err;
}

TEST_F(OptionsTest, ExplainThemselvesOnStandardOutput) {
  options.description = "A server of things";
  EXPECT_EQ(read({"--help"}), 0);
  for (const char* part :
       {"A server of things", "--workers", "--port", "--host", "--pin", "BRIGADE_WORKERS"}) {
    EXPECT_NE(out.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(err, "");
}

}  // namespace
}  // namespace brigade::cluster::detail
