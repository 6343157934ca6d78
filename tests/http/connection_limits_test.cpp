// What clients can do with connections alone: too many of them, or too slow ones.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include "server/http/client_network.h"
#include "server/http/connection_table.h"
#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;
using namespace std::chrono_literals;

namespace {

void ok(Request&&, Reply reply) {
  reply.send(text("ok"));
}

std::shared_ptr<Connection> connection(int descriptor, const std::string& network, std::string_view sent = "") {
  auto made = std::make_shared<Connection>(descriptor, network, network, RequestParser::Limits{},
                                           std::make_shared<BufferBudget>(1u << 20));
  made->parser.feed(sent);
  made->last_progress = made->request_began = Connection::Clock::time_point{} + descriptor * 1s;
  return made;
}

std::vector<int> chosen(const ConnectionTable& table, std::size_t count, const std::string* network = nullptr) {
  std::vector<int> descriptors;
  for (const auto& each : table.least_needed(count, network)) descriptors.push_back(each->descriptor);
  return descriptors;
}

/// Sends a byte each few milliseconds until the server answers, or for `patience`.
RawResponse trickle(RawClient& client, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (!client.send("x")) break;
    char byte = 0;
    std::this_thread::sleep_for(5ms);
    if (::recv(client.descriptor(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0) break;
  }
  return client.receive();
}

}  // namespace

TEST_CASE("the least needed of connections: idle, half a head, half a body, and the longest unmoved first") {
  ConnectionTable table;
  table.add(connection(1, "a", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf"));
  table.add(connection(2, "a", "GET / HT"));
  table.add(connection(4, "a"));
  table.add(connection(3, "a"));
  auto handled = connection(0, "a");
  handled->phase = Connection::Phase::handling;
  table.add(handled);
  auto answered = connection(5, "a");
  answered->phase = Connection::Phase::sending;
  table.add(answered);
  CHECK(chosen(table, 9) == std::vector<int>{3, 4, 2, 1});
  CHECK(chosen(table, 1) == std::vector<int>{3});
  CHECK(table.size() == 6);
  table.retire(*table.find(3));
  CHECK(table.size() == 5);
  CHECK(table.of_network("a") == 5);
}

TEST_CASE("a client with many connections makes room before clients with few") {
  ConnectionTable table;
  table.add(connection(1, "few"));
  for (int i = 2; i < 6; ++i) table.add(connection(i, "many"));
  CHECK(chosen(table, 2) == std::vector<int>{2, 3});
  const std::string few = "few";
  CHECK(chosen(table, 9, &few) == std::vector<int>{1});
}

TEST_CASE("connections are counted by address, of IPv6 by the first 64 bits") {
  CHECK(network_of("10.0.0.7") == "10.0.0.7");
  CHECK(network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::99"));
  CHECK(network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1"));
  CHECK(network_of("::ffff:10.0.0.7") != network_of("::ffff:10.0.0.8"));
}

TEST_CASE("a newcomer takes the place of the idlest connection, and of none that is being answered") {
  Server::Options options;
  options.max_connections = 2;
  Parked parked(options);
  RawClient busy(parked.server->port());
  busy.send(get("/busy"));
  auto [path, reply] = parked.next();
  for (int i = 0; i < 20; ++i) {  // each is idle when the next one comes
    RawClient idle(parked.server->port());
    RawClient newcomer(parked.server->port());
    newcomer.send(get("/new"));
    parked.next().second.send(text("new"));
    CHECK(newcomer.receive().body == "new");
    CHECK(idle.sees_end());
  }
  reply.send(text("busy"));
  CHECK(busy.receive().body == "busy");
}

TEST_CASE("where every connection is busy, a newcomer is answered 503, and served once there is room") {
  Server::Options options;
  options.max_connections = 1;
  Parked parked(options);
  RawClient busy(parked.server->port());
  busy.send(get("/busy"));
  auto [path, reply] = parked.next();
  const auto refused = RawClient(parked.server->port()).receive();
  CHECK(refused.status == 503);
  CHECK_MESSAGE(refused.body.find("--max-connections") != std::string::npos, refused.body);
  reply.send(text("busy"));
  CHECK(busy.receive().body == "busy");
  RawClient next(parked.server->port());
  next.send(get("/next"));
  parked.next().second.send(text("next"));
  CHECK(next.receive().body == "next");
}

TEST_CASE("one address has its own limit, and makes its own room") {
  Server::Options options;
  options.max_connections_per_address = 2;
  const auto server = serve(ok, options);
  RawClient first(server->port());
  CHECK(first.ask(get("/")).status == 200);
  RawClient second(server->port());
  CHECK(second.ask(get("/")).status == 200);
  RawClient third(server->port());
  CHECK(third.ask(get("/")).status == 200);
  CHECK(first.sees_end());
  CHECK(second.ask(get("/")).status == 200);
}

TEST_CASE("three hundred half requests keep nobody out of a hundred places") {
  Server::Options options;
  options.max_connections = 100;
  const auto server = serve(ok, options);
  std::vector<RawClient> half;
  for (int i = 0; i < 300; ++i) {
    half.emplace_back(server->port());
    half.back().send("POST / HTTP/1.1\r\nHost: h\r\nContent-Le");
    if (i % 30 == 29) CHECK(RawClient(server->port()).ask(get("/")).status == 200);
  }
}

TEST_CASE("a head that comes byte by byte has a limited time in all") {
  Server::Options options;
  options.header_timeout = 100ms;
  const auto server = serve(ok, options);
  RawClient client(server->port());
  client.send("GET / HTTP/1.1\r\nHost: h\r\nX: ");
  const auto response = trickle(client, 5s);
  CHECK(response.status == 408);
  CHECK_MESSAGE(response.body.find("--header-timeout") != std::string::npos, response.body);
}

TEST_CASE("a body that comes slower than the least rate is given up, and one that keeps it is not") {
  Server::Options options;
  options.receive_timeout = 100ms;
  options.min_transfer_rate = 10'000;
  const auto server = serve(ok, options);
  RawClient slow(server->port());
  slow.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  const auto response = trickle(slow, 5s);
  CHECK(response.status == 408);
  CHECK_MESSAGE(response.body.find("--min-transfer-rate") != std::string::npos, response.body);

  RawClient steady(server->port());
  steady.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n");
  for (int i = 0; i < 20; ++i) {
    steady.send(std::string(2000, 'x'));
    std::this_thread::sleep_for(20ms);
  }
  CHECK(steady.receive().status == 200);
}

TEST_CASE("a client that takes its answer slower than the least rate is cut") {
  const std::string big(32u << 20, 'b');
  Server::Options options;
  options.send_timeout = 200ms;
  options.min_transfer_rate = 64u << 20;
  const auto server = serve([&](Request&&, Reply reply) { reply.send(text(big)); }, options);
  RawClient client(server->port(), 4096);
  client.send(get("/"));
  std::size_t taken = 0;
  char piece[4096];
  for (;;) {
    const auto count = ::recv(client.descriptor(), piece, sizeof piece, 0);
    if (count <= 0) break;
    taken += static_cast<std::size_t>(count);
    std::this_thread::sleep_for(1ms);
  }
  CHECK(taken < big.size());
}

TEST_CASE("with descriptors gone the server waits for one, and does not spin") {
  const auto server = serve(ok);
  RawClient kept(server->port());
  CHECK(kept.ask(get("/")).status == 200);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit tight = before;
  tight.rlim_cur = 256;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  std::vector<int> taken;
  for (int made; (made = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken.push_back(made);
  ::close(taken.back());
  taken.pop_back();
  RawClient client(server->port());  // has the last descriptor: there is none to accept it with
  client.send(get("/"));
  const auto cpu = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  };
  const auto spent_before = cpu();
  std::this_thread::sleep_for(200ms);
  const auto spent = cpu() - spent_before;
  for (const int each : taken) ::close(each);
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(spent < 100ms);
  CHECK(client.receive().status == 200);
}
