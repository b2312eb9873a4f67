// Everything, with the names of handlers at hand: `using namespace brigade;`.
#pragma once

#include <brigade/app.hpp>
#include <brigade/cluster.hpp>
#include <brigade/event.hpp>
#include <brigade/log.hpp>
#include <brigade/sleep.hpp>
#include <brigade/system.hpp>
#include <brigade/task_group.hpp>
#include <brigade/when.hpp>

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
