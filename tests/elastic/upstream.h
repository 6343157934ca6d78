// An inference server on the loopback, as endpoints see it: real HTTP, vectors made of the texts.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <rapidjson/document.h>
#include <string>
#include <thread>
#include <vector>

#include "server/http/server.h"

namespace sightline::elastic {

/// By default it answers `{"input":[...]}` in OpenAI's shape. The vector of a text is {its length, 1, 0.5},
/// so that a vector in the wrong place is seen; that of several parts has the sum of their lengths. A text that begins
/// with "bad" gets 400.
class Upstream {
 public:
  using Respond = std::function<http::Response(const http::Request&)>;

  explicit Upstream(Respond respond = {}, int workers = 4) : respond_(std::move(respond)) {
    if (!respond_) respond_ = embed;
    http::Server::Options options;
    options.workers = workers;
    auto server = http::Server::start(
        options, [this](http::Request&& request, http::Reply reply) { take(std::move(request), std::move(reply)); });
    server_ = std::move(*server);
  }
  ~Upstream() {
    release();
    server_->stop();
  }

  std::string url(const std::string& path = "/v1/embeddings") const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + path;
  }

  /// From now on answers are held back until `release`.
  void hold() {
    std::lock_guard lock(mutex_);
    holding_ = true;
  }

  /// Blocks until that many requests are here unanswered; false after 10 s.
  bool wait_for_held(std::size_t count) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, std::chrono::seconds(10), [&] { return held_.size() >= count; });
  }

  /// Requests that are held back and whose clients still wait.
  std::size_t held_clients() {
    std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(held_.begin(), held_.end(), [](const Held& one) { return !one.reply.client_left(); }));
  }
  /// False after 10 s.
  bool wait_for_held_clients(std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (held_clients() != count) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  std::size_t held() {
    std::lock_guard lock(mutex_);
    return held_.size();
  }

  /// Answers what was held back, and all that comes after.
  void release() {
    std::vector<Held> held;
    {
      std::lock_guard lock(mutex_);
      holding_ = false;
      held.swap(held_);
    }
    for (auto& [request, reply] : held) reply.send(respond_(request));
  }

  std::vector<http::Request> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  std::size_t count() { return requests().size(); }

  static std::string text_of(const rapidjson::Value& text) { return {text.GetString(), text.GetStringLength()}; }
  static std::string joined_parts(const rapidjson::Value& parts) {
    std::string joined;
    for (const auto& part : parts.GetArray())
      joined += text_of(part.HasMember("text") ? part["text"] : part["image_url"]["url"]);
    return joined;
  }

  static http::Response embed(const http::Request& request) {
    rapidjson::Document body;
    body.Parse(request.body.data(), request.body.size());
    http::Response response;
    if (body.HasParseError() || !body.IsObject() || !body.HasMember("input") || !body["input"].IsArray()) {
      response.status = 400;
      response.body = R"({"error":"no list of inputs"})";
      return response;
    }
    std::string data;
    rapidjson::SizeType position = 0;
    for (const auto& input : body["input"].GetArray()) {
      const std::string text = input.IsObject() ? joined_parts(input["content"]) : text_of(input);
      if (text.starts_with("bad")) {
        response.status = 400;
        response.body = R"({"error":"input )" + std::to_string(position) + R"(: not an image"})";
        return response;
      }
      data += (data.empty() ? "" : ",") + std::string(R"({"embedding":[)") + std::to_string(text.size()) + ",1,0.5]}";
      ++position;
    }
    response.body = "{\"data\":[" + data + "]}";
    return response;
  }

 private:
  struct Held {
    http::Request request;
    http::Reply reply;
  };

  void take(http::Request&& request, http::Reply reply) {
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
      if (holding_) {
        held_.push_back({std::move(request), std::move(reply)});
        arrived_.notify_all();
        return;
      }
    }
    reply.send(respond_(request));
  }

  Respond respond_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  bool holding_ = false;
  std::vector<Held> held_;
  std::vector<http::Request> requests_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace sightline::elastic
