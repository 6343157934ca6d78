// Servers and clients for tests: what most of them begin with.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <doctest/doctest.h>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "server/http/client.h"
#include "server/http/server.h"
#include "tests/http/raw_client.h"

namespace sightline::http {

inline std::unique_ptr<Server> serve(Server::Handler handler, const Server::Options& options = {}) {
  auto server = Server::start(options, std::move(handler));
  REQUIRE_MESSAGE(server.ok(), (server.ok() ? "" : server.error().message));
  return *std::move(server);
}

inline std::unique_ptr<Client> client_with(const Client::Options& options = {}) {
  auto client = Client::create(options);
  REQUIRE_MESSAGE(client.ok(), (client.ok() ? "" : client.error().message));
  return *std::move(client);
}

inline Response text(std::string body) {
  return {200, {}, "text/plain", std::move(body)};
}

inline std::string get(std::string_view path, std::string_view fields = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + std::string(fields) + "\r\n";
}

inline std::string post(std::string_view body, std::string_view fields = "") {
  return "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(fields) + "\r\n" + std::string(body);
}

inline std::string url(std::uint16_t port, const std::string& path = "/") {
  return "http://127.0.0.1:" + std::to_string(port) + path;
}

inline ClientRequest request_to(std::string target, Method method = Method::get) {
  ClientRequest request;
  request.method = method;
  request.url = std::move(target);
  return request;
}

/// False if it does not come true within 20 s.
template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// A server whose handler keeps the requests until the test asks for the next one.
class Parked {
 public:
  explicit Parked(const Server::Options& options = {})
      : server(serve(
            [this](Request&& request, Reply reply) {
              const std::lock_guard lock(mutex_);
              requests_.push_back({std::move(request.path), std::move(reply), request.cancellation});
              arrived_.notify_all();
            },
            options)) {}

  std::pair<std::string, Reply> next() {
    std::unique_lock lock(mutex_);
    REQUIRE(arrived_.wait_for(lock, std::chrono::seconds(20), [this] { return !requests_.empty(); }));
    auto first = std::move(requests_.front());
    requests_.pop_front();
    work = first.work;
    return {std::move(first.path), std::move(first.reply)};
  }

  std::shared_ptr<Cancellation> work;  ///< of the request that `next` returned last

 private:
  struct Parking {
    std::string path;
    Reply reply;
    std::shared_ptr<Cancellation> work;
  };
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Parking> requests_;

 public:
  const std::unique_ptr<Server> server;  ///< ends first: its threads use the rest
};

}  // namespace sightline::http
