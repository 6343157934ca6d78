// Several fronts on one store, each with a clock, caches and a key of its own.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unistd.h>

#include "server/elastic/front.h"
#include "server/http/client.h"
#include "server/security/secret_box.h"
#include "tests/base/manual_timer.h"

namespace sightline::elastic {

/// A store that runs inference itself while `on`, for the ids in `ids`.
struct SwitchedNative : NativeInference {
  bool available(const Caller&) override { return on; }
  Answer<bool> knows(const Caller&, const std::string& id) override { return on && ids.contains(id); }
  bool on = false;
  std::set<std::string> ids;
};

inline security::SecretBox box_with_keys(const std::string& lines) {
  static int made = 0;
  const auto file = std::filesystem::temp_directory_path() /
                    ("sightline-box-" + std::to_string(getpid()) + "-" + std::to_string(++made));
  std::ofstream(file) << lines;
  auto box = security::SecretBox::read(file);
  std::filesystem::remove(file);
  return std::move(*box);
}

/// One front. What it leaves is asked of the store, as a server does it.
struct GatewayFront {
  explicit GatewayFront(Store& shared, const std::string& keys = {})
      : store(shared),
        box(keys.empty() ? std::nullopt : std::optional(box_with_keys(keys))),
        client(std::move(*http::Client::create({}))),
        executor(*client, timer, options()),
        front(store, native, executor, timer, box ? &*box : nullptr) {}

  static InferenceExecutor::Options options() {
    InferenceExecutor::Options made;
    made.random = [] { return 0.0; };
    return made;
  }

  http::Response call(http::Method method, const std::string& target, const std::string& body = {},
                      const Caller& caller = {}) {
    const auto mark = target.find('?');
    Outcome outcome =
        front.decide(store_request(caller, method, target.substr(0, mark),
                                   mark == std::string::npos ? "" : target.substr(mark + 1), body));
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

  Store& store;
  ManualTimer timer;
  SwitchedNative native;
  std::optional<security::SecretBox> box;
  std::unique_ptr<http::Client> client;
  InferenceExecutor executor;
  Front front;
};

/// The body of an endpoint whose rate no test reaches: clocks stand still here.
inline std::string endpoint_at(const std::string& url, const std::string& more = {}) {
  return R"({"service":"custom","service_settings":{"url":")" + url +
         R"(","request":"{\"input\":${input}}","response":{"json_parser":{"text_embeddings":)" +
         R"("$.data[*].embedding[*]"}},"rate_limit":{"requests_per_minute":2000000000})" + more + "}}";
}

}  // namespace sightline::elastic
