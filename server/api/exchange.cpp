#include "server/api/exchange.h"

#include <algorithm>
#include <cctype>
#include <random>

#include "base/cancellation.h"
#include "base/exception_error.h"
#include "base/free_memory.h"
#include "base/request_trace.h"
#include "server/http/request_ids.h"
#include "server/serving/observer.h"

namespace sightline::api {
namespace {

constexpr std::size_t k_longest_request_id = 128;

bool is_request_id(std::string_view id) {
  return !id.empty() && id.size() <= k_longest_request_id && std::all_of(id.begin(), id.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == ':';
  });
}

std::string new_request_id() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  constexpr char k_hex[] = "0123456789abcdef";
  std::string id;
  for (std::uint64_t bits = random(), i = 0; i < 16; ++i, bits >>= 4) id.push_back(k_hex[bits & 15]);
  return id;
}

/// That under which the request is listed, so that all that is said of it names one id.
std::string listed_id(const http::Request& request) {
  const std::string listed = request.trace ? request.trace->id() : std::string();
  return listed.empty() ? request_id_of(request) : listed;
}

}  // namespace

std::string request_id_of(const http::Request& request) {
  const auto own = request.headers.get("X-Request-Id");
  return own && is_request_id(*own) ? std::string(*own) : new_request_id();
}

Exchange::Exchange(http::Request incoming, Responder responder, Timer& timer, Metrics& metrics,
                   const AccessLog& access_log)
    : request(std::move(incoming)),
      responder_(std::move(responder)),
      timer_(timer),
      metrics_(metrics),
      access_log_(access_log),
      arrived_(timer.now()),
      bytes_in_(request.body.size()),
      request_id_(listed_id(request)) {}

void Exchange::reply(http::Response response) {
  reply(std::move(response), {});
}

void Exchange::reply(http::Response response, std::string_view refused) {
  if (answered_.exchange(true)) return;
  if (!refused.empty()) serving::unharmed([&] { metrics_.request_refused(std::string(refused)); });
  response.headers.set("X-Request-Id", request_id_);
  if (const auto opaque = http::opaque_id_of(request.headers))
    response.headers.set("X-Opaque-Id", std::string(*opaque));
  if (const auto parent = http::traceparent_of(request.headers))
    response.headers.set("traceparent", std::string(*parent));
  // Elasticsearch's own clients take no answer without it.
  if (shape == ErrorShape::elastic) response.headers.set("X-elastic-product", "Elasticsearch");
  serving::unharmed([&] { response.sent = counting_and_logging(); });
  responder_.send(std::move(response));
}

/// What it returns may outlive this object.
std::function<void(int, std::size_t)> Exchange::counting_and_logging() {
  const std::lock_guard lock(mutex_);
  AccessEntry entry{.request_id = request_id_,
                    .peer = request.peer,
                    .method = http::to_string(request.method),
                    .route = route,
                    .model = model_,
                    .opaque_id = std::string(http::opaque_id_of(request.headers).value_or("")),
                    .trace_id = http::trace_id_of(request.headers),
                    .milliseconds = in_seconds(timer_.now() - arrived_) * 1000,
                    .inputs = inputs_,
                    .bytes_in = bytes_in_};
  return [entry = std::move(entry), &metrics = metrics_, &log = access_log_](int status, std::size_t bytes) mutable {
    entry.status = status;
    entry.bytes_out = bytes;
    metrics.request_done(entry.route, entry.method, status, entry.milliseconds / 1000);
    if (log) log(entry);
  };
}

void Exchange::describe(std::string model, std::size_t inputs) {
  const std::lock_guard lock(mutex_);
  model_ = std::move(model);
  inputs_ = inputs;
}

void Exchange::drop_body(std::size_t kept_bytes) {
  free_memory(request.body);
  if (responder_.keep_of_body) responder_.keep_of_body(kept_bytes);
}

void Exchange::reply_json(std::string body) {
  http::Response response;
  response.body = std::move(body);
  reply(std::move(response));
}

/// Called in a catch block. Where there is no memory even for this, http::Reply answers 500 as it goes.
void Exchange::fail_by_exception() noexcept {
  serving::unharmed([this] {
    try {
      throw;
    } catch (const WorkCancelled& cancelled) {
      fail(cancelled.reason() == CancelReason::stopping ? 503 : 499, "cancelled", cancelled.what());
    } catch (...) {
      fail(error_of_exception("this request"));
    }
  });
}

void Exchange::fail(const Error& error, std::string_view param) {
  reply(error_response(shape, error, param), to_string(error.code));
}

void Exchange::fail(int status, std::string_view code, std::string_view message, const http::Headers& headers) {
  http::Response response = error_response(shape, status, code, message);
  for (const auto& [name, value] : headers.all()) response.headers.set(name, value);
  reply(std::move(response), code);
}

}  // namespace sightline::api
