#include "server/http/outbound_calls.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <set>
#include <utility>

#include "server/http/transfer.h"

namespace sightline::http {
namespace {

using std::chrono::milliseconds;
using TimePoint = OutboundCalls::TimePoint;
using CallPtr = std::shared_ptr<OutboundCalls::Call>;
using Reason = OutboundCalls::End::Reason;

/// See OutboundCalls. The system does not tell when a look-up that was left ends.
constexpr std::size_t k_most_lookups = 64;
constexpr std::chrono::seconds k_lookup_time{30};

/// Calls that share a pace.
class Line {
 public:
  explicit Line(const OutboundCalls::Pace& pace) : pace_(pace) {}

  std::array<std::deque<CallPtr>, OutboundCalls::k_lanes> lanes;

  std::size_t size() const { return lanes[0].size() + lanes[1].size(); }
  /// When the pace allows a call of so many inputs; not after `now`: at once.
  TimePoint next(TimePoint now, std::size_t inputs) const {
    TimePoint turn = now;
    if (pace_.calls != 0 && sent_.size() >= pace_.calls) turn = (sent_.end() - pace_.calls)->at + pace_.span;
    if (pace_.inputs == 0 || inputs == 0) return turn;
    std::size_t recent = std::min(inputs, pace_.inputs);  // and those of calls within the span, the latest first
    for (auto call = sent_.rbegin(); call != sent_.rend() && call->at + pace_.span > turn; ++call) {
      recent += call->inputs;
      if (recent > pace_.inputs) return call->at + pace_.span;
    }
    return turn;
  }
  void spend(TimePoint now, std::size_t inputs) {
    if (pace_.calls == 0 && pace_.inputs == 0) return;
    while (!sent_.empty() && sent_.front().at + pace_.span <= now) sent_.pop_front();
    sent_.push_back({now, std::min(inputs, pace_.inputs)});
  }
  /// Nothing would be lost if the line were made anew.
  bool is_blank(TimePoint now) const { return size() == 0 && (sent_.empty() || sent_.back().at + pace_.span <= now); }

 private:
  struct Sent {
    TimePoint at;
    std::size_t inputs;
  };
  const OutboundCalls::Pace pace_;
  std::deque<Sent> sent_;  // of the last `pace_.span`, in order
};

std::string outcome_of(const Result<Response>& result) {
  if (result) return std::to_string(result->status);
  return result.error().code == ErrorCode::deadline_exceeded ? "timeout" : "broken";
}

}  // namespace

/// What the calls share; they keep it alive until the last of them is over.
class OutboundCalls::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Client& client, Timer& timer, Options options)
      : client_(client), timer_(timer), expiries_(timer), options_(std::move(options)) {}

  void start(const CallPtr& call);
  void shut_down();
  /// Returns when no attempt is on its way to the client.
  void wait_until_sent();

 private:
  void admit(const CallPtr& call);
  Line& line_of(const Call& call) { return lines_.try_emplace(call.terms_.line, call.terms_.pace).first->second; }
  void end(const CallPtr& call, Reason reason);
  void leave_lookup(const Call& call);
  /// What look-ups are counted by: all together where calls are.
  std::string lookup_group(const Call& call) const { return options_.max_in_flight > 0 ? "" : call.origin_; }
  TimePoint lookup_turn(const Call& call, TimePoint now);
  CallPtr next_ready(TimePoint now, TimePoint& wake_at);
  void send_ready();
  void attempt(const CallPtr& call);
  void send(const CallPtr& call, ClientRequest request);
  void release(const Call& call);
  void settle(const CallPtr& call, Result<Response> result);
  void repeat(const CallPtr& call);
  /// Does something for a call, which ends if that throws: a call must not be lost on the way.
  template <class Action>
  void guard(const CallPtr& call, Action action) {
    try {
      action();
    } catch (const std::exception&) {
      end(call, Reason::fault);
    }
  }

  Client& client_;
  Timer& timer_;
  Expiries expiries_;  // of calls: they may end long before, and their callers choose how many and how late
  const Options options_;
  std::mutex mutex_;
  std::map<std::string, Line> lines_;
  std::string last_served_;               // lines take turns in the map's order
  std::map<std::string, int> in_flight_;  // by origin
  int all_in_flight_ = 0;
  std::map<std::string, std::deque<TimePoint>> lookups_;  // that ended calls left, by group: when they have ended
  std::set<CallPtr> calls_;                               // all that are not over
  int sending_ = 0;                                       // attempts on their way to the client
  std::condition_variable sent_;
  TimePoint wake_at_ = TimePoint::max();  // when a task of the timer looks at the lines again
  bool stopped_ = false;
};

void OutboundCalls::Core::start(const CallPtr& call) {
  guard(call, [&] {
    call->origin_ = origin_of(call->terms_.url);
    admit(call);
  });
}

