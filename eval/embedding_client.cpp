#include "eval/embedding_client.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/base64.h"
#include "base/json/document.h"
#include "base/json/members.h"
#include "base/url_credentials.h"
#include "ingest/cluster.h"
#include "server/http/outbound_calls.h"

namespace sightline::eval {
namespace {

using namespace std::chrono_literals;

bool may_succeed_later(int status) {
  return status == 408 || status == 425 || status == 429 || status >= 500;
}

/// True if the status refuses the whole request, whatever its content.
bool refuses_us(int status) {
  return status == 401 || status == 403 || status == 404 || status == 405 || (status >= 300 && status < 400);
}

/// One call of `embed`.
class Run {
 public:
  Run(const EmbeddingClient::Options& options, http::ClientRequest blank, std::string model, EmbeddingClient::Kind kind,
      std::size_t count, const std::vector<std::size_t>& which)
      : options_(options),
        blank_(std::move(blank)),
        model_(std::move(model)),
        kind_(kind),
        count_(count),
        which_(which) {}

  Result<EmbedOutcome> all(http::Client& client, Timer& timer, const EmbeddingClient::Load& load,
                           const EmbeddingClient::Progress& progress, const std::atomic<bool>& stop);

 private:
  struct Batch {
    std::vector<std::size_t> indices;
    std::vector<std::string> contents;
    std::size_t bytes = 0;
  };
  class BatchCall;

  Batch fill(const EmbeddingClient::Load& load);
  void halve_or_fail(Batch batch, const std::string& reason);
  void store(const Batch& batch, const EmbeddingsAnswer& answer);
  void fail(std::size_t index, std::string reason) {
    outcome_.failures.push_back({index, std::move(reason)});
    ++done_;
  }

  const EmbeddingClient::Options& options_;
  const http::ClientRequest blank_;
  const std::string model_;
  const EmbeddingClient::Kind kind_;
  const std::size_t count_;
  const std::vector<std::size_t>& which_;
  std::size_t next_ = 0;  ///< of which_; used only by the caller's thread

  // Shared with the calls, under mutex_.
  std::mutex mutex_;
  std::condition_variable changed_;
  int open_ = 0;               ///< unfinished calls
  std::vector<Batch> halves_;  ///< waiting to be sent
  std::size_t done_ = 0;
  EmbedOutcome outcome_;
  std::string fatal_;
};

/// One request, until its final answer.
class Run::BatchCall final : public http::OutboundCalls::Call {
 public:
  BatchCall(Run& run, Batch batch) : Call({run.blank_.url, {}}), run_(run), batch_(std::move(batch)) {}

 private:
  std::optional<http::ClientRequest> request() override {
    http::ClientRequest request = run_.blank_;
    request.body = embeddings_request(run_.model_, run_.kind_, batch_.contents);
    return request;
  }

  std::optional<std::chrono::milliseconds> read(Result<http::Response> result, int attempts) override {
    answer_ = std::move(result);
    attempts_ = attempts;
    if (answer_.ok() && !may_succeed_later(answer_->status)) return std::nullopt;
    const auto asked = answer_.ok() ? http::retry_after(answer_->headers).value_or(0s) : 0s;
    return std::max<std::chrono::milliseconds>(run_.options_.retry.wait_after(attempts), std::min(asked, 3600s));
  }

  void end(const http::OutboundCalls::End& end) override {
    const std::lock_guard lock(run_.mutex_);
    using Reason = http::OutboundCalls::End::Reason;
    if (end.reason == Reason::settled) settle();
    if (end.reason == Reason::fault) run_.fatal_ = "no memory for a request";
    --run_.open_;
    run_.changed_.notify_all();
  }

  void settle() {
    const std::string again = " (after " + std::to_string(attempts_) + " attempts)";
    if (!answer_.ok()) {
      run_.fatal_ = answer_.error().message + again;
      return;
    }
    const int status = answer_->status;
    const std::string reason = ingest::reason_of(answer_->body);
    const std::string said = "the server answered " + std::to_string(status) + ": ";
    if (status == 200) {
      const auto read = read_embeddings(answer_->body, batch_.indices.size());
      if (read.ok()) return run_.store(batch_, *read);
      run_.fatal_ = read.error().message;
    } else if (refuses_us(status)) {
      run_.fatal_ = said + reason;
    } else if (may_succeed_later(status)) {
      run_.fatal_ = said + reason + again;
    } else {
      run_.halve_or_fail(std::move(batch_), reason);
    }
  }

