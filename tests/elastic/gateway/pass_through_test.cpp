// Requests and answers on their way through, against clusters that behave and that do not.
#include <atomic>
#include <future>

#include "passing.h"

using namespace sightline;
using namespace sightline::elastic;
using http::PeerConnection;
using http::RawClient;
using http::RawPeer;

namespace {

constexpr const char* k_empty_answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Answers every request alike, and notes them.
struct Echoing {
  explicit Echoing(std::string answer)
      : peer([this, answer = std::move(answer)](PeerConnection& connection) {
          for (std::string request = connection.request(); !request.empty(); request = connection.request()) {
            {
              const std::lock_guard lock(mutex);
              requests.push_back(std::move(request));
            }
            connection.send(answer);
          }
        }) {}
  std::string request(std::size_t at) {
    const std::lock_guard lock(mutex);
    return at < requests.size() ? requests[at] : "";
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return requests.size();
  }
  std::mutex mutex;
  std::vector<std::string> requests;
  RawPeer peer;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a request reaches the cluster as it came, but for Host and what belongs to the connection") {
  Echoing cluster(k_empty_answer);
  Passing passing(cluster.peer.port());
  const std::string body = "{\"query\":\n  {\"match_all\":{ }}}";
  passing.client().ask(
      "POST /a%2Fb//c/../_search?q=%20x&pretty&filter_path=a.* HTTP/1.1\r\nHost: gateway:1\r\n"
      "Authorization: ApiKey c2VjcmV0\r\nX-Opaque-Id: 7\r\ntraceparent: 00-ab-cd-01\r\n"
      "Content-Type: application/vnd.elasticsearch+json; compatible-with=9\r\n"
      "Accept: application/vnd.elasticsearch+json; compatible-with=9\r\n"
      "Accept-Encoding: gzip\r\nX-Twice: one\r\nX-Twice: two\r\nX-Hop: gone\r\n"
      "User-Agent: es/9\r\nConnection: keep-alive, X-Hop\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  const std::string seen = cluster.request(0);
  CHECK(seen.starts_with("POST /a%2Fb//c/../_search?q=%20x&pretty&filter_path=a.* HTTP/1.1\r\n"));
  CHECK(seen.ends_with("\r\n\r\n" + body));
  for (const char* field :
       {"\r\nAuthorization: ApiKey c2VjcmV0\r\n", "\r\nX-Opaque-Id: 7\r\n", "\r\ntraceparent: 00-ab-cd-01\r\n",
        "\r\nContent-Type: application/vnd.elasticsearch+json; compatible-with=9\r\n",
        "\r\nAccept: application/vnd.elasticsearch+json; compatible-with=9\r\n", "\r\nAccept-Encoding: gzip\r\n",
        "\r\nX-Twice: one\r\n", "\r\nX-Twice: two\r\n", "\r\nUser-Agent: es/9\r\n"})
    CHECK_MESSAGE(has(seen, field), field);
  CHECK(has(seen, "\r\nHost: 127.0.0.1:" + std::to_string(cluster.peer.port()) + "\r\n"));
  CHECK(!has(seen, "gateway:1"));
  CHECK(!has(seen, "X-Hop"));
}

TEST_CASE("every method is passed on, and a path in the cluster's URL goes before the request's") {
  Echoing cluster(k_empty_answer);
  Cluster::Options options;
  options.url = "/es/";
  Passing passing(cluster.peer.port(), options);
  RawClient client = passing.client();
  std::size_t count = 0;
  for (const std::string method : {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"}) {
    const auto answer = client.ask(method + " /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", method == "HEAD");
    CHECK(answer.status == 200);
    CHECK(cluster.request(count++).starts_with(method + " /es/x HTTP/1.1\r\n"));
  }
}

TEST_CASE("an answer comes back as the cluster gave it, whatever its status") {
  for (const std::string status : {"200 OK", "401 Unauthorized", "403 Forbidden", "413 Too Large",
                                   "429 Too Many Requests", "500 Oops", "503 Red"}) {
    const std::string body = "{\"error\" : { \"reason\":\"as \\u00e4 it is\"} }\n";
    Echoing cluster("HTTP/1.1 " + status +
                    "\r\nX-elastic-product: Elasticsearch\r\nWarning: 299 first\r\nWarning: 299 second\r\n"
                    "WWW-Authenticate: Basic realm=\"security\"\r\nWWW-Authenticate: ApiKey\r\n"
                    "content-type: application/vnd.elasticsearch+json;compatible-with=8\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\n\r\n" + body);
    Passing passing(cluster.peer.port());
    const auto answer = passing.client().ask(http::get("/x?pretty&filter_path=nothing"));
    CHECK(answer.status == std::stoi(status));
    CHECK(answer.body == body);
    for (const char* field :
         {"\r\nX-elastic-product: Elasticsearch\r\n", "\r\nWarning: 299 first\r\nWarning: 299 second\r\n",
          "\r\nWWW-Authenticate: Basic realm=\"security\"\r\n", "\r\nWWW-Authenticate: ApiKey\r\n",
          "content-type: application/vnd.elasticsearch+json;compatible-with=8\r\n"})
      CHECK_MESSAGE(answer.has(field), field);
    CHECK(cluster.count() == 1);
  }
}

TEST_CASE("gzip, text and chunks of the cluster are the client's") {
  const std::string zipped("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03raw bytes\0\xff", 21);
  Echoing gzip(
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: "
      "21\r\n\r\n" +
      zipped);
  Passing through_gzip(gzip.peer.port());
  const auto packed = through_gzip.client().ask(http::get("/x", "Accept-Encoding: gzip\r\n"));
  CHECK(packed.body == zipped);
  CHECK(packed.has("Content-Encoding: gzip\r\n"));

  Echoing chunks(
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nTransfer-Encoding: chunked\r\n\r\n"
      "6\r\ngreen \r\n9\r\nopen pics\r\n0\r\n\r\n");
  Passing through_chunks(chunks.peer.port());
  RawClient client = through_chunks.client();
  for (int again = 0; again < 2; ++again) {
    const auto table = client.ask(http::get("/_cat/indices"));
    CHECK(table.status == 200);
    CHECK(table.body == "green open pics");
    CHECK(table.has("Content-Type: text/plain; charset=UTF-8\r\n"));
  }
}

TEST_CASE("HEAD keeps the cluster's length, without a body") {
  Echoing cluster("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 551\r\n\r\n");
  Passing passing(cluster.peer.port());
  RawClient client = passing.client();
  for (int again = 0; again < 2; ++again) {
    const auto answer = client.ask("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", true);
    CHECK(answer.status == 200);
    CHECK(answer.has("Content-Length: 551\r\n"));
  }
}

TEST_CASE("a cluster that cannot be reached gives an error in Elasticsearch's format, and one warning") {
  const std::uint16_t port = dead_port();
  Passing passing(port);
  RawClient client = passing.client();
  for (int again = 0; again < 3; ++again) {
    const auto answer = client.ask(
        "PUT /pics/_doc/1?pretty HTTP/1.1\r\nHost: h\r\nAuthorization: Basic aHVzaA==\r\nX-Opaque-Id: 9\r\n"
        "Content-Type: application/vnd.elasticsearch+json; compatible-with=8\r\n"
        "Accept: application/vnd.elasticsearch+json; compatible-with=8\r\nContent-Length: 2\r\n\r\n{}");
    CHECK(answer.status == 503);
    CHECK(has(answer.body, "\"type\" : \"connect_exception\""));
    CHECK(has(answer.body, "http://127.0.0.1:" + std::to_string(port)));
    CHECK(has(answer.body, "nothing was sent"));
    CHECK(answer.has("X-elastic-product: Elasticsearch\r\n"));
    CHECK(answer.has("X-Opaque-Id: 9\r\n"));
    CHECK(answer.has("compatible-with=8"));
  }
  REQUIRE(passing.warnings.count() == 1);
  CHECK(!has(passing.warnings.texts[0], "aHVzaA"));
}

TEST_CASE("a write that broke off is not sent again, and its outcome is said to be unknown") {
  std::atomic<int> arrived{0};
  RawPeer cluster([&](PeerConnection& connection) {
    if (!connection.request().empty()) ++arrived;
  });
  Passing passing(cluster.port());
  const auto answer = passing.client().ask(http::post("{}", "Content-Type: application/json\r\n"));
  CHECK(answer.status == 502);
  CHECK(has(answer.body, "outcome of the request is unknown"));
  CHECK(arrived == 1);
}

TEST_CASE("a read that broke off before its answer is sent again") {
  std::atomic<int> arrived{0};
  RawPeer cluster([&](PeerConnection& connection) {
    if (connection.request().empty()) return;
    if (++arrived < 3) return;  // closed without an answer
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    connection.sees_end();
  });
  Passing passing(cluster.port());
  const auto answer = passing.client().ask(http::get("/_search"));
  CHECK(answer.status == 200);
  CHECK(answer.body == "{}");
  CHECK(arrived == 3);
}

TEST_CASE("half an answer cuts the client's connection") {
  for (const std::string head :
       {"Content-Length: 100\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"}) {
    RawPeer cluster([&](PeerConnection& connection) {
      if (!connection.request().empty()) connection.send("HTTP/1.1 200 OK\r\n" + head);
    });
    Passing passing(cluster.port());
    const auto answer = passing.client().ask(http::get("/_search"));
    CHECK(answer.status == 0);  // not whole
    CHECK(has(answer.head, "200 OK"));
    CHECK(passing.warnings.count() == 1);
  }
}

TEST_CASE("a cluster that does not begin its answer in time gets the caller a 504") {
  std::promise<void> over;
  RawPeer cluster([&](PeerConnection& connection) {
    connection.request();
    over.get_future().wait();
  });
  Cluster::Options options;
  options.timeout = std::chrono::milliseconds(50);
  Passing passing(cluster.port(), options);
  const auto answer = passing.client().ask(http::post("{}"));
  over.set_value();
  CHECK(answer.status == 504);
  CHECK(has(answer.body, "took too long"));
}

TEST_CASE("the request of a client that disconnects is cancelled") {
  std::promise<void> arrived;
  std::promise<bool> ended;
  RawPeer cluster([&](PeerConnection& connection) {
    connection.request();
    arrived.set_value();
    ended.set_value(connection.sees_end());
  });
  Passing passing(cluster.port());
  {
    RawClient client = passing.client();
    client.send(http::post("{\"query\":{}}"));
    arrived.get_future().wait();
  }
  auto end = ended.get_future();
  REQUIRE(end.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
  CHECK(end.get());
}

TEST_CASE("of an answer that the client does not read only a few MB are taken from the cluster") {
  const std::string piece(1u << 20, 'x');
  constexpr std::size_t k_pieces = 96;
  std::atomic<std::size_t> taken{0};
  RawPeer cluster([&](PeerConnection& connection) {
    connection.request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(k_pieces << 20) + "\r\n\r\n");
    while (taken < k_pieces && connection.send(piece)) ++taken;
    connection.sees_end();
  });
  Passing passing(cluster.port());
  RawClient slow(passing.server->port(), 4096);
  slow.send(http::get("/_search"));
  REQUIRE(http::eventually([&] { return taken >= 4; }));
  CHECK(taken < k_pieces / 2);
  const auto answer = slow.receive();
  CHECK(answer.status == 200);
  CHECK(answer.body.size() == k_pieces << 20);
}

TEST_CASE("many requests are on their way at once, and each gets its own answer") {
  const auto cluster = http::serve(
      [](http::Request&& request, http::Reply reply) { reply.send(http::text(request.path + " " + request.body)); });
  Passing passing(cluster->port());
  std::vector<std::future<int>> clients;
  for (int number = 0; number < 16; ++number) {
    clients.push_back(std::async(std::launch::async, [&passing, number] {
      RawClient client = passing.client();
      int right = 0;
      for (int turn = 0; turn < 50; ++turn) {
        // Large enough that it cannot arrive before the answer to the one before is settled.
        const std::string body = std::to_string(number) + ":" + std::to_string(turn) + std::string(100'000, 'b');
        right += client.ask(http::post(body)).body == "/p " + body ? 1 : 0;
      }
      return right;
    }));
  }
  for (auto& client : clients) CHECK(client.get() == 50);
  passing.server->stop();
  cluster->stop();
}

TEST_CASE("requests that wait for the cluster hold none of the port's threads") {
  http::Parked cluster;
  http::Server::Options options;
  options.workers = 1;
  Passing passing(cluster.server->port(), {}, options);
  std::vector<RawClient> clients;
  std::vector<std::pair<std::string, http::Reply>> waiting;
  for (int number = 0; number < 8; ++number) {
    clients.push_back(passing.client());
    clients.back().send(http::get("/" + std::to_string(number)));
    waiting.push_back(cluster.next());  // all of them are with the cluster at once
  }
  for (auto& [path, reply] : waiting) reply.send(http::text(path));
  for (int number = 0; number < 8; ++number)
    CHECK(clients[static_cast<std::size_t>(number)].receive().body == "/" + std::to_string(number));
}
