// A front with everything below it: a real HTTP client, a real upstream, and a store.
#pragma once

#include <memory>
#include <string>

#include "memory_store.h"
#include "server/elastic/front.h"
#include "server/http/client.h"
#include "tests/base/manual_timer.h"
#include "upstream.h"

namespace sightline::elastic {

struct FrontBench {
  explicit FrontBench(Upstream::Respond respond = {})
      : upstream(std::move(respond)),
        client(std::move(*http::Client::create({}))),
        executor(*client, timer, options()),
        front(store, native, executor, timer) {}

  static InferenceExecutor::Options options() {
    InferenceExecutor::Options made;
    made.random = [] { return 0.0; };
    return made;
  }

  http::Response call(http::Method method, const std::string& target, const std::string& body = {}) {
    const auto mark = target.find('?');
    http::Request request = store_request({}, method, target.substr(0, mark),
                                          mark == std::string::npos ? "" : target.substr(mark + 1), body);
    Outcome outcome = front.decide(std::move(request));
    if (auto* response = std::get_if<http::Response>(&outcome)) return std::move(*response);
    return store.handle(std::get<http::Request>(outcome));
  }
  http::Response get(const std::string& target) { return call(http::Method::get, target); }
  http::Response put(const std::string& target, const std::string& body) {
    return call(http::Method::put, target, body);
  }
  http::Response post(const std::string& target, const std::string& body) {
    return call(http::Method::post, target, body);
  }
  http::Response remove(const std::string& target) { return call(http::Method::delete_, target); }

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
  if (body.HasParseError() || !body.IsObject() || !body.HasMember("error"))
    return "no error: " + response.body;
  return body["error"].IsObject() ? body["error"]["reason"].GetString() : body["error"].GetString();
}

}  // namespace sightline::elastic
