#include "eval/embedding_client.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <map>
#include <mutex>

#include "base/base64.h"
#include "base/json/document.h"

namespace sightline::eval {
namespace {

using Clock = std::chrono::steady_clock;

bool may_succeed_later(int status) {
  return status == 408 || status == 425 || status == 429 || status >= 500;
}

/// The request as a whole is refused, whatever it holds.
bool refuses_us(int status) {
  return status == 401 || status == 403 || status == 404 || status == 405 || (status >= 300 && status < 400);
}

std::chrono::milliseconds retry_after(const http::Response& response) {
  const auto field = response.headers.get("Retry-After");
  unsigned seconds = 0;
  if (field) std::from_chars(field->data(), field->data() + field->size(), seconds);
  return std::chrono::seconds(std::min(seconds, 3600u));
}

/// One call of `embed`.
class Run {
 public:
  Run(http::Client& client, const EmbeddingClient::Options& options, http::ClientRequest blank,
      std::string model, EmbeddingClient::Kind kind)
      : client_(client), options_(options), blank_(std::move(blank)), model_(std::move(model)), kind_(kind) {}

  Result<EmbedOutcome> all(std::size_t count, const std::vector<std::size_t>& which,
                           const EmbeddingClient::Load& load, const EmbeddingClient::Progress& progress,
                           const std::atomic<bool>& stop);

 private:
  struct Batch {
    std::vector<std::size_t> indices;
    std::vector<std::string> contents;
    std::size_t bytes = 0;
    int attempts = 0;
  };

  Batch fill(const EmbeddingClient::Load& load);
  void send(Batch batch);
  void on_answer(Batch batch, const Result<http::Response>& answer);
  void again_or_fatal(Batch batch, const std::string& reason, std::chrono::milliseconds at_least);
  void halve_or_fail(Batch batch, const std::string& reason);
  void store(const Batch& batch, const EmbeddingsAnswer& answer);
  void fail(std::size_t index, std::string reason) {
    outcome_.failures.push_back({index, std::move(reason)});
    ++done_;
  }

  http::Client& client_;
  const EmbeddingClient::Options& options_;
  const http::ClientRequest blank_;
  const std::string model_;
  const EmbeddingClient::Kind kind_;
  std::size_t count_ = 0;
  const std::vector<std::size_t>* which_ = nullptr;
  std::size_t next_ = 0;  ///< of which_; the caller's thread alone

