// A port that passes everything on to a cluster, as the tests of gateways begin with.
#pragma once

#include <doctest/doctest.h>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/elastic/gateway/pass_through.h"
#include "tests/http/raw_peer.h"
#include "tests/http/serving.h"

namespace sightline::elastic {

/// Nobody listens there: the port was free a moment ago, and is held by nobody.
inline std::uint16_t dead_port() {
  return http::RawPeer([](http::PeerConnection&) {}).port();
}

struct Warnings {
  std::function<void(const std::string&)> sink() {
    return [this](const std::string& text) {
      const std::lock_guard lock(mutex);
      texts.push_back(text);
    };
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return texts.size();
  }
  std::mutex mutex;
  std::vector<std::string> texts;
};

struct Passing {
  explicit Passing(std::uint16_t cluster_port, Cluster::Options options = {},
                   const http::Server::Options& server_options = {})
      : timer(start_timer()) {
    options.url = "http://127.0.0.1:" + std::to_string(cluster_port) + options.url;
    options.warn = warnings.sink();
    cluster = *Cluster::create(options, *timer);
    pass_through = *PassThrough::create(cluster, *timer);
    server = http::serve([this](http::Request&& request,
                                http::Reply reply) { pass_through->send(std::move(request), std::move(reply)); },
                         server_options);
  }
  ~Passing() { server->stop(); }

  http::RawClient client() const { return http::RawClient(server->port()); }

  Warnings warnings;
  std::unique_ptr<Timer> timer;
  std::shared_ptr<Cluster> cluster;
  std::unique_ptr<PassThrough> pass_through;
  std::unique_ptr<http::Server> server;
};

}  // namespace sightline::elastic
