#include "server/elastic/inference/inference_executor.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <exception>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "base/cancellation.h"
#include "base/secret_mask.h"
#include "server/elastic/caller.h"
#include "server/elastic/inference/request_target.h"
#include "server/http/network_wait.h"

namespace sightline::elastic {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using TimePoint = Timer::Clock::time_point;

/// One call on its way. `callback` is empty once it is over.
struct Job {
  std::mutex mutex;  // held while the texts are read, so that they are not let go meanwhile
  InferenceExecutor::Callback callback;
  std::shared_ptr<const Endpoint> endpoint;
  InferenceInput input;
  http::ClientRequest target;  // without its body
  Cancellation::Registration registration;
  std::string route, line;
  TimePoint begun, deadline = TimePoint::max();
  milliseconds timeout{0};
  int attempts = 0;
  ElasticError fault;  // what it ends with if there is no memory to say more
};
using JobPtr = std::shared_ptr<Job>;

/// Calls of endpoints with equal settings, which share a rate limit.
struct Line {
  std::deque<JobPtr> waiting;
  TimePoint next_allowed = TimePoint::min();
};

/// As Java prints a TimeValue: "30s", "1.5s", "250ms".
std::string duration_text(milliseconds duration) {
  const auto count = duration.count();
  if (count < 1000) return std::to_string(count) + "ms";
  if (count % 3'600'000 == 0) return std::to_string(count / 3'600'000) + "h";
  if (count % 60'000 == 0) return std::to_string(count / 60'000) + "m";
  std::string text = std::to_string(count / 1000);
  if (const auto tenths = count % 1000 / 100; tenths != 0) text += "." + std::to_string(tenths);
  return text + "s";
}

ElasticError timed_out(milliseconds timeout, milliseconds longest) {
  std::string reason = "Request timed out after [" + duration_text(timeout) + "]";
  if (timeout >= longest) reason += ", which is as long as [--elasticsearch-max-inference-timeout] allows";
  return {408, "status_exception", std::move(reason)};
}

ElasticError too_many_hops(const std::string& endpoint_id) {
  return illegal_argument("inference entity id [" + endpoint_id +
                          "] is not called: the request comes out of [" + std::to_string(k_most_hops) +
                          "] inference calls, each made by the one before, as where an endpoint calls "
                          "itself; give the endpoint the URL of a server that runs models");
}

ElasticError shutting_down() {
  return {503, "status_exception", "the server is shutting down, send the request again later"};
}

ElasticError queue_full(const std::string& endpoint_id) {
  return {429, "es_rejected_execution_exception",
          "Failed to execute task for inference id [" + endpoint_id +
              "] because the request service queue is full"};
}

Failure failure_of_exchange(const Error& error, const Job& job, milliseconds longest) {
  switch (error.code) {
    case ErrorCode::deadline_exceeded:
      return {timed_out(job.timeout.count() > 0 ? job.timeout : longest, longest), false};
    case ErrorCode::cancelled:
      return {shutting_down(), false};
    case ErrorCode::unreachable:
    case ErrorCode::unavailable:
      break;
    default:
      return {{400, "status_exception", error.message}, false};
  }
  if (error.message.find("resolve host") != std::string::npos) {
    ElasticError unknown_host{
        400, "status_exception",
        "Invalid host [" + job.endpoint->service->url() + "], please check that the URL is correct."};
    unknown_host.cause_type = "unknown_host_exception";
    unknown_host.cause_reason = error.message;
    return {std::move(unknown_host), false};
  }
  return {{500, "connect_exception", error.message}, true};
}

std::string shown(std::string text, const Endpoint& endpoint) {
  for (const auto& [name, secret] : endpoint.secrets) text = without_secret(std::move(text), secret);
  return shortened(text);  // now, since many documents of a bulk may keep one
}

/// The error as it may be shown: an inference server may repeat what it was sent.
ElasticError without_secrets(ElasticError error, const Endpoint& endpoint) {
  error.reason = shown(std::move(error.reason), endpoint);
  error.cause_reason = shown(std::move(error.cause_reason), endpoint);
  for (auto& [name, value] : error.details) value = shown(std::move(value), endpoint);
  for (auto& cause : error.causes) cause = without_secrets(std::move(cause), endpoint);
  return error;
}

ElasticError count_mismatch(std::size_t results, std::size_t inputs) {
  return {500, "status_exception",
          "number of results [" + std::to_string(results) + "] does not match the number of inputs [" +
              std::to_string(inputs) + "]"};
}

}  // namespace

