// What a process's thread pools count together. May lie in shared memory: any of the pools' threads
// writes, anyone reads.
#pragma once

#include <brigade/cells.hpp>

namespace brigade {

struct PoolMeter {
  SharedGauge threads;
  SharedGauge busy;
  SharedGauge queued;
  SharedCounter done;     // ended, failed ones included
  SharedCounter failed;   // ended with an exception
  SharedCounter refused;  // the queue was full
  SharedCounter cpu_ns;   // CPU time spent in jobs, up to 1 ms behind
  SharedCounter run_ns;   // time spent in jobs: far above cpu_ns, they wait for something
};

}  // namespace brigade
