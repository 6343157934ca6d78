// What a request spends its time on, and which requests are being handled.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace sightline {

/// What a request is in at a moment. A request of many inputs may be in several stages at once; the moment then counts
/// only for the first of them, in this order: `write`, `worker_wait`, `prepare`, and the others as they stand here. So
/// the times of all stages add up to the whole time, and a stage that others wait for is the one that is seen.
enum class Stage {
  receive,           ///< from its first byte to its last
  worker_wait,       ///< for a worker thread
  handle,            ///< its handler runs, and it is in none of the stages below
  fetch,             ///< pictures that are given by URL are downloaded
  preparation_wait,  ///< no input is being prepared, and one waits for a thread of the preparation pool
  prepare,           ///< an input is decoded and resized, or tokenized
  queue_wait,        ///< a prepared input waits for the model
  forward,           ///< the forward pass of a batch that has an input of this request
  upstream,          ///< a call to the server that runs the model
  endpoint,          ///< calls of inference endpoints
  store,             ///< the embedded store, or the cluster behind a gateway
  write,             ///< from the answer until the client's socket has all of it
};
inline constexpr std::size_t k_stages = 12;

/// "receive", "worker_wait", ...: names in logs.
const char* to_string(Stage stage);

/// What logs say of a request. Nothing of its content; all of it is safe in a line of any log.
struct RequestFacts {
  std::string port;       ///< "inference" or "elasticsearch"
  std::string id;         ///< may be empty
  std::string opaque_id;  ///< X-Opaque-Id; empty: none
  std::string trace_id;   ///< of `traceparent`; empty: none
  std::string key;        ///< the name of the API key; empty: none, or not known
  std::string peer, method;
  std::string route;  ///< as the access log has it
  std::string group;  ///< a name for metrics: one of few, and never from a client
  std::string model;  ///< empty: none, or not known yet
  std::size_t inputs = 0;
};

/// A request at a moment.
struct RequestSummary {
  RequestFacts facts;
  int status = 0;                               ///< 0: not answered yet
  Stage stage;                                  ///< that it is in
  double age_ms = 0;                            ///< since its first byte
  std::array<double, k_stages> milliseconds{};  ///< by Stage; their sum is `age_ms`
};

/// The stages of one request. Thread safety: all members may be called from any thread.
class RequestTrace {
 public:
  using Clock = std::chrono::steady_clock;
  using TimePoint = Clock::time_point;
  using Now = std::function<TimePoint()>;  ///< must not throw

  /// Made when the request is received whole: what lies between `began` and then is `receive`.
  RequestTrace(RequestFacts facts, TimePoint began, Now now = Clock::now);

  void enter(Stage stage) noexcept { change(&stage, nullptr); }
  void leave(Stage stage) noexcept { change(nullptr, &stage); }
  void move(Stage from, Stage to) noexcept { change(&to, &from); }
  /// From now on it is in `write`, whatever else still goes on. Only the first call counts.
  void answered(int status) noexcept;
  /// What the request's body has turned out to ask for.
  void describe(std::string model, std::size_t inputs);

  std::string id() const;
  RequestSummary summary() const;
  TimePoint began() const { return began_; }

 private:
  void change(const Stage* entered, const Stage* left) noexcept;
  Stage stage() const noexcept;
  TimePoint count_until_now() const noexcept;

  const TimePoint began_;
  const Now now_;
  mutable std::mutex mutex_;
  RequestFacts facts_;
  int status_ = 0;
  std::array<std::size_t, k_stages> in_{};                 // how many of its parts are in a stage
  mutable std::array<Clock::duration, k_stages> spent_{};  // up to `counted_`
  mutable TimePoint counted_;
};

/// Keeps a request, or a part of it, in a stage as long as it lives. Move-only.
class StageSpan {
 public:
  StageSpan() = default;
  /// `trace` may be null: then it does nothing.
  StageSpan(std::shared_ptr<RequestTrace> trace, Stage stage) noexcept : trace_(std::move(trace)), stage_(stage) {
    if (trace_) trace_->enter(stage_);
  }
  StageSpan(StageSpan&& other) noexcept : trace_(std::exchange(other.trace_, nullptr)), stage_(other.stage_) {}
  StageSpan& operator=(StageSpan&& other) noexcept {
    if (this == &other) return *this;
    end();
    trace_ = std::exchange(other.trace_, nullptr);
    stage_ = other.stage_;
    return *this;
  }
  ~StageSpan() { end(); }

  void move_to(Stage stage) noexcept {
    if (trace_) trace_->move(std::exchange(stage_, stage), stage);
  }
  void end() noexcept {
    if (const auto trace = std::exchange(trace_, nullptr)) trace->leave(stage_);
  }

 private:
  std::shared_ptr<RequestTrace> trace_;
  Stage stage_ = Stage::handle;
};

/// Sets the trace of the request that the current thread works for, until it is destroyed. May be nested.
class TraceScope {
 public:
  explicit TraceScope(std::shared_ptr<RequestTrace> trace);
  ~TraceScope();
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  std::shared_ptr<RequestTrace> outer_;
};

/// Of the request that the current thread works for; null outside of one, or where none is kept.
const std::shared_ptr<RequestTrace>& current_trace();

/// The requests that are being handled, at all ports of a process. Thread safety: all members may be called from any
/// thread.
class RequestBook : public std::enable_shared_from_this<RequestBook> {
 public:
  struct Options {
    std::chrono::milliseconds slow{0};  ///< a request that took this long is reported; 0: none is
    /// Reports one, on the thread that ends it. It must not block. May be empty.
    std::function<void(const RequestSummary&)> report_slow;
    RequestTrace::Now now = RequestTrace::Clock::now;
  };
  /// Keeps a request in the book as long as it lives; then reports it if it was slow.
  class Entry;

  static std::shared_ptr<RequestBook> create(Options options);

  std::shared_ptr<Entry> open(RequestFacts facts, RequestTrace::TimePoint began);

  struct Listing {
    std::vector<RequestSummary> requests;  ///< the oldest first
    std::size_t total = 0;                 ///< with those beyond `most`
  };
  /// At most `most` of the requests, without `left_out` (may be null).
  Listing list(std::size_t most, const RequestTrace* left_out = nullptr) const;

 private:
  using Traces = std::list<std::shared_ptr<RequestTrace>>;
  explicit RequestBook(Options options) : options_(std::move(options)) {}
  void close(Traces::iterator at) noexcept;

  const Options options_;
  mutable std::mutex mutex_;
  Traces traces_;
};

class RequestBook::Entry {
 public:
  Entry(std::shared_ptr<RequestBook> book, Traces::iterator at) : book_(std::move(book)), at_(at) {}
  ~Entry() { book_->close(at_); }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  const std::shared_ptr<RequestTrace>& trace() const { return *at_; }

 private:
  const std::shared_ptr<RequestBook> book_;
  const Traces::iterator at_;
};

}  // namespace sightline