  Run& run_;
  Batch batch_;
  int attempts_ = 0;
  Result<http::Response> answer_ = http::Response();  // of the last attempt
};

Result<EmbedOutcome> Run::all(http::Client& client, Timer& timer, const EmbeddingClient::Load& load,
                              const EmbeddingClient::Progress& progress, const std::atomic<bool>& stop) {
  http::OutboundCalls calls(client, timer, {.attempt_timeout = options_.timeout, .retry = options_.retry});
  std::unique_lock lock(mutex_);
  while (true) {
    progress(done_);
    const bool ending = stop || !fatal_.empty();
    const bool fresh = next_ < which_.size();
    if (open_ == 0 && (ending || (!fresh && halves_.empty()))) break;
    if (ending) {
      lock.unlock();
      calls.shut_down();
      lock.lock();
    } else if (!halves_.empty() || (fresh && open_ < options_.max_in_flight)) {
      Batch batch;
      if (!halves_.empty()) {
        batch = std::move(halves_.back());
        halves_.pop_back();
      }
      ++open_;
      lock.unlock();
      if (batch.indices.empty()) batch = fill(load);
      const bool empty = batch.indices.empty();
      if (!empty) calls.start(std::make_shared<BatchCall>(*this, std::move(batch)));
      lock.lock();
      if (empty) --open_;
    } else {
      changed_.wait_for(lock, 200ms);  // wakes up for progress and for `stop`
    }
  }
  if (!fatal_.empty()) return Error{ErrorCode::unavailable, fatal_};
  outcome_.stopped = done_ < which_.size();
  std::sort(outcome_.failures.begin(), outcome_.failures.end(),
            [](const InputFailure& a, const InputFailure& b) { return a.index < b.index; });
  return std::move(outcome_);
}

Run::Batch Run::fill(const EmbeddingClient::Load& load) {
  const bool picture = kind_ == EmbeddingClient::Kind::picture;
  const std::size_t most = picture ? options_.max_pictures : options_.max_texts;
  Batch batch;
  while (next_ < which_.size() && batch.indices.size() < most && batch.bytes < options_.max_request_bytes) {
    const std::size_t index = which_[next_++];
    auto content = load(index);
    if (!content.ok()) {
      const std::lock_guard lock(mutex_);
      fail(index, content.error().message);
      continue;
    }
    batch.contents.push_back(picture ? base64_encode(*content) : std::move(*content));
    batch.indices.push_back(index);
    batch.bytes += batch.contents.back().size();
  }
  return batch;
}

void Run::halve_or_fail(Batch batch, const std::string& reason) {
  if (batch.indices.size() == 1) return fail(batch.indices.front(), reason);
  Batch second;
  const auto middle = static_cast<std::ptrdiff_t>(batch.indices.size() / 2);
  second.indices.assign(batch.indices.begin() + middle, batch.indices.end());
  second.contents.assign(std::make_move_iterator(batch.contents.begin() + middle),
                         std::make_move_iterator(batch.contents.end()));
  batch.indices.resize(static_cast<std::size_t>(middle));
  batch.contents.resize(static_cast<std::size_t>(middle));
  halves_.push_back(std::move(second));
  halves_.push_back(std::move(batch));
}

void Run::store(const Batch& batch, const EmbeddingsAnswer& answer) {
  Vectors& vectors = outcome_.vectors;
  if (vectors.dims == 0) {
    vectors.dims = answer.vectors.front().size();
    vectors.values.resize(count_ * vectors.dims);
  }
  if (answer.vectors.front().size() != vectors.dims) {
    fatal_ = "the server's answers have vectors of different lengths: " + std::to_string(vectors.dims) + " and " +
             std::to_string(answer.vectors.front().size());
    return;
  }
  for (std::size_t i = 0; i < batch.indices.size(); ++i) {
    std::copy(answer.vectors[i].begin(), answer.vectors[i].end(),
              vectors.values.begin() + static_cast<std::ptrdiff_t>(batch.indices[i] * vectors.dims));
  }
  outcome_.truncated += answer.truncated;
  done_ += batch.indices.size();
}

/// The description of one model in GET /v1/models.
ModelDescription described(const rapidjson::Value& entry, const std::string& name) {
  ModelDescription model;
  model.name = name;
  for (const char* key : {"architecture", "description", "dims", "image_size", "preprocessing", "dtype", "device",
                          "parameters", "license"}) {
    const auto& value = json::member(entry, key);
    if (value.IsString()) model.details.push_back(std::string(key) + ": " + value.GetString());
    if (value.IsUint64()) model.details.push_back(std::string(key) + ": " + std::to_string(value.GetUint64()));
  }
  model.fingerprint = json::text_at(entry, "fingerprint");
  if (json::member(entry, "demo").IsTrue()) model.remark = "a demo model, trained only on drawings";
  if (json::text_at(entry, "owned_by") == "cohere") model.remark = json::text_at(entry, "description");
  if (const auto& modalities = json::member(entry, "modalities"); modalities.IsArray()) {
    const auto has = [&](std::string_view word) {
      return std::any_of(modalities.Begin(), modalities.End(),
                         [&](const rapidjson::Value& v) { return json::text_or_empty(v) == word; });
    };
    model.reads_text = has("text");
    model.reads_pictures = has("image");
  }
  return model;
}

}  // namespace

Result<std::unique_ptr<EmbeddingClient>> EmbeddingClient::connect(const Options& options) {
  http::Client::Options http_options;
  http_options.max_connections_per_host = options.max_in_flight;
  http_options.ca_file = options.ca_file;
  auto client = http::Client::create(http_options);
  if (!client.ok()) return client.error();
  auto split = split_server_url(options.url, "the URL of Sightline (--server, SIGHTLINE_URL)");
  if (!split.ok()) return split.error();
  auto [url, user, password] = *std::move(split);
  while (url.ends_with('/')) url.pop_back();
  Options named = options;
  named.url = std::move(url);
  std::unique_ptr<EmbeddingClient> made(new EmbeddingClient(std::move(named), std::move(*client)));
  if (!options.api_key.empty()) {
    made->authorization_ = "Bearer " + options.api_key;
  } else if (!user.empty()) {
    made->authorization_ = "Basic " + base64_encode(user.append(":").append(password));
  }
  return made;
}

http::ClientRequest EmbeddingClient::request(http::Method method, const std::string& path) const {
  http::ClientRequest request;
  request.method = method;
  request.url = options_.url + path;
  request.timeout = options_.timeout;
  if (method == http::Method::post) request.headers.add("Content-Type", "application/json");
  if (!authorization_.empty()) request.headers.add("Authorization", authorization_);
  return request;
}

Result<ModelDescription> EmbeddingClient::describe(const std::string& name) {
  const auto response = client_->send_and_wait(request(http::Method::get, "/v1/models"));
  if (!response.ok()) {
    return Error{ErrorCode::unavailable, "no answer from Sightline at " + options_.url + ": " +
                                             response.error().message +
                                             " (set its address with --server or SIGHTLINE_URL)"};
  }
  if (response->status != 200) {
    return Error{ErrorCode::unavailable, "the server at " + options_.url + " answered " +
                                             std::to_string(response->status) +
                                             " to GET /v1/models: " + ingest::reason_of(response->body)};
  }
  rapidjson::Document document;
  std::string names;
  json::read_document(response->body, document);
  if (const auto& models = json::member(document, "data"); models.IsArray()) {
    for (const auto& entry : models.GetArray()) {
      if (!json::member(entry, "id").IsString()) continue;
      if (json::text_at(entry, "id") == name) return described(entry, name);
      names.append(names.empty() ? "" : ", ").append(json::text_at(entry, "id"));
    }
  }
  // A model that the server only forwards to another one need not be listed.
  auto probe = request(http::Method::post, "/v1/embeddings");
  probe.body = embeddings_request(name, Kind::query_text, {"a house"});
  const auto answer = client_->send_and_wait(std::move(probe));
  if (answer.ok() && answer->status == 200) {
    ModelDescription model;
    model.name = name;
    return model;
  }
  return Error{ErrorCode::not_found, "the server at " + options_.url + " has no model [" + name + "]: " +
                                         (answer.ok() ? ingest::reason_of(answer->body) : answer.error().message) +
                                         "; it lists: " + (names.empty() ? "none" : names)};
}

Result<EmbedOutcome> EmbeddingClient::embed(const std::string& model, Kind kind, std::size_t count,
                                            const std::vector<std::size_t>& which, const Load& load,
                                            const Progress& progress, const std::atomic<bool>& stop) {
  Run run(options_, request(http::Method::post, "/v1/embeddings"), model, kind, count, which);
  return run.all(*client_, *timer_, load, progress, stop);
}

}  // namespace sightline::eval
