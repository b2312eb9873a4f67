#include <brigade/cluster.hpp>

#include "cluster/primary_core.hpp"
#include "cluster/role.hpp"

namespace brigade::cluster {

bool is_worker() {
  return detail::role().worker;
}

std::uint64_t Worker::id() const {
  return process_.id();
}
std::uint32_t Worker::number() const {
  return process_.number();
}
pid_t Worker::pid() const {
  return process_.pid;
}
WorkerState Worker::state() const {
  return process_.state;
}
bool Worker::is_connected() const {
  return process_.channel && process_.channel->open();
}
bool Worker::is_dead() const {
  return process_.exit.has_value();
}
std::optional<bool> Worker::exited_after_disconnect() const {
  return process_.voluntary;
}
const ExitReason* Worker::exit_reason() const {
  return process_.exit ? &process_.reason : nullptr;
}
void Worker::disconnect() {
  process_.core_.disconnect(process_);
}
bool Worker::recycle(const std::string& reason) {
  return process_.core_.recycle(process_, reason);
}
bool Worker::reject(const std::string& reason) {
  return process_.core_.reject(process_, reason);
}
bool Worker::kill(int signal) {
  return !process_.exit && process_.child->send_signal(signal);
}

Primary::Primary(PrimaryOptions options)
    : core_(std::make_unique<detail::PrimaryCore>(std::move(options))) {}
Primary::~Primary() = default;

Worker* Primary::fork(const std::map<std::string, std::string>& environment) {
  return core_->fork(environment);
}
void Primary::on_fork(WorkerCallback callback) {
  core_->on_fork.push_back(std::move(callback));
}
void Primary::on_online(WorkerCallback callback) {
  core_->on_online.push_back(std::move(callback));
}
void Primary::on_listening(std::function<void(Worker&, const std::string&)> callback) {
  core_->on_listening.push_back(std::move(callback));
}
void Primary::on_disconnect(WorkerCallback callback) {
  core_->on_disconnect.push_back(std::move(callback));
}
void Primary::on_exit(std::function<void(Worker&, ExitStatus)> callback) {
  core_->on_exit.push_back(std::move(callback));
}
void Primary::on_output(std::function<void(Worker&, OutputStream, std::string_view)> callback) {
  core_->on_output.push_back(std::move(callback));
}
void Primary::on_error(std::function<void(Worker*, const Error&)> callback) {
  core_->on_error.push_back(std::move(callback));
}
void Primary::on_setup(std::function<void(const WorkerSettings&)> callback) {
  core_->on_setup.push_back(std::move(callback));
}
void Primary::configure(const WorkerSettings& patch) {
  core_->configure(patch);
}
const WorkerSettings& Primary::settings() const {
  return core_->settings();
}
void Primary::set_message_handlers(detail::MessageHandlers<Worker> handlers) {
  core_->set_message_handlers(std::move(handlers));
}
void Primary::set_request_handlers(detail::RequestHandlers<Worker> handlers) {
  core_->set_request_handlers(std::move(handlers));
}
std::vector<Worker*> Primary::workers() const {
  return core_->workers();
}
std::vector<PastExit> Primary::exits(std::uint32_t number) const {
  return core_->exits(number);
}
Result<void> Primary::reload() {
  return core_->reload();
}
Result<void> Primary::scale(unsigned count) {
  return core_->scale(count);
}
void Primary::shutdown() {
  core_->shutdown();
}
int Primary::run() {
  return core_->run();
}

}  // namespace brigade::cluster
