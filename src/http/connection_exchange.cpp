// Connection, the part that has requests answered.
#include <brigade/log.hpp>

#include "cluster/passing.hpp"
#include "cluster/rendezvous.hpp"
#include "http/connection.hpp"
#include "http/response_writer.hpp"
#include "http/server_core.hpp"

namespace brigade::http {
namespace {

// Answers of one batch between two looks at the clock, for the queue's age.
constexpr std::uint32_t clock_every = 16;

}  // namespace

// True when it stopped only because answers have to leave first.
bool Connection::process() {
  in_process_ = true;
  const bool more = answer_what_is_there();
  in_process_ = false;
  return more;
}

// False while it is not here, or when there is none: then the connection ends without a word, as
// whoever speaks to us is not the proxy that this socket is for.
bool Connection::take_proxy_header() {
  const auto outcome = detail::parse_proxy_header({chunk_ + begin_, end_ - begin_});
  if (outcome.status == detail::ProxyOutcome::Status::incomplete) return false;
  if (outcome.status == detail::ProxyOutcome::Status::error) {
    log::debug("a connection is closed: {}", outcome.reason);
    phase_ = Phase::closing;
    return false;
  }
  begin_ += outcome.consumed;
  awaits_proxy_ = false;
  proxied_ = std::make_unique<detail::ProxyHeader>(outcome.header);
  return true;
}

bool Connection::answer_what_is_there() {
  if (awaits_proxy_ && begin_ != end_ && !take_proxy_header()) return false;
  while (begin_ != end_ && (phase_ == Phase::idle || phase_ == Phase::head)) {
    // A client that does not read its answers gets no further ones made.
    if (!large_.empty() || out_.size() > server_.options().max_pending_output) return true;
    if (!exchange_) exchange_ = server_.take_exchange();
    const auto outcome =
        exchange_->parser.parse({chunk_ + begin_, end_ - begin_}, exchange_->request.head_);
    switch (outcome.status) {
      case HeadParser::Status::incomplete:
        if (phase_ == Phase::idle) {
          phase_ = Phase::head;
          set_deadline(batch_began_ + server_.options().header_timeout);
        }
        return false;
      case HeadParser::Status::error:
        refuse(outcome.code, outcome.reason);
        return false;
      case HeadParser::Status::complete:
        break;
    }
    if (server_.sticky && belongs_elsewhere()) {
      if (out_.empty()) return false;
      goes_to_.reset();  // when the answers have left
      sticky_key_ = 0;
      return true;
    }
    begin_ += outcome.consumed;
    dispatch();
    if (batch_ % clock_every == clock_every - 1) server_.read_clock();
  }
  return false;
}

// Whether this request is for another worker; notes which.
bool Connection::belongs_elsewhere() {
  // What a PROXY header told would not come along.
  if (proxied_) return false;
  Request& request = exchange_->request;
  request.socket_ = socket_.get();
  const std::string known_by = server_.sticky(request);
  if (known_by.empty() || end_ - begin_ > cluster::detail::most_passed_bytes) return false;
  const std::uint64_t key = cluster::detail::key_hash(known_by);
  if (std::exchange(sticky_key_, key) == key) return false;
  goes_to_ = server_.elsewhere(key);
  return goes_to_.has_value();
}

void Connection::dispatch() {
  detail::Exchange& exchange = *exchange_;
  Request& request = exchange.request;
  request.source_ = this;
  request.match_ = &exchange.match;
  request.socket_ = socket_.get();
  request.proxied_ = proxied_.get();
  request.forwarding_ = server_.forwarding();
  request.id_ = server_.next_request_id();
  auto& figures = server_.figures().loop;
  figures.requests.add();
  phase_ = Phase::handling;
  const auto& route = server_.find(request.head_, exchange.match);
  begin_body(route.max_body);
  if (server_.sheds(route)) {
    Response response = server_.refuse_for_overload();
    return answer(response);
  }
  if (request.body_error_ != 0) {
    must_linger_ = true;
    Response response = error(request.body_error_, request.body_problem_);
    return answer(response);
  }
  // The pattern lives as long as the server, and ends with a NUL: it views a whole std::string.
  const char* name = request.route().empty() ? "request" : request.route().data();
  brigade::detail::running_task = name;
  try {
    if (route.plain) {
      Response response = route.chain.answer(request);
      return answer(response);
    }
    exchange.task.emplace(route.chain.run(request));
  } catch (...) {
    Response response = server_.answer_error(request, std::current_exception());
    return answer(response);
  }
  if (route.deadline > Duration::zero()) {
    handler_deadline_ = server_.loop().now() + route.deadline;
  }
  wait_for_handler();
  server_.handler_begins();
  exchange.scope.emplace(name, nullptr);
  if (exchange.task->start(this, &*exchange.scope)) {
    task_finished();
  } else if (!out_.empty()) {
    flush();  // answers to earlier requests do not wait for this one; phase says that a handler
              // runs
  }
}

void Connection::on_task_done() {
  server_.loop().run_later(task_done_);
}

void Connection::task_finished() {
  detail::Exchange& exchange = *exchange_;
  server_.handler_ends();
  handler_deadline_ = TimePoint::max();
  Response response;
  try {
    response = exchange.task->take_result();
  } catch (const Cancelled& cancelled) {
    response = error(503, cancelled.what());
  } catch (...) {
    response = server_.answer_error(exchange.request, std::current_exception());
  }
  answer(response);
  if (in_process_) return;  // process() goes on
  if (gone_) return destroy();
  pump();
}

void Connection::answer(Response& response) {
  const RequestHead& head = exchange_->request.head_;
  const bool rest_skipped = skip_rest_of_body();
  const bool close = !head.keep_alive || !rest_skipped || peer_done_ || gone_ ||
                     server_.draining() || must_linger_;
  ResponseWriter::write(response,
                        {.head_only = head.method == Method::head,
                         .close = close,
                         .keep_alive_10 = head.minor_version == 0},
                        server_.date_line(), out_, large_);
  server_.figures().loop.add_response(static_cast<unsigned>(response.status()));
  ++batch_;
  if (close && (!rest_skipped || head.keep_alive)) must_linger_ = true;
  end_exchange();
  phase_ = close ? Phase::closing : Phase::idle;
  if (!close) set_deadline(server_.loop().now() + server_.options().idle_timeout);
}

// A request that could not be read to its end: nothing after it can be trusted either.
void Connection::refuse(int status, const char* reason) {
  Response response = error(status, reason);
  ResponseWriter::write(response, {.close = true}, server_.date_line(), out_, large_);
  auto& figures = server_.figures().loop;
  figures.requests.add();
  figures.add_response(static_cast<unsigned>(status));
  ++batch_;
  must_linger_ = true;
  phase_ = Phase::closing;
}

void Connection::end_exchange() {
  detail::Exchange& exchange = *exchange_;
  exchange.task.reset();
  exchange.scope.reset();
  Request& request = exchange.request;
  request.query_.reset();
  request.origin_.reset();
  if (!request.body_.empty()) request.body_ = std::string();
  request.body_error_ = 0;
  request.body_taken_ = false;
  if (exchange.behind.empty()) return;
  // The body ended in bytes of the next request. What was in the chunk is used up, or we had not
  // read on.
  begin_ = end_ = 0;
  ensure_capacity(exchange.behind.size());
  end_ = exchange.behind.copy(chunk_, exchange.behind.size());
  exchange.behind.clear();
}

void Connection::count_batch() {
  const Duration took = server_.read_clock() - batch_began_;
  server_.figures().latency.record(static_cast<std::uint64_t>(took.count()) / 1000, batch_);
  batch_ = 0;
}

}  // namespace brigade::http
