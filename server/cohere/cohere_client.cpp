#include "server/cohere/cohere_client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/cohere/call_failure.h"

namespace sightline::cohere {
namespace {

using serving::UpstreamFailure;
using std::chrono::milliseconds;

// Of an answer: 96 vectors of 1536 numbers are 3 MB, and the texts come back with them.
constexpr std::size_t k_max_answer_bytes = 32u << 20;

/// Scheme, host and path, nothing else: what follows is put together with it, and it stands in messages.
bool is_base_url(std::string_view url) {
  const std::size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : 0;
  return scheme != 0 && url.size() > scheme && url[scheme] != '/' &&
         std::all_of(url.begin(), url.end(), [](unsigned char c) {
           return c > 0x20 && c < 0x7F && c != '@' && c != '?' && c != '#' && c != '\\';
         });
}

/// One call of POST /v2/embed.
class EmbedCall final : public http::OutboundCalls::Call {
 public:
  EmbedCall(http::OutboundCalls::Terms terms, CohereClient::Call call,
            std::shared_ptr<const CohereClient::Options> options, CohereClient::Callback done)
      : Call(std::move(terms)), call_(std::move(call)), options_(std::move(options)), done_(std::move(done)) {}

 private:
  std::optional<http::ClientRequest> request() override {
    std::optional<std::string> body = call_.body();
    if (!body) {
      failure_ = client_left();
      return std::nullopt;
    }
    http::ClientRequest request;
    request.method = http::Method::post;
    request.url = options_->url + "/v2/embed";
    request.headers.set("Authorization", "Bearer " + call_.key);
    request.headers.set("Content-Type", "application/json");
    request.headers.set("Accept", "application/json");
    request.headers.set("X-Client-Name", "sightline");
    request.body = *std::move(body);
    is_out_ = true;
    return request;
  }

  std::optional<milliseconds> read(Result<http::Response> result, int attempts) override {
    is_out_ = false;
    failure_.reset();
    if (result && result->status >= 200 && result->status < 300) {
      answer_ = std::move(result->body);
      return std::nullopt;
    }
    CallFailure failed =
        result ? failure_of_answer(*result, call_.key) : failure_of_exchange(result.error(), options_->call_timeout);
    failure_ = std::move(failed.failure);
    const auto asked = failure_->retry_after;
    const milliseconds wait = asked ? milliseconds(*asked) : options_->retry.wait_after(attempts);
    if (failure_->status == 429 && !asked) failure_->retry_after = std::chrono::ceil<std::chrono::seconds>(wait);
    if (!failed.retryable || (asked && *asked > options_->longest_retry_after)) return std::nullopt;
    return wait;
  }

  void end(const http::OutboundCalls::End& end) override {
    using Reason = http::OutboundCalls::End::Reason;
    switch (end.reason) {
      case Reason::settled:
      case Reason::line_full:  // lines have no limit
        break;
      case Reason::late:
        if (is_out_) failure_ = failure_with(ErrorCode::deadline_exceeded);
        if (!failure_) failure_ = no_turn(end);
        break;
      case Reason::cancelled:
        failure_ = client_left();
        break;
      case Reason::stopped:
        failure_ = failure_with(ErrorCode::cancelled);
        break;
      case Reason::fault:
        failure_ = no_memory();
        break;
    }
    if (failure_) return done_(*std::move(failure_));
    done_(std::move(answer_));
  }

  UpstreamFailure failure_with(ErrorCode code) const {
    return failure_of_exchange({code, {}}, options_->call_timeout).failure;
  }

  /// Of a call that waited for its turn until the deadline: a matter of load, as long as Cohere refused none of it.
  UpstreamFailure no_turn(const http::OutboundCalls::End& end) const {
    UpstreamFailure failure{429, "the call to Cohere did not start in time: ", std::chrono::seconds(1)};
    if (end.wait.count() > 0) {
      failure.message += "the budget of " + budgets() + "; send less at once";
      failure.retry_after = std::chrono::ceil<std::chrono::seconds>(end.wait);
    } else {
      failure.message +=
          std::to_string(end.in_flight) + " calls are in progress (--cohere-concurrency); send less at once";
    }
    return failure;
  }

  /// Those that the call may have to wait for, and their options.
  std::string budgets() const {
    std::string names, options;
    const auto add = [&](int limit, const char* of, const char* option) {
      if (limit == 0) return;
      names += (names.empty() ? "" : " or ") + std::to_string(limit) + " " + of + " per minute";
      options += (options.empty() ? "" : ", ") + std::string(option);
    };
    add(options_->calls_per_minute, "calls", "--cohere-calls-per-minute");
    if (call_.pictures > 0) add(options_->pictures_per_minute, "pictures", "--cohere-pictures-per-minute");
    return names + " is used up (" + options + ")";
  }

  const CohereClient::Call call_;
  const std::shared_ptr<const CohereClient::Options> options_;
  const CohereClient::Callback done_;
  bool is_out_ = false;                     // an attempt is under way
  std::optional<UpstreamFailure> failure_;  // of the last attempt
  std::string answer_;
};

}  // namespace

CohereClient::CohereClient(Options options, std::unique_ptr<http::Client> client, Timer& timer)
    : options_(std::make_shared<const Options>(std::move(options))),
      client_(std::move(client)),
      calls_(*client_, timer,
             {.attempt_timeout = options_->call_timeout,
              .retry = options_->retry,
              .paces_retries = true,
              .events = options_->events}) {}

Result<std::unique_ptr<CohereClient>> CohereClient::create(Options options, Timer& timer) {
  while (options.url.ends_with('/')) options.url.pop_back();
  if (!is_base_url(options.url)) {
    return Error{ErrorCode::invalid_argument,
                 "Cohere's URL must be http(s)://HOST[:PORT][/PATH], without user, query or fragment"};
  }
  if (options.concurrency < 1 || options.calls_per_minute < 0 || options.pictures_per_minute < 0 ||
      options.retry.max_attempts < 1) {
    return Error{ErrorCode::invalid_argument,
                 "Cohere: at least one call at once and one attempt, and no negative budget"};
  }
  http::Client::Options http;
  http.max_connections_per_host = options.concurrency;
  http.max_response_bytes = k_max_answer_bytes;
  auto client = http::Client::create(http);
  if (!client) return client.error();
  return std::unique_ptr<CohereClient>(new CohereClient(std::move(options), *std::move(client), timer));
}

void CohereClient::send(Call call, Callback done) {
  // Without a budget for all calls, texts need not wait for pictures.
  const bool apart = options_->calls_per_minute == 0 && call.pictures > 0;
  http::OutboundCalls::Terms terms{options_->url, /*line=*/apart ? "pictures" : ""};
  terms.pace.calls = static_cast<std::size_t>(options_->calls_per_minute);
  terms.pace.inputs = static_cast<std::size_t>(options_->pictures_per_minute);
  terms.inputs = call.pictures;
  terms.lane = static_cast<std::size_t>(call.options.lane);
  terms.deadline = call.options.deadline;
  terms.cancellation = call.options.cancellation;
  calls_.start(std::make_shared<EmbedCall>(std::move(terms), std::move(call), options_, std::move(done)));
}

}  // namespace sightline::cohere
