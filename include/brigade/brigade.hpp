// Everything, with the names of handlers at hand: `using namespace brigade;`.
#pragma once

#include <brigade/app.hpp>
#include <brigade/atomics.hpp>
#include <brigade/blocking.hpp>
#include <brigade/broadcast_channel.hpp>
#include <brigade/cluster.hpp>
#include <brigade/cluster_shared.hpp>
#include <brigade/cluster_worker.hpp>
#include <brigade/environment_data.hpp>
#include <brigade/event.hpp>
#include <brigade/locks.hpp>
#include <brigade/log.hpp>
#include <brigade/message_port.hpp>
#include <brigade/shared_array.hpp>
#include <brigade/shared_ring.hpp>
#include <brigade/sleep.hpp>
#include <brigade/system.hpp>
#include <brigade/task_group.hpp>
#include <brigade/thread_messages.hpp>
#include <brigade/thread_run.hpp>
#include <brigade/wait_async.hpp>
#include <brigade/when.hpp>
#include <brigade/worker_thread.hpp>

namespace brigade {

using http::empty;
using http::html;
using http::HttpError;
using http::json;
using http::json_body;
using http::Method;
using http::Next;
using http::redirect;
using http::Request;
using http::Response;
using http::text;

}  // namespace brigade
