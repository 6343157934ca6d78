// Cohere on the loopback: the stand-in's rules over real HTTP, and answers that
// a test puts first in line.
#pragma once

#include <cmath>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/http/server.h"
#include "tests/cohere/stand_in.h"

namespace sightline::cohere {

/// A unit vector of 128 numbers that depends on every byte.
inline std::vector<float> hashed(const std::string& bytes, bool picture) {
  std::seed_seq seed(bytes.begin(), bytes.end());
  std::mt19937 random(seed);
  std::vector<float> values(128);
  double square = 0;
  for (float& value : values) {
    value = static_cast<float>(random() % 2001) / 1000.0f - (picture ? 1.0f : 0.5f);
    square += static_cast<double>(value) * value;
  }
  for (float& value : values) value = static_cast<float>(value / std::sqrt(square));
  return values;
}

inline Result<std::vector<StandIn::Embedded>> hashed_all(const std::vector<StandIn::Input>& inputs) {
  std::vector<StandIn::Embedded> embedded;
  for (const auto& input : inputs) embedded.push_back({hashed(input.bytes, input.picture), 4, 3});
  return embedded;
}

inline http::Response answer_of(int status, std::string body, http::Headers headers = {}) {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  response.headers = std::move(headers);
  return response;
}

class LoopbackCohere {
 public:
  explicit LoopbackCohere(StandIn::Options options = {}) : stand_in_(std::move(options), hashed_all) {
    http::Server::Options http;
    http.drain_timeout = std::chrono::milliseconds(0);
    server_ = std::move(*http::Server::start(
        http, [this](http::Request&& request, http::Reply reply) { take(std::move(request), std::move(reply)); }));
  }
  ~LoopbackCohere() {
    {
      const std::lock_guard lock(mutex_);
      held_.clear();
    }
    server_->stop();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }

  /// Answers the next requests, in order, before the stand-in answers the rest.
  void put_first(http::Response answer) {
    const std::lock_guard lock(mutex_);
    first_.push_back(std::move(answer));
  }

  /// From now on requests wait until `release`.
  void hold() {
    const std::lock_guard lock(mutex_);
    holding_ = true;
  }
  void wait_for_held(std::size_t count) {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return held_.size() >= count; });
  }
  void release() {
    std::vector<std::pair<http::Request, http::Reply>> held;
    {
      const std::lock_guard lock(mutex_);
      holding_ = false;
      held.swap(held_);
    }
    for (auto& [request, reply] : held) answer(request, std::move(reply));
  }

  std::vector<http::Request> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void take(http::Request&& request, http::Reply reply) {
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      if (holding_) {
        held_.emplace_back(std::move(request), std::move(reply));
        arrived_.notify_all();
        return;
      }
    }
    answer(request, std::move(reply));
  }

  void answer(const http::Request& request, http::Reply reply) {
    std::optional<http::Response> response;
    {
      const std::lock_guard lock(mutex_);
      if (!first_.empty()) {
        response = std::move(first_.front());
        first_.pop_front();
      }
    }
    if (!response) response = stand_in_.answer(request);
    if (response) return reply.send(*std::move(response));
    const std::lock_guard lock(mutex_);
    held_.emplace_back(request, std::move(reply));  // never answered
  }

  StandIn stand_in_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  bool holding_ = false;
  std::deque<http::Response> first_;
  std::vector<http::Request> requests_;
  std::vector<std::pair<http::Request, http::Reply>> held_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace sightline::cohere