void OutboundCalls::Core::admit(const CallPtr& call) {
  const Terms& terms = call->terms_;
  std::optional<Reason> refused;
  {
    const std::lock_guard lock(mutex_);
    call->begun_ = call->in_line_since_ = timer_.now();
    Line& line = line_of(*call);
    if (stopped_) {
      refused = Reason::stopped;
    } else if (terms.deadline <= call->begun_) {
      refused = Reason::late;
    } else if (options_.line_capacity > 0 && line.size() >= options_.line_capacity) {
      refused = Reason::line_full;
    } else {
      calls_.insert(call);
      line.lanes.at(terms.lane).push_back(call);
    }
  }
  if (refused) return end(call, *refused);
  const auto ending = [core = weak_from_this(), weak = std::weak_ptr(call)](Reason reason) {
    return [core, weak, reason] {
      const auto self = core.lock();
      const auto ended = weak.lock();
      if (self && ended) self->end(ended, reason);
    };
  };
  if (terms.deadline != TimePoint::max()) {
    const std::lock_guard lock(call->mutex_);
    if (!call->over_) call->deadline_.emplace(expiries_.add(terms.deadline, ending(Reason::late)));
  }
  if (terms.cancellation) call->registration_ = Cancellation::on_cancel(terms.cancellation, ending(Reason::cancelled));
  send_ready();
}

void OutboundCalls::Core::end(const CallPtr& call, Reason reason) {
  {
    const std::lock_guard lock(call->mutex_);
    if (std::exchange(call->over_, true)) return;
    call->deadline_.reset();
    call->repetition_.reset();
  }
  End end{reason};
  {
    const std::lock_guard lock(mutex_);
    calls_.erase(call);
    if (const auto out = in_flight_.find(call->origin_); out != in_flight_.end()) end.in_flight = out->second;
    if (const auto line = lines_.find(call->terms_.line); line != lines_.end() && reason != Reason::settled) {
      std::erase(line->second.lanes.at(call->terms_.lane), call);
      const TimePoint now = timer_.now();
      const TimePoint turn = line->second.next(now, call->terms_.inputs);
      end.wait = std::chrono::ceil<milliseconds>(std::max(turn, now) - now);
    }
  }
  try {
    call->end(end);
  } catch (...) {
    // A fault of one call must not end the others.
  }
}

void OutboundCalls::Core::leave_lookup(const Call& call) {
  const std::lock_guard lock(mutex_);
  const TimePoint now = timer_.now();
  std::erase_if(lookups_, [now](const auto& group) { return group.second.back() <= now; });
  lookups_[lookup_group(call)].push_back(now + k_lookup_time);
}

/// When the look-ups that were left allow one more; not after `now`: at once.
TimePoint OutboundCalls::Core::lookup_turn(const Call& call, TimePoint now) {
  const auto group = lookups_.find(lookup_group(call));
  if (group == lookups_.end()) return now;
  auto& ends = group->second;
  while (!ends.empty() && ends.front() <= now) ends.pop_front();
  if (ends.size() >= k_most_lookups) return ends.front();
  if (ends.empty()) lookups_.erase(group);
  return now;
}

/// The next call whose turn it is, with its connection counted. Else nothing, and `wake_at` is moved up to the
/// moment at which a pace allows one.
CallPtr OutboundCalls::Core::next_ready(TimePoint now, TimePoint& wake_at) {
  if (options_.max_in_flight > 0 && all_in_flight_ >= options_.max_in_flight) return nullptr;
  auto at = lines_.upper_bound(last_served_);
  for (std::size_t left = lines_.size(); left > 0; --left) {
    if (at == lines_.end()) at = lines_.begin();
    auto& [key, line] = *at;
    if (line.size() == 0) {
      at = line.is_blank(now) ? lines_.erase(at) : std::next(at);
      continue;
    }
    auto& lane = line.lanes[line.lanes[0].empty() ? 1 : 0];
    CallPtr call = lane.front();
    const bool paced = call->attempts_ == 0 || options_.paces_retries;
    const auto out = in_flight_.find(call->origin_);
    if (out != in_flight_.end() && out->second >= client_.max_connections_per_host()) {
      ++at;
    } else if (const TimePoint free = lookup_turn(*call, now); free > now) {
      wake_at = std::min(wake_at, free);
      ++at;
    } else if (const TimePoint turn = line.next(now, call->terms_.inputs); paced && turn > now) {
      wake_at = std::min(wake_at, turn);
      ++at;
    } else {
      last_served_ = key;
      int& in_flight = in_flight_[call->origin_];  // before the call leaves its line: it may throw
      lane.pop_front();
      if (paced) line.spend(now, call->terms_.inputs);
      ++in_flight;
      ++all_in_flight_;
      ++sending_;
      return call;
    }
  }
  return nullptr;
}

