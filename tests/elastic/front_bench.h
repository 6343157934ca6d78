// A front with everything below it: a real HTTP client, a real upstream, and a store.
#pragma once

#include <memory>
#include <string>

#include "front_calls.h"
#include "memory_store.h"
#include "server/elastic/front.h"
#include "server/http/client.h"
#include "tests/base/manual_timer.h"
#include "upstream.h"

namespace sightline::elastic {

struct FrontBench : FrontCalls<FrontBench> {
  explicit FrontBench(Upstream::Respond respond = {}, const Limits& limits = {})
      : upstream(std::move(respond)),
        client(std::move(*http::Client::create({}))),
        executor(*client, timer, without_chance()),
        front(store, native, executor, timer, nullptr, limits) {}

  std::string endpoint_body(const std::string& more = R"(,"similarity":"cosine")") const {
    return R"({"service":"custom","service_settings":{"url":")" + upstream.url() +
           R"(","request":"{\"input\":${input},\"type\":${input_type}}","response":{"json_parser":{"text_embeddings":"$.data[*].embedding[*]"}},)"
           R"("rate_limit":{"requests_per_minute":2000000000})" +
           more + "}}";
  }
  /// Endpoint `clip` and pipeline `embed`, which embeds `t` into `v`.
  void set_up() {
    put("/_inference/text_embedding/clip", endpoint_body());
    put("/_ingest/pipeline/embed",
        R"({"processors":[{"inference":{"model_id":"clip","input_output":{"input_field":"t","output_field":"v"}}}]})");
  }

  Upstream upstream;
  ManualTimer timer;
  std::unique_ptr<http::Client> client;
  MemoryStore store;
  NoNativeInference native;
  InferenceExecutor executor;
  Front front;
};

inline rapidjson::Document parsed(const http::Response& response) {
  rapidjson::Document body;
  body.Parse(response.body.data(), response.body.size());
  return body;
}

/// error.reason of an answer.
inline std::string reason(const http::Response& response) {
  const auto body = parsed(response);
  if (body.HasParseError() || !body.IsObject() || !body.HasMember("error")) return "no error: " + response.body;
  return body["error"].IsObject() ? body["error"]["reason"].GetString() : body["error"].GetString();
}

}  // namespace sightline::elastic
