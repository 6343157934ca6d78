// The cluster as the front asks it.
#include "server/elastic/gateway/cluster_store.h"

#include <atomic>

#include "passing.h"

using namespace sightline;
using namespace sightline::elastic;
using http::PeerConnection;
using http::RawPeer;

namespace {

struct Asking {
  explicit Asking(std::uint16_t port, Cluster::Options options = {}, const Limits& limits = {}) : timer(start_timer()) {
    options.url = "http://127.0.0.1:" + std::to_string(port);
    store = *ClusterStore::create(*Cluster::create(options, *timer), *timer, limits);
  }
  http::Response ask(http::Method method, std::string body = {}) {
    http::Request request;
    request.method = method;
    request.path = "/.sightline/_doc/x";
    request.query = "refresh=true";
    request.headers.add("Authorization", "ApiKey abc");
    request.headers.add("Accept-Encoding", "gzip");
    request.headers.add("Host", "gateway");
    if (!body.empty()) request.headers.add("Content-Type", "application/json");
    request.body = std::move(body);
    return store->handle(request);
  }
  std::unique_ptr<Timer> timer;
  std::unique_ptr<ClusterStore> store;
};

}  // namespace

TEST_CASE("the cluster gets the caller's credentials, and a request for a readable answer") {
  std::string seen;
  RawPeer cluster([&](PeerConnection& connection) {
    seen = connection.request();
    connection.send("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"a\":1}\n");
    connection.sees_end();
  });
  {
    Asking asking(cluster.port());
    const auto answer = asking.ask(http::Method::put, "{}");
    CHECK(answer.status == 201);
    CHECK(answer.body == "{\"a\":1}\n");
    CHECK(asking.store->runs_pipelines());
  }
  CHECK(seen.starts_with("PUT /.sightline/_doc/x?refresh=true HTTP/1.1\r\n"));
  CHECK(seen.find("Authorization: ApiKey abc\r\n") != std::string::npos);
  CHECK(seen.find("Accept-Encoding") == std::string::npos);
  CHECK(seen.find("gateway") == std::string::npos);
}

TEST_CASE("an answer of more values than a bulk may have is not read, by the limit's name") {
  std::atomic<int> values{0};
  const auto cluster = http::serve([&](http::Request&&, http::Reply reply) {
    std::string body = "[0";
    for (int i = 2; i < values; ++i) body += ",0";
    http::Response response;
    response.body = body + "]";
    reply.send(std::move(response));
  });
  Limits limits;
  limits.max_bulk_values = 10;
  Warnings warnings;
  Cluster::Options options;
  options.warn = warnings.sink();
  Asking asking(cluster->port(), options, limits);
  values = 11;
  CHECK(asking.ask(http::Method::get).body == "[0,0,0,0,0,0,0,0,0,0]");
  values = 12;
  const auto refused = asking.ask(http::Method::get);
  CHECK(refused.status == 502);
  CHECK(refused.body.find("content_too_long_exception") != std::string::npos);
  CHECK(refused.body.find("more than 10 JSON values and keys (--elasticsearch-max-bulk-values)") != std::string::npos);
  CHECK(warnings.count() == 1);
  cluster->stop();
}

TEST_CASE("a write whose answer broke off is not repeated, a read is") {
  std::atomic<int> arrived{0};
  RawPeer cluster([&](PeerConnection& connection) {
    if (!connection.request().empty()) ++arrived;
  });
  Asking asking(cluster.port());
  const auto write = asking.ask(http::Method::post, "{}");
  CHECK(write.status == 502);
  CHECK(write.body.find("outcome of the request is unknown") != std::string::npos);
  CHECK(arrived == 1);
  CHECK(asking.ask(http::Method::get).status == 502);
  CHECK(arrived > 2);
}

TEST_CASE("a request that the end of the server ends is no failure of the cluster") {
  http::Parked silent;
  std::atomic<int> failures{0};
  Warnings warnings;
  Cluster::Options options;
  options.warn = warnings.sink();
  options.count = [&](GatewayEvent event) { failures += event == GatewayEvent::cluster_failed ? 1 : 0; };
  Asking asking(silent.server->port(), options);
  asking.store->shut_down();
  const auto answer = asking.ask(http::Method::put, "{}");
  CHECK(answer.status == 503);
  CHECK(answer.body.find("node_closed_exception") != std::string::npos);
  CHECK(answer.body.find("the server is stopping") != std::string::npos);
  CHECK(failures == 0);
  CHECK(warnings.count() == 0);
}

TEST_CASE("a cluster that is down becomes 503, one that is silent 504") {
  Asking down(dead_port());
  const auto refused = down.ask(http::Method::put, "{}");
  CHECK(refused.status == 503);
  CHECK(refused.body.find("connect_exception") != std::string::npos);

  http::Parked silent;
  Cluster::Options options;
  options.timeout = std::chrono::milliseconds(50);
  Asking asking(silent.server->port(), options);
  CHECK(asking.ask(http::Method::put, "{}").status == 504);
}
