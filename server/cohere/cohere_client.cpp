#include "server/cohere/cohere_client.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <utility>

#include "server/cohere/call_budget.h"
#include "server/cohere/call_failure.h"
#include "server/http/client.h"

namespace sightline::cohere {
namespace {

using serving::UpstreamFailure;
using std::chrono::milliseconds;
using TimePoint = Timer::Clock::time_point;

// Of an answer: 96 vectors of 1536 numbers are 3 MB, and the texts come back with them.
constexpr std::size_t k_max_answer_bytes = 32u << 20;

struct Job {
  CohereClient::Call call;
  CohereClient::Callback done;
  TimePoint in_line_since;
  int attempts = 0;
  bool out = false;                             // an attempt is under way
  std::optional<UpstreamFailure> last_failure;  // of an attempt that was to be repeated
};
using JobPtr = std::shared_ptr<Job>;

UpstreamFailure shutting_down() {
  return {503, "the server is shutting down: send the request again later", std::nullopt};
}

bool nobody_waits(const Job& job) {
  const auto& cancellation = job.call.options.cancellation;
  return cancellation && cancellation->requested();
}

/// Scheme, host and path, nothing else: what follows is put together with it, and it stands in messages.
bool is_base_url(std::string_view url) {
  const std::size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
  return scheme != 0 && url.size() > scheme && url[scheme] != '/' &&
         std::all_of(url.begin(), url.end(), [](unsigned char c) {
           return c > 0x20 && c < 0x7F && c != '@' && c != '?' && c != '#' && c != '\\';
         });
}

}  // namespace

/// What calls share; they keep it alive until the last of them is over.
struct CohereClient::Core : std::enable_shared_from_this<CohereClient::Core> {
  Core(Options given, Timer& t) : options(std::move(given)), timer(t), budget_(options.calls_per_minute) {}

  void start(JobPtr job);
  void shut_down();
  /// Ends the HTTP client; its last callbacks run within. After `shut_down`, and not from a callback.
  void close();

  const Options options;
  Timer& timer;
  std::unique_ptr<http::Client> http;  // ends before the core, which may end on the client's own thread

 private:
  enum class Turn { go, drop, late };
  struct Next {
    JobPtr job;
    Turn turn = Turn::go;
    std::optional<TimePoint> wake_at;
  };
  Next next(TimePoint now);
  void send_ready();
  /// Nothing: there is no memory for it.
  std::optional<http::ClientRequest> request_of(const Job& job) const;
  void attempt(const JobPtr& job);
  void give_place_back(Job& job);
  void settle(const JobPtr& job, Result<http::Response> result);
  void retry_or_fail(const JobPtr& job, CallFailure failure);
  void enqueue_again(const JobPtr& job);
  void expire(const JobPtr& job);
  void finish(const JobPtr& job, Result<std::string, UpstreamFailure> outcome);
  UpstreamFailure too_late(const Job& job) const;
  milliseconds back_off(int attempts) const;

  mutable std::mutex mutex_;
  std::array<std::deque<JobPtr>, serving::k_lanes> lines_;
  std::set<JobPtr> jobs_;  // all that are not over
  CallBudget budget_;
  int out_ = 0;
  int starting_ = 0;  // attempts on their way to the HTTP client
  std::condition_variable started_;
  TimePoint wake_at_ = TimePoint::max();  // when a task of the timer looks at the lines again
  bool stopped_ = false;
};

void CohereClient::Core::start(JobPtr job) {
  const TimePoint deadline = job->call.options.deadline;
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      job->in_line_since = timer.now();
      lines_[static_cast<std::size_t>(job->call.options.lane)].push_back(job);
      jobs_.insert(job);
    }
    if (stopped_) job->last_failure = shutting_down();
  }
  if (job->last_failure) return job->done(*job->last_failure);
  if (deadline != TimePoint::max()) {
    timer.run_at(deadline, [core = weak_from_this(), waiting = std::weak_ptr(job)] {
      const auto self = core.lock();
      const auto late = waiting.lock();
      if (self && late) self->expire(late);
    });
  }
  send_ready();
}