/// What the executor's calls share; they keep it alive until the last of them is over.
struct InferenceExecutor::Core : std::enable_shared_from_this<InferenceExecutor::Core> {
  Core(http::Client& c, Timer& t, Options o) : client(c), timer(t), options(std::move(o)) {}

  void start(JobPtr job);
  void send_ready();
  void finish(const JobPtr& job, Answer<Embeddings> outcome);
  void shut_down();
  /// Ends a call that may still be in line.
  void withdraw(const JobPtr& job, ElasticError error);
  /// Does something for a call, which ends with an error if it throws: a call must not be lost on the way.
  template <class Action>
  void guard(const JobPtr& job, Action action);

  http::Client& client;
  Timer& timer;
  const Options options;

 private:
  JobPtr next_ready(TimePoint now, TimePoint& wake_at);
  void send(const JobPtr& job);
  void hand_over(const JobPtr& job);
  void settle(const JobPtr& job, Result<http::Response> result);
  void fail(const JobPtr& job, Failure failure);
  bool shorten(const JobPtr& job);
  void enqueue_again(const JobPtr& job);
  void release(const std::string& route);

  std::mutex mutex_;
  std::map<std::string, Line> lines_;
  std::string last_served_;               // lines take turns in the map's order
  std::map<std::string, int> in_flight_;  // by route
  std::set<JobPtr> jobs_;                 // all that are not over
  TimePoint wake_at_ = TimePoint::max();  // when a task of the timer looks at the lines again
  bool stopped_ = false;
};

template <class Action>
void InferenceExecutor::Core::guard(const JobPtr& job, Action action) {
  try {
    action();
  } catch (const std::exception&) {
    finish(job, std::move(job->fault));
  }
}

void InferenceExecutor::Core::start(JobPtr job) {
  std::optional<ElasticError> refused;
  {
    std::lock_guard lock(mutex_);
    Line& line = lines_[job->line];
    if (stopped_) {
      refused = shutting_down();
    } else if (options.queue_capacity > 0 && line.waiting.size() >= options.queue_capacity) {
      refused = queue_full(job->endpoint->id);
    } else {
      jobs_.insert(job);
      line.waiting.push_back(job);
    }
  }
  if (refused) return finish(job, std::move(*refused));
  if (job->timeout.count() > 0) {
    timer.run_at(job->deadline, [core = weak_from_this(), waiting = std::weak_ptr(job)] {
      const auto self = core.lock();
      const auto late = waiting.lock();
      if (!self || !late) return;
      self->guard(late, [&] { self->withdraw(late, timed_out(late->timeout, self->options.longest_call)); });
    });
  }
  send_ready();
}

void InferenceExecutor::Core::finish(const JobPtr& job, Answer<Embeddings> outcome) {
  Callback callback;
  {
    std::lock_guard lock(job->mutex);
    callback = std::exchange(job->callback, nullptr);
  }
  {
    std::lock_guard lock(mutex_);
    jobs_.erase(job);
  }
  if (!callback) return;
  if (!outcome) return callback(without_secrets(outcome.error(), *job->endpoint));
  callback(std::move(outcome));
}

/// The next call whose turn it is, with its connection counted. Else nothing, and `wake_at` is moved up to
/// the moment at which a rate limit lets one through.
JobPtr InferenceExecutor::Core::next_ready(TimePoint now, TimePoint& wake_at) {
  auto at = lines_.upper_bound(last_served_);
  for (std::size_t left = lines_.size(); left > 0; --left) {
    if (at == lines_.end()) at = lines_.begin();
    auto& [key, line] = *at;
    if (line.waiting.empty()) {
      at = line.next_allowed <= now ? lines_.erase(at) : std::next(at);
      continue;
    }
    JobPtr job = line.waiting.front();
    const bool again = job->attempts > 0;  // the rate limit was paid already
    if (in_flight_[job->route] >= options.max_connections_per_route) {
      ++at;
    } else if (!again && line.next_allowed > now) {
      wake_at = std::min(wake_at, line.next_allowed);
      ++at;
    } else {
      last_served_ = key;
      line.waiting.pop_front();
      ++in_flight_[job->route];
      if (!again) {
        const auto pace = std::chrono::microseconds(60'000'000 / job->endpoint->requests_per_minute);
        line.next_allowed = now + pace;
      }
      return job;
    }
  }
  return nullptr;
}

