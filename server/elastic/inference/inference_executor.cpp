#include "server/elastic/inference/inference_executor.h"

#include <algorithm>
#include <future>
#include <utility>

#include "base/cancellation.h"
#include "base/json/utf8.h"
#include "base/request_trace.h"
#include "base/secret_mask.h"
#include "server/elastic/caller.h"
#include "server/http/network_wait.h"

namespace sightline::elastic {
namespace {

using std::chrono::milliseconds;

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
  return illegal_argument("inference entity id [" + endpoint_id + "] is not called: the request is the result of [" +
                          std::to_string(k_most_hops) +
                          "] nested inference calls, as when an endpoint calls "
                          "itself; set the endpoint's URL to a server that runs models");
}

ElasticError fault_of_server(const std::string& endpoint_id) {
  return {500, "status_exception",
          "internal error of Sightline, such as a lack of memory, during the call of inference entity id [" +
              endpoint_id + "]; retry the request later"};
}

ElasticError shutting_down() {
  return {503, "status_exception", "the server is shutting down, retry the request later"};
}

ElasticError queue_full(const std::string& endpoint_id) {
  return {429, "es_rejected_execution_exception",
          "Failed to execute task for inference id [" + endpoint_id + "] because the request service queue is full"};
}

Failure failure_of_exchange(const Error& error, const Endpoint& endpoint, milliseconds timeout, milliseconds longest) {
  switch (error.code) {
    case ErrorCode::deadline_exceeded:
      return {timed_out(timeout, longest), false};
    case ErrorCode::cancelled:
      return {shutting_down(), false};
    case ErrorCode::unreachable:
    case ErrorCode::unavailable:
      break;
    default:
      return {{400, "status_exception", error.message}, false};
  }
  if (error.message.find("resolve host") != std::string::npos) {
    ElasticError unknown_host{400, "status_exception",
                              "Invalid host [" + endpoint.service->url() + "], please check that the URL is correct."};
    unknown_host.cause_type = "unknown_host_exception";
    unknown_host.cause_reason = error.message;
    return {std::move(unknown_host), false};
  }
  return {{500, "connect_exception", error.message}, true};
}

/// Bytes of a text that are searched for secrets: twice what is shown of it, as masks are shorter than most secrets.
constexpr std::size_t k_masked_bytes = 16u << 10;

constexpr std::size_t k_shown_bytes = 8000;  // of a longer one

/// Replaces a text by what may be shown of it. Shortened now, since many documents of a bulk may keep one.
void mask(std::string& text, const SecretMask& secrets) {
  const std::size_t not_masked = text.size() - std::min(text.size(), k_masked_bytes);
  std::string masked = secrets.masked(text, k_masked_bytes);
  const std::string_view begin = not_masked == 0 ? masked : json::first_bytes(masked, k_shown_bytes);
  text = shortened(begin);
  if (not_masked > 0) text += "... (" + std::to_string(masked.size() - begin.size() + not_masked) + " bytes more)";
}

void mask(ElasticError& error, const SecretMask& secrets) {
  mask(error.reason, secrets);
  mask(error.cause_reason, secrets);
  for (auto& [name, value] : error.details) mask(value, secrets);
  for (auto& cause : error.causes) mask(cause, secrets);
}

/// The error as it may be shown: an inference server may repeat what it was sent.
ElasticError without_secrets(ElasticError error, const Endpoint& endpoint) {
  std::vector<std::string_view> secrets;
  for (const auto& [name, secret] : endpoint.secrets) secrets.push_back(secret);
  mask(error, SecretMask(secrets));
  return error;
}

/// An endpoint's own fields keep their values.
void add_missing(http::Headers& headers, const http::Headers& more) {
  for (const auto& [name, value] : more.all()) {
    if (!headers.get(name)) headers.set(name, value);
  }
}

ElasticError count_mismatch(std::size_t results, std::size_t inputs) {
  return {500, "status_exception",
          "number of results [" + std::to_string(results) + "] does not match the number of inputs [" +
              std::to_string(inputs) + "]"};
}

/// Of a body, over its inputs, that is not worth counting: the inputs as JSON, and a usual template.
constexpr std::size_t k_least_growth = 1u << 20;

ElasticError bodies_too_large(const std::string& endpoint_id) {
  return {429, "es_rejected_execution_exception",
          "the requests that templates such as that of inference id [" + endpoint_id +
              "] make of their inputs take too much memory together; retry the request later, or have the template "
              "repeat the inputs less often"};
}

/// One call of an endpoint.
class InferenceCall final : public http::OutboundCalls::Call {
 public:
  /// `timeout`: what an error names, also where the request set none.
  InferenceCall(http::OutboundCalls::Terms terms, std::shared_ptr<const Endpoint> endpoint, InferenceInput input,
                http::ClientRequest target, milliseconds timeout,
                std::shared_ptr<const InferenceExecutor::Options> options, http::BufferShare growth,
                InferenceExecutor::Callback callback)
      : Call(std::move(terms)),
        endpoint_(std::move(endpoint)),
        input_(std::move(input)),
        target_(std::move(target)),
        timeout_(timeout),
        options_(std::move(options)),
        growth_(std::move(growth)),
        callback_(std::move(callback)) {}

