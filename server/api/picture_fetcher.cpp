#include "server/api/picture_fetcher.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/ascii_lower.h"
#include "base/data_url.h"
#include "base/file_kind.h"
#include "base/picture_url.h"
#include "base/trimmed.h"
#include "server/http/content_encoding.h"

namespace sightline::api {
namespace {

using std::chrono::milliseconds;

Error bad(std::string message) {
  return {ErrorCode::invalid_argument, std::move(message)};
}

/// What one call gave, or why it gave nothing.
struct Outcome {
  const char* name;
  Result<std::string> picture;
};

Outcome of_status(const std::string& host, int status) {
  const std::string answered = host + " answered " + std::to_string(status);
  if (status >= 300 && status < 400)
    return {"status", bad(answered + ": redirects are not followed, send the URL of the picture itself")};
  const bool may_pass = status == 429 || status >= 500;
  return {"status",
          Error{may_pass ? ErrorCode::unavailable : ErrorCode::invalid_argument, answered + " instead of a picture"}};
}

Outcome too_large(const std::string& host, std::size_t max_bytes) {
  return {"too_large",
          Error{ErrorCode::too_large, "the picture at " + host + " has more than " + std::to_string(max_bytes) +
                                          " bytes, the limit: send a smaller picture"}};
}

Outcome too_many(const std::string& host) {
  return {"overloaded", Error{ErrorCode::overloaded,
                              "too many pictures are being fetched, this one from " + host + ": retry the request"}};
}

Outcome too_slow(const std::string& host, milliseconds timeout) {
  return {"timeout",
          Error{ErrorCode::unavailable, host + " did not send the picture in time (at most " +
                                            std::to_string(timeout.count()) + " ms, --picture-url-timeout)"}};
}

/// Of a call without an answer. `unsupported` is the refusal of an address.
Outcome of_error(const std::string& host, const Error& error, const PictureFetcher::Options& options) {
  switch (error.code) {
    case ErrorCode::unsupported:
      return {"refused_address", bad(host + " has no public address, so pictures are not fetched from it: the server's "
                                            "operator can list its address in --picture-url-addresses")};
    case ErrorCode::deadline_exceeded:
      return too_slow(host, options.timeout);
    case ErrorCode::too_large:
      return too_large(host, options.max_bytes);
    case ErrorCode::invalid_argument:
      return {"broken", bad("the URL of the picture cannot be used: send http(s)://HOST/PATH")};
    default:
      return {"broken", Error{ErrorCode::unavailable, "no picture from " + host + ": " + error.message}};
  }
}

/// The body without gzip.
Outcome unpacked(const std::string& host, http::Response answer, std::size_t max_bytes) {
  const std::string encoding = ascii_lower(trimmed(answer.headers.get("Content-Encoding").value_or(""), " \t"));
  if (encoding.empty() || encoding == "identity") return {"fetched", std::move(answer.body)};
  if (encoding != "gzip" && encoding != "x-gzip") {
    return {"not_a_picture", bad(host + " sent the picture with Content-Encoding [" + encoding.substr(0, 40) +
                                 "]: Sightline reads only gzip")};
  }
  auto plain = http::gzip_decode(answer.body, max_bytes);
  if (plain) return {"fetched", *std::move(plain)};
  if (plain.error().code == ErrorCode::too_large) return too_large(host, max_bytes);
  return {"not_a_picture", bad(host + " sent a picture whose gzip is damaged or truncated")};
}

Outcome checked(const std::string& host, Outcome outcome) {
  if (!outcome.picture || picture_format(*outcome.picture)) return outcome;
  const std::string& bytes = *outcome.picture;
  const auto kind = other_kind(bytes);
  const std::string sent = bytes.empty() ? "nothing"
                           : kind        ? std::string(*kind)
                                         : "a file that begins with " + first_bytes(bytes);
  return {"not_a_picture", bad(host + " sent " + sent + ", not a " + std::string(k_picture_formats) + " picture")};
}

}  // namespace

/// The pictures of one request.
class PictureFetcher::Job : public std::enable_shared_from_this<Job> {
 public:
  Job(std::vector<Link> links, std::shared_ptr<const Options> options, Callback done)
      : links_(std::move(links)), options_(std::move(options)), done_(std::move(done)) {
    for (std::size_t i = 0; i < links_.size(); ++i) wanted_[links_[i].url].push_back(i);
    left_ = wanted_.size();
    fetched_.pictures.resize(links_.size());
  }

  /// The links of each URL.
  const std::map<std::string, std::vector<std::size_t>>& wanted() const { return wanted_; }
  const std::string& place_of(const std::string& url) const { return links_[wanted_.at(url).front()].place; }
  const std::shared_ptr<Cancellation>& cancellation() const { return cancellation_; }
  void follow(const std::shared_ptr<Cancellation>& whole) {
    registration_ = Cancellation::follow(whole, cancellation_);
  }

  void take(const std::string& url, Result<std::string> picture, http::BufferShare memory) {
    std::optional<Result<Fetched>> result;
    {
      const std::lock_guard lock(mutex_);
      if (over_) return;
      const Status kept = picture ? keep(url, *std::move(picture), std::move(memory)) : Status(picture.error());
      if (!kept) {
        result.emplace(Error{kept.error().code, place_of(url) + ": " + kept.error().message});
      } else if (--left_ == 0) {
        result.emplace(std::move(fetched_));
      }
      over_ = result.has_value();
    }
    if (!result) return;
    if (!*result) cancellation_->cancel(CancelReason::client_left);  // the other calls
    done_(*std::move(result));
  }

