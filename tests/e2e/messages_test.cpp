#include <gtest/gtest.h>

#include "support/process.hpp"

using namespace brigade::testing_support;

namespace {

/// One scenario of messages.cpp, run to its end.
class Scenario : public Process {
 public:
  explicit Scenario(const std::string& name) : Process({TEST_MESSAGES_PROGRAM, {name}}) {
    EXPECT_EQ(wait().code, 0) << out() << err();
  }
  std::size_t at(const std::string& part) const {
    wait_for_line(part.substr(0, part.find('\n')));  // it may still be on its way to us
    const std::size_t found = out().find(part);
    EXPECT_NE(found, std::string::npos) << part << " is missing:\n" << out() << err();
    return found;
  }
};

}  // namespace

TEST(Messages, TravelBothWaysAsTypesAlsoWhenTheyAreSentBeforeTheWorkerRuns) {
  const Scenario run("typed");
  run.at("worker got 7 seven\n");
  run.at("primary got 8 eight of 1\n");
}

TEST(Messages, ArriveInOrderAndBeforeTheDisconnect) {
  const Scenario run("order");
  EXPECT_LT(run.at("all 20000, 0 out of order\n"), run.at("disconnect\n"));
  run.at("exit exited with code 5\n");
}

TEST(Messages, AreNotLostWhenTheWorkerExitsRightAfterIt) {
  const Scenario run("exit");
  EXPECT_LT(run.at("900000 bytes\n"), run.at("disconnect\n"));
}

TEST(Messages, GoOnAfterAHandlerThrewOrCannotTakeOne) {
  const Scenario run("throw");
  run.at("got 2\n");
  run.at("got 3\n");
  EXPECT_EQ(run.count_lines("from worker 1: the handler of a message threw: one is too few"), 1U);
}

TEST(Messages, AnswerRequestsWithAValueAnErrorAnExceptionOrInNoTime) {
  const Scenario run("request");
  run.at("answer 42\n");
  run.at("throw: 5 the handler of a request threw: no idea\n");
  run.at("refuse: 2 not here\n");
  run.at("late: true\n");
  run.at("confused: expected an object, got an integer\n");
}

TEST(Messages, AreAcknowledgedWhenTheirHandlerHasRun) {
  const Scenario run("acknowledge");
  EXPECT_LT(run.at("handled good\n"), run.at("acknowledged true\n"));
  run.at("refused: the handler of a message threw: it is bad\n");
}

TEST(Messages, CarryDescriptorsAndSharedBuffers) {
  const Scenario run("descriptors");
  run.at("read \"true\", buffer has 42\n");
  run.at("I see 43\n");
}

TEST(Messages, DoNotDeadlockWhenBothSidesPassDescriptors) {
  const Scenario run("swap");
  run.at("primary has all\n");
  run.at("worker has all\n");
}

TEST(Messages, ToAWorkerThatIsGoneAreRefusedAsAValue) {
  Scenario("closed").at("refused: true\n");
}

TEST(Messages, AreBroadcastToAllOthersThatListen) {
  const Scenario run("broadcast");
  for (const char* who : {"primary", "worker 2", "worker 3"}) {
    EXPECT_LT(run.at(std::string(who) + " heard hello\n"),
              run.at(std::string(who) + " heard bye\n"));
  }
  run.at("no copies of descriptors: true\n");
  EXPECT_EQ(run.count_lines("worker 1 heard"), 0U);
}

TEST(Messages, GoFromWorkerToWorkerAfterAnIntroduction) {
  const Scenario run("siblings");
  run.at("found 2\n");
  run.at("sum 101\n");
  run.at("2 got hello from 1\n");
  run.at("1 got hello, too from 2\n");
  run.at("myself: the worker with id 1 is this one itself\n");
  run.at("nobody: there is no worker with id 99\n");
  run.at("still there: false\n");
}

TEST(Messages, InAFloodDelayNeitherAnswersNorOrdersOfThePrimary) {
  const Scenario run("flood");
  run.at("answered in the flood: true\n");
  run.at("told in the flood\n");
  run.at("exited with code 0\n");
}

TEST(Events, AreThereForATaskToWaitForToo) {
  const Scenario run("events");
  EXPECT_LT(run.at("event 0 of 1\n"), run.at("event 4 of 1\nwith exited with code 42\n"));
  run.at("event 3 of 1\n");
}

TEST(Disconnect, OfManyAtTheSameTimeFromBothSidesEndsEachWithZero) {
  const Scenario run("random");
  EXPECT_EQ(run.count_lines("exit: exited with code 0"), 16U);
}

TEST(Disconnect, LetsAWorkerFinishWhatItHas) {
  const Scenario run("outlive");
  EXPECT_LT(run.at("finished what it had\n"), run.at("exit: exited with code 0\n"));
}