 private:
  std::optional<http::ClientRequest> request() override {
    auto body = endpoint_->service->body(*endpoint_, input_);
    if (!body) {
      fail(construction_failed(endpoint_->service->name(), body.error()));
      return std::nullopt;
    }
    if (!growth_.grow_to(body->size() - std::min(body->size(), free_bytes()))) {
      fail(bodies_too_large(endpoint_->id));
      return std::nullopt;
    }
    http::ClientRequest request = target_;
    request.body = *std::move(body);
    return request;
  }

  std::optional<milliseconds> read(Result<http::Response> result, int attempts) override {
    growth_.clear();  // the body was sent
    ServiceAnswer answer = result ? endpoint_->service->read(*result, *endpoint_)
                                  : failure_of_exchange(result.error(), *endpoint_, timeout_, options_->longest_call);
    if (auto* failure = std::get_if<Failure>(&answer)) {
      fail(std::move(failure->error));  // masked and cut, as it may wait for the next attempt
      // Where the texts are too long the next attempt is another one: with half of them.
      const bool again = failure->retryable || (failure->too_long && cut_in_half(input_));
      return again ? std::optional(options_->retry.wait_after(attempts)) : std::nullopt;
    }
    auto& embeddings = std::get<Embeddings>(answer);
    if (embeddings.size() == input_.vectors()) {
      outcome_ = std::move(embeddings);
    } else {
      fail(count_mismatch(embeddings.size(), input_.vectors()));
    }
    return std::nullopt;
  }

  void fail(ElasticError error) { outcome_ = without_secrets(std::move(error), *endpoint_); }

  std::size_t free_bytes() const {
    std::size_t bytes = k_least_growth;
    for (const std::string_view text : input_.texts) bytes += 2 * text.size();  // JSON escapes some characters
    return bytes;
  }

  void end(const http::OutboundCalls::End& end) override {
    stage_.end();
    growth_.clear();
    using Reason = http::OutboundCalls::End::Reason;
    switch (end.reason) {
      case Reason::settled:
        break;
      case Reason::line_full:
        fail(queue_full(endpoint_->id));
        break;
      case Reason::late:
        fail(timed_out(timeout_, options_->longest_call));
        break;
      case Reason::cancelled:
      case Reason::stopped:
        fail(shutting_down());
        break;
      case Reason::fault:
        outcome_ = std::move(fault_);  // as there may be no memory to mask it, and it quotes no one
        break;
    }
    callback_(std::move(outcome_));
  }

  const std::shared_ptr<const Endpoint> endpoint_;
  InferenceInput input_;
  const http::ClientRequest target_;  // without its body
  const milliseconds timeout_;
  const std::shared_ptr<const InferenceExecutor::Options> options_;
  http::BufferShare growth_;  // of the body that is being sent
  const InferenceExecutor::Callback callback_;
  StageSpan stage_{current_trace(), Stage::endpoint};
  ElasticError fault_ = fault_of_server(endpoint_->id);  // made now, as there may be no memory then
  Answer<Embeddings> outcome_ = Embeddings();
};

}  // namespace

ElasticError too_many_waiting() {
  return {429, "es_rejected_execution_exception",
          "too many requests wait for inference or for the cluster: [--elasticsearch-max-waiting-requests] "
          "bounds them; retry the request later"};
}

InferenceExecutor::InferenceExecutor(http::Client& client, Timer& timer, Options options)
    : options_(std::make_shared<const Options>(std::move(options))),
      timer_(timer),
      growth_(std::make_shared<http::BufferBudget>(options_->max_growth_bytes)),
      calls_(client, timer,
             {.line_capacity = options_->queue_capacity,
              .attempt_timeout = options_->longest_call,
              .retry = options_->retry,
              .retry_timeout = options_->retry_timeout}) {}

void InferenceExecutor::infer(std::shared_ptr<const Endpoint> endpoint, InferenceInput input, milliseconds timeout,
                              Callback callback) {
  const Service& service = *endpoint->service;
  if (input.hops >= k_most_hops) return callback(too_many_hops(endpoint->id));
  auto target = service.target(*endpoint);
  if (!target) return callback(without_secrets(construction_failed(service.name(), target.error()), *endpoint));
  if (service.cuts_texts() && endpoint->max_input_tokens) cut_to_tokens(input, *endpoint->max_input_tokens);
  target->headers.set(k_hops_header, std::to_string(input.hops + 1));
  if (options_->is_own_url && options_->is_own_url(target->url)) add_missing(target->headers, input.ids);
  http::OutboundCalls::Terms terms{target->url,
                                   service.rate_limit_group() + '\n' + std::to_string(endpoint->requests_per_minute)};
  terms.pace = {1, std::chrono::microseconds(60'000'000 / endpoint->requests_per_minute)};
  terms.cancellation = current_cancellation();
  const bool limited = timeout.count() > 0;
  timeout = limited ? std::min(timeout, options_->longest_call) : options_->longest_call;
  if (limited) terms.deadline = timer_.now() + timeout;
  calls_.start(std::make_shared<InferenceCall>(std::move(terms), std::move(endpoint), std::move(input),
                                               *std::move(target), timeout, options_, http::BufferShare(growth_),
                                               std::move(callback)));
}

Answer<Embeddings> InferenceExecutor::infer_and_wait(std::shared_ptr<const Endpoint> endpoint, InferenceInput input,
                                                     milliseconds timeout) {
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