void InferenceExecutor::Core::send_ready() {
  for (;;) {
    JobPtr job;
    TimePoint wake_at = TimePoint::max();
    bool wake = false;
    {
      std::lock_guard lock(mutex_);
      const TimePoint now = timer.now();
      if (wake_at_ <= now) wake_at_ = TimePoint::max();
      job = next_ready(now, wake_at);
      if (!job && wake_at < wake_at_) {
        wake_at_ = wake_at;
        wake = true;
      }
    }
    if (wake) {
      timer.run_at(wake_at, [core = weak_from_this()] {
        const auto self = core.lock();
        try {
          if (self) self->send_ready();
        } catch (const std::exception&) {
          // The lines stay as they are, and whatever comes or ends next looks at them again.
        }
      });
    }
    if (!job) return;
    send(job);
  }
}

void InferenceExecutor::Core::send(const JobPtr& job) {
  try {
    hand_over(job);
  } catch (const std::exception&) {  // and the client has not taken it
    release(job->route);
    finish(job, std::move(job->fault));
  }
}

void InferenceExecutor::Core::hand_over(const JobPtr& job) {
  http::ClientRequest request;
  std::optional<ElasticError> refused;
  {
    std::lock_guard lock(job->mutex);
    if (!job->callback) return release(job->route);
    ++job->attempts;
    auto body = job->endpoint->service->body(*job->endpoint, job->input);
    if (body) {
      request = job->target;
      request.body = std::move(*body);
    } else {
      refused = construction_failed(job->endpoint->service->name(), body.error());
    }
  }
  if (refused) {
    release(job->route);
    return finish(job, std::move(*refused));
  }
  request.timeout = options.longest_call;
  if (job->timeout.count() > 0) {
    request.timeout = std::max(milliseconds(1), duration_cast<milliseconds>(job->deadline - timer.now()));
  }
  client.send(std::move(request), [self = shared_from_this(), job](Result<http::Response> result) {
    self->release(job->route);
    self->guard(job, [&] {
      self->send_ready();
      self->settle(job, std::move(result));
    });
  });
}

void InferenceExecutor::Core::settle(const JobPtr& job, Result<http::Response> result) {
  if (!result) return fail(job, failure_of_exchange(result.error(), *job, options.longest_call));
  ServiceAnswer answer = job->endpoint->service->read(*result, *job->endpoint);
  if (auto* failure = std::get_if<Failure>(&answer)) return fail(job, std::move(*failure));
  auto& embeddings = std::get<Embeddings>(answer);
  const std::size_t inputs = job->input.texts.size();
  if (embeddings.size() != inputs) return finish(job, count_mismatch(embeddings.size(), inputs));
  finish(job, std::move(embeddings));
}

void InferenceExecutor::Core::fail(const JobPtr& job, Failure failure) {
  const TimePoint now = timer.now();
  const bool in_time = job->attempts < options.max_attempts && now - job->begun < options.retry_timeout;
  const bool again = in_time && (failure.retryable || (failure.too_long && shorten(job)));
  if (!again) return finish(job, std::move(failure.error));
  const auto bound = std::min(options.retry_delay * (1 << (job->attempts - 1)), options.max_retry_delay);
  const auto range = (bound.count() + 1) / 2;
  const auto wait = milliseconds(bound.count() - range + 1 +
                                 static_cast<long>(options.random() * static_cast<double>(range)));
  timer.run_at(now + std::min<Timer::Clock::duration>(wait, bound), [core = weak_from_this(), job] {
    if (const auto self = core.lock()) self->guard(job, [&] { self->enqueue_again(job); });
  });
}

/// True if the next try is another one: with texts half as long.
bool InferenceExecutor::Core::shorten(const JobPtr& job) {
  std::lock_guard lock(job->mutex);
  return job->callback && cut_in_half(job->input);
}