  // Shared with the client's thread, under mutex_.
  std::mutex mutex_;
  std::condition_variable changed_;
  int in_flight_ = 0;
  std::multimap<Clock::time_point, Batch> waiting_;
  std::size_t done_ = 0;
  EmbedOutcome outcome_;
  std::string fatal_;
};

Result<EmbedOutcome> Run::all(std::size_t count, const std::vector<std::size_t>& which,
                              const EmbeddingClient::Load& load, const EmbeddingClient::Progress& progress,
                              const std::atomic<bool>& stop) {
  count_ = count;
  which_ = &which;
  std::unique_lock lock(mutex_);
  while (true) {
    progress(done_);
    const bool ending = stop || !fatal_.empty();
    const bool left = next_ < which.size() || !waiting_.empty();
    if (in_flight_ == 0 && (ending || !left)) break;
    const auto now = Clock::now();
    const bool slot = in_flight_ + static_cast<int>(waiting_.size()) < options_.max_in_flight;
    if (!ending && !waiting_.empty() && waiting_.begin()->first <= now) {
      Batch batch = std::move(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      ++in_flight_;
      lock.unlock();
      send(std::move(batch));
      lock.lock();
    } else if (!ending && slot && next_ < which.size()) {
      ++in_flight_;
      lock.unlock();
      Batch batch = fill(load);
      const bool empty = batch.indices.empty();
      if (!empty) send(std::move(batch));
      lock.lock();
      if (empty) --in_flight_;
    } else {
      auto look_again = now + std::chrono::milliseconds(200);  // for the terminal, and for `stop`
      if (!ending && !waiting_.empty()) look_again = std::min(look_again, waiting_.begin()->first);
      changed_.wait_until(lock, look_again);
    }
  }
  if (!fatal_.empty()) return Error{ErrorCode::unavailable, fatal_};
  outcome_.stopped = done_ < which.size();
  std::sort(outcome_.failures.begin(), outcome_.failures.end(),
            [](const InputFailure& a, const InputFailure& b) { return a.index < b.index; });
  return std::move(outcome_);
}

Run::Batch Run::fill(const EmbeddingClient::Load& load) {
  const bool picture = kind_ == EmbeddingClient::Kind::picture;
  const std::size_t most = picture ? options_.max_pictures : options_.max_texts;
  Batch batch;
  while (next_ < which_->size() && batch.indices.size() < most && batch.bytes < options_.max_request_bytes) {
    const std::size_t index = (*which_)[next_++];
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

void Run::send(Batch batch) {
  ++batch.attempts;
  http::ClientRequest request = blank_;
  request.body = embeddings_request(model_, kind_, batch.contents);
  auto shared =
      std::make_shared<Batch>(std::move(batch));  // std::function wants something that can be copied
  client_.send(std::move(request), [this, shared](const Result<http::Response>& answer) {
    on_answer(std::move(*shared), answer);
  });
}

void Run::on_answer(Batch batch, const Result<http::Response>& answer) {
  const std::lock_guard lock(mutex_);
  --in_flight_;
  changed_.notify_all();
  if (!answer.ok()) return again_or_fatal(std::move(batch), answer.error().message, {});
  const std::string said = "the server answered " + std::to_string(answer->status) + ": ";
  if (answer->status == 200) {
    const auto read = read_embeddings(answer->body, batch.indices.size());
    if (read.ok()) return store(batch, *read);
    fatal_ = read.error().message;
  } else if (refuses_us(answer->status)) {
    fatal_ = said + message_of(answer->body);
  } else if (may_succeed_later(answer->status)) {
    again_or_fatal(std::move(batch), said + message_of(answer->body), retry_after(*answer));
  } else {
    halve_or_fail(std::move(batch), message_of(answer->body));
  }
}

void Run::again_or_fatal(Batch batch, const std::string& reason, std::chrono::milliseconds at_least) {
  if (batch.attempts >= options_.max_attempts) {
    fatal_ = reason + " (after " + std::to_string(batch.attempts) + " attempts)";
    return;
  }
  auto pause = options_.first_pause;
  for (int i = 1; i < batch.attempts && pause < options_.longest_pause; ++i) pause *= 2;
  pause = std::max(std::min(pause, options_.longest_pause), at_least);
  waiting_.emplace(Clock::now() + pause, std::move(batch));
}

void Run::halve_or_fail(Batch batch, const std::string& reason) {
  if (batch.indices.size() == 1) return fail(batch.indices.front(), reason);
  Batch second;
  const std::size_t middle = batch.indices.size() / 2;
  second.indices.assign(batch.indices.begin() + static_cast<std::ptrdiff_t>(middle), batch.indices.end());
  second.contents.assign(
      std::make_move_iterator(batch.contents.begin() + static_cast<std::ptrdiff_t>(middle)),
      std::make_move_iterator(batch.contents.end()));
  batch.indices.resize(middle);
  batch.contents.resize(middle);
  batch.attempts = 0;
  waiting_.emplace(Clock::now(), std::move(batch));
  waiting_.emplace(Clock::now(), std::move(second));
}

void Run::store(const Batch& batch, const EmbeddingsAnswer& answer) {
  Vectors& vectors = outcome_.vectors;
  if (vectors.dims == 0) {
    vectors.dims = answer.vectors.front().size();
    vectors.values.resize(count_ * vectors.dims);
  }
  if (answer.vectors.front().size() != vectors.dims) {
    fatal_ = "the server's answers have vectors of different lengths: " + std::to_string(vectors.dims) +
             " and " + std::to_string(answer.vectors.front().size());
    return;
  }
  for (std::size_t i = 0; i < batch.indices.size(); ++i) {
    std::copy(answer.vectors[i].begin(), answer.vectors[i].end(),
              vectors.values.begin() + static_cast<std::ptrdiff_t>(batch.indices[i] * vectors.dims));
  }
  outcome_.truncated += answer.truncated;
  done_ += batch.indices.size();
}

/// What GET /v1/models says of one model.
ModelDescription described(const rapidjson::Value& entry, const std::string& name) {
  ModelDescription model;
  model.name = name;
  for (const char* key : {"architecture", "description", "dims", "image_size", "preprocessing", "dtype",
                          "device", "parameters", "license"}) {
    const auto found = entry.FindMember(key);
    if (found == entry.MemberEnd()) continue;
    if (found->value.IsString()) model.details.push_back(std::string(key) + ": " + found->value.GetString());
    if (found->value.IsUint64())
      model.details.push_back(std::string(key) + ": " + std::to_string(found->value.GetUint64()));
  }
  const auto text_of = [&](const char* key) -> std::string {
    const auto found = entry.FindMember(key);
    return found != entry.MemberEnd() && found->value.IsString() ? found->value.GetString() : "";
  };
  model.fingerprint = text_of("fingerprint");
  const auto demo = entry.FindMember("demo");
  if (demo != entry.MemberEnd() && demo->value.IsTrue())
    model.remark = "a demo model: it knows drawings only";
  if (text_of("owned_by") == "cohere") model.remark = text_of("description");
  const auto modalities = entry.FindMember("modalities");
  if (modalities != entry.MemberEnd() && modalities->value.IsArray()) {
    const auto has = [&](const char* word) {
      return std::any_of(modalities->value.Begin(), modalities->value.End(), [&](const rapidjson::Value& v) {
        return v.IsString() && v.GetString() == std::string(word);
      });
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
  return std::unique_ptr<EmbeddingClient>(new EmbeddingClient(options, std::move(*client)));
}

http::ClientRequest EmbeddingClient::request(http::Method method, const std::string& path) const {
  http::ClientRequest request;
  request.method = method;
  request.url = options_.url + path;
  request.timeout = options_.timeout;
  if (method == http::Method::post) request.headers.add("Content-Type", "application/json");
  if (!options_.api_key.empty()) request.headers.add("Authorization", "Bearer " + options_.api_key);
  return request;
}

Result<ModelDescription> EmbeddingClient::describe(const std::string& name) {
  const auto response = client_->send_and_wait(request(http::Method::get, "/v1/models"));
  if (!response.ok()) {
    return Error{ErrorCode::unavailable, "no answer from the server at " + options_.url + ": " +
                                             response.error().message +
                                             " (--server, or SIGHTLINE_URL, says where it is)"};
  }
  if (response->status != 200) {
    return Error{ErrorCode::unavailable, "the server at " + options_.url + " answered " +
                                             std::to_string(response->status) +
                                             " to GET /v1/models: " + message_of(response->body)};
  }
  rapidjson::Document document;
  std::string names;
  if (!json::read_document(response->body, document) && document.IsObject() && document.HasMember("data") &&
      document["data"].IsArray()) {
    for (const auto& entry : document["data"].GetArray()) {
      if (!entry.IsObject() || !entry.HasMember("id") || !entry["id"].IsString()) continue;
      if (entry["id"].GetString() == name) return described(entry, name);
      names += (names.empty() ? "" : ", ") + std::string(entry["id"].GetString());
    }
  }
  // A model that the server only passes on to another one need not be listed.
  auto probe = request(http::Method::post, "/v1/embeddings");
  probe.body = embeddings_request(name, Kind::query_text, {"a house"});
  const auto answer = client_->send_and_wait(std::move(probe));
  if (answer.ok() && answer->status == 200) {
    ModelDescription model;
    model.name = name;
    return model;
  }
  return Error{ErrorCode::not_found, "the server at " + options_.url + " has no model [" + name + "]: " +
                                         (answer.ok() ? message_of(answer->body) : answer.error().message) +
                                         "; it lists: " + (names.empty() ? "none" : names)};
}

Result<EmbedOutcome> EmbeddingClient::embed(const std::string& model, Kind kind, std::size_t count,
                                            const std::vector<std::size_t>& which, const Load& load,
                                            const Progress& progress, const std::atomic<bool>& stop) {
  Run run(*client_, options_, request(http::Method::post, "/v1/embeddings"), model, kind);
  return run.all(count, which, load, progress, stop);
}

}  // namespace sightline::eval