void OutboundCalls::Core::send_ready() {
  for (;;) {
    CallPtr call;
    TimePoint wake_at = TimePoint::max();
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      const TimePoint now = timer_.now();
      if (wake_at_ <= now) wake_at_ = TimePoint::max();
      call = next_ready(now, wake_at);
      if (!call && wake_at < wake_at_) {
        wake_at_ = wake_at;
        wake = true;
      }
    }
    if (wake) {
      // A fault there is the timer's to catch: whatever comes or ends next looks at the lines again.
      timer_.run_at(wake_at, [core = weak_from_this()] {
        if (const auto self = core.lock()) self->send_ready();
      });
    }
    if (!call) return;
    attempt(call);
    const std::lock_guard lock(mutex_);
    --sending_;
    sent_.notify_all();
  }
}

void OutboundCalls::Core::attempt(const CallPtr& call) {
  Reason reason = Reason::settled;
  try {
    if (options_.events.waited)
      options_.events.waited(std::chrono::duration<double>(timer_.now() - call->in_line_since_).count());
    std::optional<ClientRequest> request;
    {
      const std::lock_guard lock(call->mutex_);
      if (!call->over_) {
        ++call->attempts_;
        request = call->request();
      }
    }
    if (request) return send(call, *std::move(request));
  } catch (const std::exception&) {  // and the client has not taken it
    reason = Reason::fault;
  }
  release(*call);
  end(call, reason);
}

void OutboundCalls::Core::send(const CallPtr& call, ClientRequest request) {
  const auto left = std::chrono::ceil<milliseconds>(call->terms_.deadline - timer_.now());
  request.timeout = std::clamp(left, milliseconds(1), options_.attempt_timeout);
  request.cancellation = call->terms_.cancellation;
  request.lookup_left = [self = shared_from_this(), call] { self->leave_lookup(*call); };
  client_.send(std::move(request), [self = shared_from_this(), call](Result<Response> result) {
    self->release(*call);
    self->guard(call, [&] { self->settle(call, std::move(result)); });
    self->send_ready();
  });
}

void OutboundCalls::Core::release(const Call& call) {
  const std::lock_guard lock(mutex_);
  --all_in_flight_;
  const auto out = in_flight_.find(call.origin_);
  if (out != in_flight_.end() && --out->second <= 0) in_flight_.erase(out);
}

void OutboundCalls::Core::settle(const CallPtr& call, Result<Response> result) {
  const bool cancelled = !result && result.error().code == ErrorCode::cancelled;
  if (options_.events.answered && !cancelled) options_.events.answered(outcome_of(result));
  std::optional<milliseconds> wait;
  {
    const std::lock_guard lock(call->mutex_);
    if (call->over_) return;
    wait = call->read(std::move(result), call->attempts_);
  }
  const TimePoint now = timer_.now();
  const bool again = wait && call->attempts_ < options_.retry.max_attempts &&
                     now - call->begun_ < options_.retry_timeout && call->terms_.deadline - now > *wait;
  if (!again) return end(call, Reason::settled);
  if (options_.events.retried) options_.events.retried();
  const auto repeating = [core = weak_from_this(), weak = std::weak_ptr(call)] {
    const auto self = core.lock();
    const auto waiting = weak.lock();
    if (self && waiting) self->guard(waiting, [&] { self->repeat(waiting); });
  };
  const std::lock_guard lock(call->mutex_);
  if (!call->over_) call->repetition_.emplace(expiries_.add(now + *wait, repeating));
}

void OutboundCalls::Core::repeat(const CallPtr& call) {
  {
    const std::lock_guard lock(mutex_);
    if (!calls_.contains(call)) return;
    call->in_line_since_ = timer_.now();
    line_of(*call).lanes.at(call->terms_.lane).push_front(call);
  }
  send_ready();
}

void OutboundCalls::Core::shut_down() {
  std::set<CallPtr> open;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    lines_.clear();
    open.swap(calls_);
  }
  for (const auto& call : open) end(call, Reason::stopped);
}

void OutboundCalls::Core::wait_until_sent() {
  std::unique_lock lock(mutex_);
  sent_.wait(lock, [this] { return sending_ == 0; });
}

OutboundCalls::OutboundCalls(Client& client, Timer& timer, Options options)
    : core_(std::make_shared<Core>(client, timer, std::move(options))) {}

OutboundCalls::~OutboundCalls() {
  core_->shut_down();
  core_->wait_until_sent();
}

void OutboundCalls::start(const std::shared_ptr<Call>& call) {
  core_->start(call);
}

void OutboundCalls::shut_down() {
  core_->shut_down();
}

}  // namespace sightline::http
