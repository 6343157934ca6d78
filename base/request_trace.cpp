#include "base/request_trace.h"

#include <algorithm>

namespace sightline {
namespace {

/// A moment counts for the first of these that the request is in, else for `handle`.
constexpr std::array k_precedence{Stage::write,      Stage::worker_wait, Stage::prepare, Stage::preparation_wait,
                                  Stage::queue_wait, Stage::forward,     Stage::fetch,   Stage::upstream,
                                  Stage::endpoint,   Stage::store};

constexpr std::size_t index(Stage stage) {
  return static_cast<std::size_t>(stage);
}

double in_milliseconds(RequestTrace::Clock::duration span) {
  return std::chrono::duration<double, std::milli>(span).count();
}

std::shared_ptr<RequestTrace>& current() {
  thread_local std::shared_ptr<RequestTrace> trace;
  return trace;
}

}  // namespace

const char* to_string(Stage stage) {
  constexpr std::array<const char*, k_stages> k_names{"receive",          "worker_wait", "handle",     "fetch",
                                                      "preparation_wait", "prepare",     "queue_wait", "forward",
                                                      "upstream",         "endpoint",    "store",      "write"};
  return k_names[index(stage)];
}

RequestTrace::RequestTrace(RequestFacts facts, TimePoint began, Now now)
    : began_(std::min(began, now())), now_(std::move(now)), facts_(std::move(facts)), counted_(now_()) {
  spent_[index(Stage::receive)] = counted_ - began_;
}

Stage RequestTrace::stage() const noexcept {
  if (status_ != 0) return Stage::write;
  const auto* const found =
      std::find_if(k_precedence.begin(), k_precedence.end(), [this](Stage stage) { return in_[index(stage)] > 0; });
  return found == k_precedence.end() ? Stage::handle : *found;
}

/// The time since the last call is the current stage's.
RequestTrace::TimePoint RequestTrace::count_until_now() const noexcept {
  const TimePoint now = std::max(now_(), counted_);
  spent_[index(stage())] += now - counted_;
  counted_ = now;
  return now;
}

void RequestTrace::change(const Stage* entered, const Stage* left) noexcept {
  const std::lock_guard lock(mutex_);
  count_until_now();
  if (left != nullptr) --in_[index(*left)];
  if (entered != nullptr) ++in_[index(*entered)];
}

void RequestTrace::answered(int status) noexcept {
  const std::lock_guard lock(mutex_);
  if (status_ != 0) return;
  count_until_now();
  status_ = status;
}

void RequestTrace::describe(std::string model, std::size_t inputs) {
  const std::lock_guard lock(mutex_);
  facts_.model = std::move(model);
  facts_.inputs = inputs;
}

std::string RequestTrace::id() const {
  const std::lock_guard lock(mutex_);
  return facts_.id;
}

RequestSummary RequestTrace::summary() const {
  const std::lock_guard lock(mutex_);
  RequestSummary summary{facts_, status_, stage()};
  summary.age_ms = in_milliseconds(count_until_now() - began_);
  std::transform(spent_.begin(), spent_.end(), summary.milliseconds.begin(), in_milliseconds);
  return summary;
}

TraceScope::TraceScope(std::shared_ptr<RequestTrace> trace) : outer_(std::exchange(current(), std::move(trace))) {}

TraceScope::~TraceScope() {
  current() = std::move(outer_);
}

const std::shared_ptr<RequestTrace>& current_trace() {
  return current();
}

std::shared_ptr<RequestBook> RequestBook::create(Options options) {
  return std::shared_ptr<RequestBook>(new RequestBook(std::move(options)));
}

std::shared_ptr<RequestBook::Entry> RequestBook::open(RequestFacts facts, RequestTrace::TimePoint began) {
  Traces one;
  one.push_back(std::make_shared<RequestTrace>(std::move(facts), began, options_.now));
  const auto at = one.begin();
  {
    const std::lock_guard lock(mutex_);
    traces_.splice(traces_.end(), one);
  }
  try {
    return std::make_shared<Entry>(shared_from_this(), at);
  } catch (...) {  // no memory
    const std::lock_guard lock(mutex_);
    traces_.erase(at);
    throw;
  }
}

void RequestBook::close(Traces::iterator at) noexcept {
  Traces closed;
  {
    const std::lock_guard lock(mutex_);
    closed.splice(closed.end(), traces_, at);
  }
  if (options_.slow.count() == 0 || !options_.report_slow) return;
  try {
    const RequestTrace& trace = *closed.front();
    if (options_.now() - trace.began() >= options_.slow) options_.report_slow(trace.summary());
  } catch (...) {  // no memory for the report
  }
}

RequestBook::Listing RequestBook::list(std::size_t most, const RequestTrace* left_out) const {
  std::vector<std::shared_ptr<RequestTrace>> open;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& trace : traces_) {
      if (trace.get() != left_out) open.push_back(trace);
    }
  }
  std::stable_sort(open.begin(), open.end(), [](const auto& a, const auto& b) { return a->began() < b->began(); });
  Listing listing;
  listing.total = open.size();
  open.resize(std::min(open.size(), most));
  for (const auto& trace : open) listing.requests.push_back(trace->summary());
  return listing;
}

}  // namespace sightline