 private:
  Status keep(const std::string& url, std::string picture, http::BufferShare memory) {
    const auto& uses = wanted_.at(url);
    bytes_ += picture.size() * uses.size();
    if (bytes_ > options_->max_request_bytes) {
      return Error{ErrorCode::too_large, "the pictures of this request have together more than " +
                                             std::to_string(options_->max_request_bytes) +
                                             " bytes, the limit: send several requests"};
    }
    memory.shrink_to(picture.size());
    if (!memory.grow_to(picture.size() * uses.size())) return too_many(host_of(url)).picture.error();
    for (std::size_t i = 0; i + 1 < uses.size(); ++i) fetched_.pictures[uses[i]] = picture;
    fetched_.pictures[uses.back()] = std::move(picture);
    fetched_.memory.push_back(std::move(memory));
    return {};
  }

  const std::vector<Link> links_;
  const std::shared_ptr<const Options> options_;
  const Callback done_;
  const std::shared_ptr<Cancellation> cancellation_ = std::make_shared<Cancellation>();
  Cancellation::Registration registration_;
  std::map<std::string, std::vector<std::size_t>> wanted_;
  std::mutex mutex_;  // of what follows
  std::size_t left_ = 0, bytes_ = 0;
  Fetched fetched_;
  bool over_ = false;
};

/// One picture.
class PictureFetcher::FetchCall final : public http::OutboundCalls::Call {
 public:
  FetchCall(http::OutboundCalls::Terms terms, std::string url, std::shared_ptr<Job> job,
            std::shared_ptr<const Options> options, std::shared_ptr<http::BufferBudget> memory)
      : Call(std::move(terms)),
        url_(std::move(url)),
        host_(host_of(url_)),
        job_(std::move(job)),
        options_(std::move(options)),
        memory_(std::move(memory)) {}

 private:
  std::optional<http::ClientRequest> request() override {
    if (!memory_.grow_to(options_->max_bytes)) {
      outcome_ = too_many(host_);
      return std::nullopt;
    }
    http::ClientRequest request;
    request.url = url_;
    request.headers.set("Accept", "image/jpeg, image/png, image/webp, image/gif, image/bmp, image/heic, image/avif");
    is_out_ = true;
    return request;
  }

  std::optional<milliseconds> read(Result<http::Response> answer, int) override {
    if (!answer) {
      outcome_ = of_error(host_, answer.error(), *options_);
    } else if (answer->status != 200) {
      outcome_ = of_status(host_, answer->status);
    } else {
      outcome_ = checked(host_, unpacked(host_, *std::move(answer), options_->max_bytes));
    }
    return std::nullopt;
  }

  void end(const http::OutboundCalls::End& end) override {
    if (!outcome_ || end.reason != http::OutboundCalls::End::Reason::settled) outcome_ = unsettled(end.reason);
    if (options_->count) options_->count(outcome_->name);
    if (!outcome_->picture) memory_.clear();
    job_->take(url_, std::move(outcome_->picture), std::move(memory_));
  }

  Outcome unsettled(http::OutboundCalls::End::Reason reason) const {
    using Reason = http::OutboundCalls::End::Reason;
    switch (reason) {
      case Reason::late:
        if (is_out_) return too_slow(host_, options_->timeout);
        return {"overloaded", Error{ErrorCode::deadline_exceeded,
                                    "the picture at " + host_ +
                                        " was still in line when the request's time was over: too many pictures are "
                                        "being fetched"}};
      case Reason::cancelled:
        return {"cancelled", serving::cancelled_error(CancelReason::client_left)};
      case Reason::stopped:
        return {"cancelled", serving::cancelled_error(CancelReason::stopping)};
      case Reason::settled:
      case Reason::line_full:
      case Reason::fault:
        break;
    }
    return too_many(host_);
  }

  const std::string url_, host_;
  const std::shared_ptr<Job> job_;
  const std::shared_ptr<const Options> options_;
  http::BufferShare memory_;
  bool is_out_ = false;
  std::optional<Outcome> outcome_;
};

Result<std::unique_ptr<PictureFetcher>> PictureFetcher::create(Options options, Timer& timer) {
  http::Client::Options client;
  client.max_connections_per_host = options.per_host;
  client.max_response_bytes = options.max_bytes;
  client.connect_timeout = std::min(client.connect_timeout, options.timeout);
  client.also_trusted = options.also_trusted;
  client.check_address = [allows = options.allows_address](const sockaddr& address) -> Status {
    if (allows && allows(address)) return {};
    return Error{ErrorCode::unsupported, "refused"};
  };
  auto created = http::Client::create(client);
  if (!created) return created.error();
  return std::unique_ptr<PictureFetcher>(new PictureFetcher(std::move(options), *std::move(created), timer));
}

PictureFetcher::PictureFetcher(Options options, std::unique_ptr<http::Client> client, Timer& timer)
    : options_(std::make_shared<const Options>(std::move(options))),
      memory_(std::make_shared<http::BufferBudget>(std::max(options_->max_memory_bytes, options_->max_bytes))),
      client_(std::move(client)),
      calls_(*client_, timer,
             {.line_capacity = options_->max_waiting,
              .max_in_flight = options_->at_once,
              .attempt_timeout = options_->timeout,
              .retry = {.max_attempts = 1}}) {}

void PictureFetcher::fetch(std::vector<Link> links, const serving::EmbedOptions& options, Callback done) {
  const auto job = std::make_shared<Job>(std::move(links), options_, std::move(done));
  job->follow(options.cancellation);
  for (const auto& [url, uses] : job->wanted()) {
    http::OutboundCalls::Terms terms{url, /*line=*/ascii_lower(host_of(url))};
    terms.lane = static_cast<std::size_t>(options.lane);
    terms.deadline = options.deadline;
    terms.cancellation = job->cancellation();
    calls_.start(std::make_shared<FetchCall>(std::move(terms), url, job, options_, memory_));
  }
}

}  // namespace sightline::api