/// The next call whose turn it is. Else nothing, and when the budget lets one through.
CohereClient::Core::Next CohereClient::Core::next(TimePoint now) {
  for (auto& line : lines_) {
    if (line.empty()) continue;
    JobPtr job = line.front();
    const Turn turn = nobody_waits(*job)                  ? Turn::drop
                      : job->call.options.deadline <= now ? Turn::late
                                                          : Turn::go;
    if (turn == Turn::go) {
      if (out_ >= options.concurrency) return {};
      if (const TimePoint at = budget_.next(now); at > now) return {nullptr, turn, at};
      budget_.spend(now);
      ++out_;
      ++starting_;
      job->out = true;
    }
    line.pop_front();
    return {std::move(job), turn, std::nullopt};
  }
  return {};
}

void CohereClient::Core::send_ready() {
  for (;;) {
    Next ready;
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      const TimePoint now = timer.now();
      if (wake_at_ <= now) wake_at_ = TimePoint::max();
      ready = next(now);
      if (ready.wake_at && *ready.wake_at < wake_at_) {
        wake_at_ = *ready.wake_at;
        wake = true;
      }
    }
    if (wake) {
      timer.run_at(*ready.wake_at, [core = weak_from_this()] {
        if (const auto self = core.lock()) self->send_ready();
      });
    }
    if (!ready.job) return;
    if (ready.turn == Turn::go) attempt(ready.job);
    if (ready.turn == Turn::drop) finish(ready.job, client_left());
    if (ready.turn == Turn::late) finish(ready.job, too_late(*ready.job));
  }
}

std::optional<http::ClientRequest> CohereClient::Core::request_of(const Job& job) const {
  http::ClientRequest request;
  request.method = http::Method::post;
  request.url = options.url + "/v2/embed";
  request.headers.set("Authorization", "Bearer " + job.call.key);
  request.headers.set("Content-Type", "application/json");
  request.headers.set("Accept", "application/json");
  request.headers.set("X-Client-Name", "sightline");
  const auto left = std::chrono::ceil<milliseconds>(job.call.options.deadline - timer.now());
  request.timeout = std::clamp(left, milliseconds(1), options.call_timeout);
  try {
    request.body = job.call.body();
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
  return request;
}

void CohereClient::Core::attempt(const JobPtr& job) {
  ++job->attempts;
  if (options.events.waited)
    options.events.waited(std::chrono::duration<double>(timer.now() - job->in_line_since).count());
  auto request = request_of(*job);
  if (!request) {
    give_place_back(*job);
    finish(job, no_memory());
  } else {
    http->send(*std::move(request), [self = shared_from_this(), job](Result<http::Response> result) {
      self->give_place_back(*job);
      self->settle(job, std::move(result));
      self->send_ready();
    });
  }
  const std::lock_guard lock(mutex_);
  --starting_;
  started_.notify_all();
}

void CohereClient::Core::give_place_back(Job& job) {
  const std::lock_guard lock(mutex_);
  --out_;
  job.out = false;
}

void CohereClient::Core::settle(const JobPtr& job, Result<http::Response> result) {
  if (options.events.answered) options.events.answered(outcome_of(result));
  if (result.ok() && result->status >= 200 && result->status < 300)
    return finish(job, std::move(result->body));
  retry_or_fail(job, result ? failure_of_answer(*result, job->call.key)
                            : failure_of_exchange(result.error(), options.call_timeout));
}

void CohereClient::Core::retry_or_fail(const JobPtr& job, CallFailure failure) {
  const TimePoint now = timer.now();
  const auto asked = failure.failure.retry_after;
  const milliseconds wait = asked ? milliseconds(*asked) : back_off(job->attempts);
  if (failure.failure.status == 429 && !asked)
    failure.failure.retry_after = std::chrono::ceil<std::chrono::seconds>(wait);
  const bool again = failure.retryable && job->attempts < options.max_attempts &&
                     (!asked || *asked <= options.longest_retry_after) &&
                     job->call.options.deadline - now > wait && !nobody_waits(*job);
  if (!again) return finish(job, std::move(failure.failure));
  {
    const std::lock_guard lock(mutex_);
    job->last_failure = std::move(failure.failure);
  }
  if (options.events.retried) options.events.retried();
  timer.run_at(now + wait, [core = weak_from_this(), job] {
    if (const auto self = core.lock()) self->enqueue_again(job);
  });
}

milliseconds CohereClient::Core::back_off(int attempts) const {
  const auto doubled = options.retry_delay * (1 << std::min(attempts - 1, 16));
  const auto bound = std::min<milliseconds>(doubled, options.max_retry_delay);
  const milliseconds half = bound / 2;
  return half + milliseconds(static_cast<std::int64_t>(options.random() * static_cast<double>(half.count())));
}

void CohereClient::Core::enqueue_again(const JobPtr& job) {
  {
    const std::lock_guard lock(mutex_);
    if (!jobs_.contains(job)) return;
    job->in_line_since = timer.now();
    lines_[static_cast<std::size_t>(job->call.options.lane)].push_front(job);
  }
  send_ready();
}

/// The deadline is there. An attempt that is out has a limit of its own and is left to it.
void CohereClient::Core::expire(const JobPtr& job) {
  {
    const std::lock_guard lock(mutex_);
    if (job->out) return;
    std::erase(lines_[static_cast<std::size_t>(job->call.options.lane)], job);
  }
  finish(job, too_late(*job));
}

void CohereClient::Core::finish(const JobPtr& job, Result<std::string, UpstreamFailure> outcome) {
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.erase(job) == 0) return;
  }
  const Callback done = std::exchange(job->done, nullptr);
  done(std::move(outcome));
}

