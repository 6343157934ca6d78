// The API over a small model, driven without a network.
#pragma once

#include <doctest/doctest.h>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "rapidjson/document.h"
#include "server/api/api.h"
#include "tests/base/manual_timer.h"
#include "tests/serving/hash_embedder.h"

namespace sightline::api {

/// An API with one model, "hash" unless the options name others (8 floats, 16 tokens, pictures are bytes
/// "picture:...").
class ApiBench {
 public:
  explicit ApiBench(Api::Options options = {}, serving::EmbeddingService::Options serving_options = {},
                    bool load = true, float logit_scale = 4) {
    if (serving_options.models.empty()) serving_options.models = {{"hash", {}}};
    serving_options.watchdog.interval = std::chrono::milliseconds(0);
    auto made = serving::EmbeddingService::create(
        serving_options,
        [this, logit_scale](const models::Embedder::Options&) -> Result<std::unique_ptr<models::Embedder>> {
          auto loaded = std::make_unique<serving::HashEmbedder>(logit_scale);
          embedder = loaded.get();
          return std::unique_ptr<models::Embedder>(std::move(loaded));
        },
        timer, metrics);
    REQUIRE(made.ok());
    service = *std::move(made);
    if (load) REQUIRE(service->load_models().ok());
    options.access_log = [this](const AccessEntry& entry) {
      const std::lock_guard lock(log_mutex);
      log.push_back(entry);
    };
    api = std::make_unique<Api>(std::move(options), *service, timer, metrics);
  }
  ~ApiBench() {
    gate.open();
    service->stop(Timer::TimePoint::max());
  }

  /// As an http::Server does it: what the head decides, else what the handler answers. The client leaves when `client`
  /// is cancelled.
  std::future<http::Response> send(http::Request request) {
    request.cancellation = client;
    const auto answer = std::make_shared<std::promise<http::Response>>();
    const auto deliver = [answer](http::Response response) {
      if (response.sent) response.sent(response.status, response.body.size());
      answer->set_value(std::move(response));
    };
    if (auto refused = api->check_head(request)) {
      deliver(std::move(refused->response));
      return answer->get_future();
    }
    api->handle(std::move(request), Responder{deliver, [this](std::size_t bytes) {
                                                const std::lock_guard lock(log_mutex);
                                                kept_of_body.push_back(bytes);
                                              }});
    return answer->get_future();
  }
  std::future<http::Response> send_post(std::string path, std::string body, std::string query = "") {
    http::Request request;
    request.method = http::Method::post;
    request.path = std::move(path);
    request.query = std::move(query);
    request.body = std::move(body);
    return send(std::move(request));
  }
  http::Response post(std::string path, std::string body, std::string query = "") {
    return send_post(std::move(path), std::move(body), std::move(query)).get();
  }
  http::Response embeddings(std::string body) { return post("/v1/embeddings", std::move(body)); }
  http::Response get(std::string path, http::Headers headers = {}) {
    http::Request request;
    request.path = std::move(path);
    request.headers = std::move(headers);
    return send(std::move(request)).get();
  }
  /// Waits until so many requests are logged. One that is streamed is not yet when its client has all of it.
  void await_log(std::size_t count) {
    for (;; std::this_thread::yield()) {
      const std::lock_guard lock(log_mutex);
      if (log.size() >= count) return;
    }
  }
  void hold_model() {
    embedder->on_embed = [this](auto) { gate.pass(); };
  }

  ManualTimer timer;
  Metrics metrics;
  std::mutex log_mutex;                   // answers are given by several threads
  std::vector<AccessEntry> log;           // to be read when the answers are in
  std::vector<std::size_t> kept_of_body;  // what requests have said of their bodies, one after the other
  serving::HashEmbedder* embedder = nullptr;
  serving::Gate gate;
  std::shared_ptr<Cancellation> client;  // of the requests that are sent from now on; may be null
  std::unique_ptr<serving::EmbeddingService> service;
  std::unique_ptr<Api> api;
};

inline rapidjson::Document parsed(const http::Response& response) {
  rapidjson::Document document;
  document.Parse((response.body + std::string(16, '\0')).c_str());  // its vectorised scan reads ahead
  REQUIRE_MESSAGE(!document.HasParseError(), response.body);
  return document;
}

/// "data:image/png;base64,..." of a picture that the bench's model knows: "picture:" and `name`.
inline std::string picture_uri(const std::string& name) {
  return "data:image/png;base64," + base64_encode(std::string_view("picture:" + name));
}

inline std::vector<float> floats(const rapidjson::Value& array) {
  std::vector<float> values;
  for (const auto& value : array.GetArray()) values.push_back(value.GetFloat());
  return values;
}

/// The message of an error in OpenAI's shape.
inline std::string message_of(const http::Response& response) {
  const auto body = parsed(response);
  REQUIRE_MESSAGE((body.IsObject() && body.HasMember("error")), response.body);
  return body["error"]["message"].GetString();
}

}  // namespace sightline::api
