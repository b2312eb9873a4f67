// How the processes of workers are started, and what they write.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <brigade/log.hpp>

#include <fstream>

#include "cluster/primary_core.hpp"
#include "cluster/role.hpp"

extern char** environ;

namespace brigade::cluster::detail {
namespace {

std::vector<std::string> own_arguments() {
  std::ifstream file("/proc/self/cmdline");
  std::vector<std::string> out;
  for (std::string argument; std::getline(file, argument, '\0');) out.push_back(argument);
  return out;
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& over) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text(*entry);
    if (!over.contains(std::string(text.substr(0, text.find('='))))) out.emplace_back(text);
  }
  for (const auto& [name, value] : over) out.push_back(name + "=" + value);
  return out;
}

}  // namespace

void PrimaryCore::configure(const WorkerSettings& patch) {
  options_.settings.overlay(patch);
  // From the loop, as Node does: a callback that is set right after this hears of it.
  post([this, settings = options_.settings] { tell(on_setup, settings); });
}

Result<Spawned> PrimaryCore::spawn_worker(const WorkerSettings& settings, WorkerProcess& worker) {
  auto program = programs_.get(worker.generation(), settings.program.value_or(""));
  if (!program) return program.error();
  auto channel = Channel::make_pair();
  if (!channel) return channel.error();
  open_channel(worker, std::move(channel->first));
  auto pipe = open_pipe(worker);
  if (!pipe) return pipe.error();
  auto outputs = open_outputs(settings, worker);
  if (!outputs) return outputs.error();

  auto environment = settings.environment.value_or(std::map<std::string, std::string>());
  if (log_level_) environment["BRIGADE_LOG"] = log::name_of(*log_level_);
  environment[role_variable] = fmt::format("{},{},{}", worker.id(), worker.number(), worker.slot());
  SpawnRequest request{
      .binary = *program,
      .arguments = settings.arguments ? *settings.arguments : own_arguments(),
      .environment = merged_environment(environment),
      .descriptors = {{channel->second.get(), channel_fd},
                      {board_.fd().get(), board_fd},
                      {pipe->get(), pipe_fd}},
      .directory = settings.directory.value_or(""),
      .uid = settings.uid,
      .gid = settings.gid,
  };
  // Who has another user's rights than we could not become what we are.
  if (estate_ && !settings.uid && !settings.gid) {
    request.descriptors.push_back({estate_.rejoin_read.get(), rejoin_read_fd});
    request.descriptors.push_back({estate_.rejoin_write.get(), rejoin_write_fd});
    request.descriptors.push_back({estate_.will.get(), will_fd});
  }
  if (outputs->out) request.descriptors.push_back({outputs->out.get(), STDOUT_FILENO});
  if (outputs->error) request.descriptors.push_back({outputs->error.get(), STDERR_FILENO});
  const bool by_way_of_us = settings.output.value_or(Output::keep) != Output::inherit;
  if (by_way_of_us && ::fcntl(STDERR_FILENO, F_GETFD) >= 0) {
    request.descriptors.push_back({STDERR_FILENO, primary_stderr_fd});
  }
  return spawn(request);
}

Result<PrimaryCore::Outputs> PrimaryCore::open_outputs(const WorkerSettings& settings,
                                                       WorkerProcess& worker) {
  const Output mode = settings.output.value_or(Output::keep);
  Outputs childs;
  const auto open = [&](OutputStream stream, std::unique_ptr<OutputPipe>& ours, Fd& theirs) {
    auto ends = OutputPipe::make_pair(mode == Output::keep ? OutputPipe::WhenFull::it_loses
                                                           : OutputPipe::WhenFull::it_waits);
    if (!ends) return Result<void>(ends.error());
    theirs = std::move(ends->second);
    ours = std::make_unique<OutputPipe>(
        std::move(ends->first),
        OutputPipe::Options{
            .on_line =
                [this, stream, &worker](std::string_view line) {
                  tell(on_output, worker.handle(), stream, line);
                },
            .intercept = [this,
                          &worker](std::string_view line) { return heard_stack(worker, line); },
            .pass_on = mode == Output::keep ? &error_sink_ : nullptr});
    return Result<void>();
  };
  if (mode == Output::pipe) {
    if (auto opened = open(OutputStream::out, worker.output, childs.out); !opened) {
      return opened.error();
    }
  }
  if (mode != Output::inherit) {
    if (auto opened = open(OutputStream::error, worker.errors, childs.error); !opened) {
      return opened.error();
    }
  }
  return childs;
}

Result<void> PrimaryCore::open_programs(std::uint64_t generation) {
  for (const Position& position : supervisor_.positions()) {
    if (!position.wanted) continue;
    const WorkerSettings& settings = seats_[position.number].settings;
    auto program = programs_.get(generation, settings.program.value_or(""));
    if (program) continue;
    programs_.keep_only([&](std::uint64_t other) { return other != generation; });
    return program.error();
  }
  return {};
}

void PrimaryCore::report(WorkerProcess* worker, const Error& error) {
  log::error("{}", error.message());
  tell(on_error, worker ? &worker->handle() : nullptr, error);
}

}  // namespace brigade::cluster::detail