/// Of a call that waited for its turn until the deadline: a matter of load, as long as Cohere refused none of
/// it.
UpstreamFailure CohereClient::Core::too_late(const Job& job) const {
  const std::lock_guard lock(mutex_);
  if (job.last_failure) return *job.last_failure;
  UpstreamFailure failure{429, "the call to Cohere did not get its turn in time: ", std::chrono::seconds(1)};
  const TimePoint now = timer.now();
  if (const TimePoint at = budget_.next(now); at > now) {
    failure.message += "the budget of " + std::to_string(options.calls_per_minute) +
                       " calls a minute is used up (--cohere-calls-per-minute); send less at once";
    failure.retry_after = std::chrono::ceil<std::chrono::seconds>(at - now);
  } else {
    failure.message += std::to_string(out_) + " calls are out (--cohere-concurrency); send less at once";
  }
  return failure;
}

void CohereClient::Core::shut_down() {
  std::set<JobPtr> open;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (auto& line : lines_) line.clear();
    open = jobs_;
  }
  for (const auto& job : open) finish(job, shutting_down());
}

void CohereClient::Core::close() {
  {
    std::unique_lock lock(mutex_);
    started_.wait(lock, [this] { return starting_ == 0; });
  }
  http.reset();
}

CohereClient::CohereClient(std::shared_ptr<Core> core) : core_(std::move(core)) {}

CohereClient::~CohereClient() {
  core_->shut_down();
  core_->close();
}

Result<std::unique_ptr<CohereClient>> CohereClient::create(Options options, Timer& timer) {
  while (options.url.ends_with('/')) options.url.pop_back();
  if (!is_base_url(options.url)) {
    return Error{ErrorCode::invalid_argument,
                 "Cohere's URL must be http(s)://HOST[:PORT][/PATH], without user, query or fragment"};
  }
  if (options.concurrency < 1 || options.calls_per_minute < 0 || options.max_attempts < 1) {
    return Error{ErrorCode::invalid_argument,
                 "Cohere: at least one call at once and one attempt, and no negative budget"};
  }
  http::Client::Options http;
  http.max_connections_per_host = options.concurrency;
  http.max_response_bytes = k_max_answer_bytes;
  auto client = http::Client::create(http);
  if (!client) return client.error();
  auto core = std::make_shared<Core>(std::move(options), timer);
  core->http = *std::move(client);
  return std::unique_ptr<CohereClient>(new CohereClient(std::move(core)));
}

void CohereClient::send(Call call, Callback done) {
  auto job = std::make_shared<Job>();
  job->call = std::move(call);
  job->done = std::move(done);
  core_->start(std::move(job));
}

void CohereClient::shut_down() {
  core_->shut_down();
}

}  // namespace sightline::cohere
