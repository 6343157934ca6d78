// Several fronts on one store, each with a clock, caches and a key of its own.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unistd.h>

#include "front_calls.h"
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

/// One front.
struct GatewayFront : FrontCalls<GatewayFront> {
  explicit GatewayFront(Store& shared, const std::string& keys = {})
      : store(shared),
        box(keys.empty() ? std::nullopt : std::optional(box_with_keys(keys))),
        client(std::move(*http::Client::create({}))),
        executor(*client, timer, without_chance()),
        front(store, native, executor, timer, box ? &*box : nullptr) {}

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
