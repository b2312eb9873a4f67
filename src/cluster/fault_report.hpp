// A worker's last word on a fatal signal, and its answer to "where are you": the addresses on its
// stack, as one line to its primary. The primary puts names to them (see stack_report.hpp), never
// the worker: nothing of that is safe in a signal handler.
//
// Async-signal-safe because: the line is made in a buffer on the stack and leaves with one write;
// the table of modules is made beforehand; the unwinder was run once beforehand, and finds a
// module's unwind tables without a lock (glibc 2.35 and later: _dl_find_object).
#pragma once

namespace brigade::cluster::detail {

/// In a worker, on its loop's thread, once. From then on SIGSEGV, SIGBUS, SIGFPE, SIGILL and
/// SIGABRT are reported to where standard error goes now, and then end the process as ever. Signals
/// that have a handler already, a sanitizer's say, are left to it. An overflow of this thread's
/// stack is reported as well: the handler has one of its own.
void report_faults();

/// Sent to a thread of a worker that has done the above, it makes that thread report its stack.
int stack_signal();

}  // namespace brigade::cluster::detail
