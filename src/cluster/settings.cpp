#include <brigade/cluster_settings.hpp>

namespace brigade::cluster {

void WorkerSettings::overlay(const WorkerSettings& patch) {
  const auto take = [&](auto field) {
    if (patch.*field) this->*field = patch.*field;
  };
  take(&WorkerSettings::program);
  take(&WorkerSettings::arguments);
  take(&WorkerSettings::environment);
  take(&WorkerSettings::directory);
  take(&WorkerSettings::output);
  take(&WorkerSettings::uid);
  take(&WorkerSettings::gid);
}

}  // namespace brigade::cluster