void InferenceExecutor::Core::enqueue_again(const JobPtr& job) {
  {
    std::lock_guard lock(mutex_);
    if (!jobs_.contains(job)) return;
    lines_[job->line].waiting.push_front(job);
  }
  send_ready();
}

void InferenceExecutor::Core::withdraw(const JobPtr& job, ElasticError error) {
  {
    std::lock_guard lock(mutex_);
    if (const auto line = lines_.find(job->line); line != lines_.end()) std::erase(line->second.waiting, job);
  }
  finish(job, std::move(error));
}

void InferenceExecutor::Core::release(const std::string& route) {
  std::lock_guard lock(mutex_);
  const auto count = in_flight_.find(route);
  if (count != in_flight_.end() && --count->second <= 0) in_flight_.erase(count);
}

void InferenceExecutor::Core::shut_down() {
  std::set<JobPtr> open;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    lines_.clear();
    open.swap(jobs_);
  }
  for (const auto& job : open) finish(job, shutting_down());
}

ElasticError too_many_waiting() {
  return {429, "es_rejected_execution_exception",
          "too many requests wait for inference or for the cluster: [--elasticsearch-max-waiting-requests] "
          "bounds them; send the request again later"};
}

InferenceExecutor::InferenceExecutor(http::Client& client, Timer& timer, Options options)
    : core_(std::make_shared<Core>(client, timer, std::move(options))) {}

InferenceExecutor::~InferenceExecutor() {
  core_->shut_down();
}

void InferenceExecutor::shut_down() {
  core_->shut_down();
}

void InferenceExecutor::infer(std::shared_ptr<const Endpoint> endpoint, InferenceInput input,
                              milliseconds timeout, Callback callback) {
  const Service& service = *endpoint->service;
  if (input.hops >= k_most_hops) return callback(too_many_hops(endpoint->id));
  auto target = service.target(*endpoint);
  if (!target)
    return callback(without_secrets(construction_failed(service.name(), target.error()), *endpoint));
  if (service.cuts_texts() && endpoint->max_input_tokens) cut_to_tokens(input, *endpoint->max_input_tokens);
  auto job = std::make_shared<Job>();
  job->callback = std::move(callback);
  job->target = std::move(*target);
  job->target.headers.set(k_hops_header, std::to_string(input.hops + 1));
  job->target.cancellation = current_cancellation();
  job->route = route_of(job->target.url);
  job->line = service.rate_limit_group() + '\n' + std::to_string(endpoint->requests_per_minute);
  job->endpoint = std::move(endpoint);
  job->input = std::move(input);
  job->begun = core_->timer.now();
  job->timeout = std::min(timeout, core_->options.longest_call);
  job->fault = {500, "status_exception",
                "a fault of this server, such as a lack of memory, ended the call of inference entity id [" +
                    job->endpoint->id + "]; send the request again later"};
  if (timeout.count() > 0) job->deadline = job->begun + job->timeout;
  core_->guard(job, [&] { core_->start(job); });
  if (const auto& cancellation = job->target.cancellation) {
    // Last: if it is cancelled already the job ends at once. The HTTP call ends by itself.
    job->registration =
        Cancellation::on_cancel(cancellation, [core = core_->weak_from_this(), weak = std::weak_ptr(job)] {
          const auto self = core.lock();
          const auto cancelled = weak.lock();
          if (self && cancelled) self->withdraw(cancelled, shutting_down());
        });
  }
}

milliseconds InferenceExecutor::longest_call() const {
  return core_->options.longest_call;
}

Answer<Embeddings> InferenceExecutor::infer_and_wait(std::shared_ptr<const Endpoint> endpoint,
                                                     InferenceInput input, milliseconds timeout) {
  const http::NetworkWait wait(endpoint->id);
  if (!wait.granted()) return too_many_waiting();
  std::promise<Answer<Embeddings>> promise;
  auto outcome = promise.get_future();
  infer(std::move(endpoint), std::move(input), timeout,
        [&promise](Answer<Embeddings> answer) { promise.set_value(std::move(answer)); });
  {
    const http::NetworkWait::Lent lent(wait);
    outcome.wait();
  }
  check_cancelled();
  return outcome.get();
}

}  // namespace sightline::elastic
