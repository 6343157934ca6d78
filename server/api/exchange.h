// One request and its answer.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/timer.h"
#include "server/api/error_response.h"
#include "server/api/metrics.h"
#include "server/http/message.h"

namespace sightline::api {

/// Sends the answer to the client: http::Reply, or its replacement in a test. Either calls Response::sent.
struct Responder {
  std::function<void(http::Response)> send;  ///< called once, from any thread
  /// At most so many bytes of the request's body are still in memory. From any thread, also after `send`; may be empty.
  std::function<void(std::size_t)> keep_of_body = {};
};

/// The access log's entry for a request. It has nothing of the request's content.
struct AccessEntry {
  std::string request_id, peer, method, route, model;  ///< `model` is empty where there is none
  std::string opaque_id, trace_id;                     ///< X-Opaque-Id and that of `traceparent`; empty: none
  int status = 0;
  double milliseconds = 0;
  std::size_t inputs = 0, bytes_in = 0, bytes_out = 0;
};
using AccessLog = std::function<void(const AccessEntry&)>;

/// The client's X-Request-Id, if it may stand in a header and in a log line; else a new one.
std::string request_id_of(const http::Request& request);

/// A request on its way through the API. Held by shared pointer until it is answered.
class Exchange {
 public:
  Exchange(http::Request incoming, Responder responder, Timer& timer, Metrics& metrics, const AccessLog& access_log);

  /// Sends the answer, which is counted and logged as it is sent (Response::sent). Only the first answer is.
  void reply(http::Response response);
  void reply_json(std::string body);
  /// `param`: the wrong member of the body; may be empty.
  void fail(const Error& error, std::string_view param = {});
  void fail(int status, std::string_view code, std::string_view message, const http::Headers& headers = {});

  /// Runs what answers the request. If it throws, the answer is that error: no exception leaves, as on the
  /// callback threads nothing could answer it.
  template <class Work>
  void guard(Work&& work) noexcept {
    try {
      work();
    } catch (...) {
      fail_by_exception();
    }
  }

  /// Drops the body of the request, of which the caller keeps so many bytes in another form; later calls lower that.
  /// What is left is no longer charged as a body in memory.
  void drop_body(std::size_t kept_bytes = 0);

  /// For the log: a known model's name, and the number of inputs. May be called while a timer answers.
  void describe(std::string model, std::size_t inputs);

  Timer::TimePoint arrived() const { return arrived_; }
  const std::string& request_id() const { return request_id_; }

  http::Request request;
  std::vector<std::string> wildcards;  ///< the parts of the path that the route leaves open
  std::string route = "unknown";       ///< its name, for metrics and logs
  ErrorShape shape = ErrorShape::openai;

 private:
  void fail_by_exception() noexcept;
  /// `refused`: the code that the answer counts under as a refusal; empty: it is none.
  void reply(http::Response response, std::string_view refused);
  /// For Response::sent.
  std::function<void(int, std::size_t)> counting_and_logging();

  const Responder responder_;
  Timer& timer_;
  Metrics& metrics_;
  const AccessLog& access_log_;
  const Timer::TimePoint arrived_;
  const std::size_t bytes_in_;
  const std::string request_id_;
  std::atomic<bool> answered_{false};
  std::mutex mutex_;  // of what follows
  std::string model_;
  std::size_t inputs_ = 0;
};

using ExchangePtr = std::shared_ptr<Exchange>;

}  // namespace sightline::api
