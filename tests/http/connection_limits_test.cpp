// What clients can do with connections alone: too many of them, or too slow ones.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <optional>
#include <sys/resource.h>
#include <thread>
#include <vector>

#include "server/http/client_network.h"
#include "server/http/connection_table.h"
#include "tests/base/processor_time.h"
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
  auto ended = connection(6, "a");
  ended->phase = Connection::Phase::lingering;
  table.add(ended);
  CHECK(chosen(table, 9) == std::vector<int>{6, 3, 4, 2, 1});
  CHECK(chosen(table, 2) == std::vector<int>{6, 3});
  CHECK(table.size() == 7);
  table.retire(*table.find(3));
  CHECK(table.size() == 6);
  CHECK(table.of_network("a") == 6);
}

TEST_CASE("half a head that goes on coming does not get younger, half a body does") {
  ConnectionTable table;
  for (int i = 1; i < 3; ++i) table.add(connection(i, "a", "GET / HT"));
  for (int i = 3; i < 5; ++i)
    table.add(connection(i, "a", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf"));
  for (const int moving : {1, 3}) table.find(moving)->last_progress += 100s;
  CHECK(chosen(table, 9) == std::vector<int>{1, 2, 4, 3});
}

TEST_CASE("a client with many connections makes room before clients with few") {
  ConnectionTable table;
  table.add(connection(1, "few"));
  for (int i = 2; i < 6; ++i) table.add(connection(i, "many"));
  CHECK(chosen(table, 2) == std::vector<int>{2, 3});
  table.add(connection(0, "other"));  // whatever order they are looked at in
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

TEST_CASE("a new connection replaces the least needed one, but never one that is being answered") {
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

TEST_CASE("half a request that gives way to a newcomer is told why") {
  Server::Options options;
  options.max_connections = 1;
  const auto server = serve(ok, options);
  for (const char* half : {"GET / HT", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf"}) {
    RawClient slow(server->port());
    CHECK(slow.ask(get("/")).status == 200);
    slow.send(half);
    RawClient newcomer(server->port());
    CHECK(newcomer.ask(get("/")).status == 200);
    const auto told = slow.receive();
    CHECK(told.status == 503);
    CHECK_MESSAGE(told.body.find("--max-connections") != std::string::npos, told.body);
  }
}

TEST_CASE("event loops share the limit on connections") {
  Server::Options options;
  options.io_threads = 2;
  options.max_connections = 2;
  const auto server = serve(ok, options);
  std::vector<RawClient> clients;
  std::vector<int> between;  // so that descriptors, by which loops are chosen, are odd and even
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back(server->port());
    CHECK(clients.back().ask(get("/")).status == 200);
    between.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  CHECK(eventually([&] {
    std::size_t open = 0;
    char byte = 0;
    for (const auto& client : clients) open += ::recv(client.descriptor(), &byte, 1, MSG_DONTWAIT) < 0;
    return open <= 2;
  }));
  for (const int each : between) ::close(each);
}

TEST_CASE("connections are kept within this server's part of the open files") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit few = before;
  few.rlim_cur = 256;
  Server::Options options;
  options.descriptor_parts = 128;  // (256 - 64) / 128 = 1 connection
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  const auto server = serve(ok, options);
  ::setrlimit(RLIMIT_NOFILE, &before);
  RawClient first(server->port());
  CHECK(first.ask(get("/")).status == 200);
  RawClient second(server->port());
  CHECK(second.ask(get("/")).status == 200);
  CHECK(first.sees_end());
}

TEST_CASE("limits and times that make no sense are refused") {
  const auto starts = [](auto change) {
    Server::Options options;
    change(options);
    return Server::start(options, ok).ok();
  };
  CHECK(starts([](Server::Options&) {}));
  CHECK_FALSE(starts([](Server::Options& options) { options.max_connections = 0; }));
  CHECK_FALSE(starts([](Server::Options& options) { options.max_connections_per_address = 0; }));
  CHECK_FALSE(starts([](Server::Options& options) { options.descriptor_parts = 0; }));
  for (const auto time : {&Server::Options::idle_timeout, &Server::Options::header_timeout,
                          &Server::Options::receive_timeout, &Server::Options::send_timeout})
    CHECK_FALSE(starts([time](Server::Options& options) { options.*time = 0ms; }));
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

  options.receive_timeout = 1s;  // of which a busy machine may take a part from the sender
  const auto patient = serve(ok, options);
  RawClient steady(patient->port());
  CHECK(steady.ask(get("/")).status == 200);
  std::this_thread::sleep_for(1500ms);  // between requests: no part of what is measured
  constexpr int k_pieces = 110;         // more than two seconds of them, at ten times the least rate
  steady.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(2000 * k_pieces) + "\r\n\r\n");
  for (int i = 0; i < k_pieces; ++i) {
    steady.send(std::string(2000, 'x'));
    std::this_thread::sleep_for(20ms);
  }
  CHECK(steady.receive().status == 200);
}

TEST_CASE("where no rate is asked for, a client that pauses for too long is given up all the same") {
  Server::Options options;
  options.receive_timeout = options.send_timeout = 100ms;
  options.min_transfer_rate = 0;
  const std::string big(32u << 20, 'b');
  const auto server = serve([&](Request&&, Reply reply) { reply.send(text(big)); }, options);
  RawClient sender(server->port());
  const auto response = sender.ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  CHECK(response.status == 408);
  CHECK_MESSAGE(response.body.find("--receive-timeout") != std::string::npos, response.body);
  RawClient reader(server->port(), 4096);
  reader.send(get("/"));
  std::this_thread::sleep_for(1s);
  CHECK(reader.receive().status == 0);
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

namespace {

/// As long as it lives, this process has no descriptor left but `spare` ones.
class NoDescriptors {
 public:
  explicit NoDescriptors(int spare) {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    rlimit tight = before_;
    tight.rlim_cur = 256;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
    for (int made; (made = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) taken_.push_back(made);
    for (; spare > 0; --spare) {
      ::close(taken_.back());
      taken_.pop_back();
    }
  }
  ~NoDescriptors() {
    for (const int each : taken_) ::close(each);
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }

 private:
  rlimit before_{};
  std::vector<int> taken_;
};

}  // namespace

TEST_CASE("with descriptors gone an idle connection makes room") {
  const auto server = serve(ok);
  RawClient idle(server->port());
  CHECK(idle.ask(get("/")).status == 200);
  const NoDescriptors none(1);
  RawClient client(server->port());  // has the last one: there is none to accept it with
  CHECK(client.ask(get("/")).status == 200);
  CHECK(idle.sees_end());
}

TEST_CASE("with descriptors gone and nobody waiting, nobody has to make room") {
  const auto server = serve(ok);
  RawClient idle(server->port());
  CHECK(idle.ask(get("/")).status == 200);
  const NoDescriptors none(2);
  RawClient client(server->port());  // accepted with the last one
  for (int i = 0; i < 3; ++i) {
    CHECK(client.ask(get("/")).status == 200);
    CHECK(idle.ask(get("/")).status == 200);
  }
}

TEST_CASE("with descriptors gone and every connection busy the server waits for one, and does not spin") {
  Server::Options options;
  options.idle_timeout = 400ms;  // makes the loop look at its clocks often
  Parked parked(options);
  RawClient busy(parked.server->port());
  busy.send(get("/busy"));
  auto [path, reply] = parked.next();
  std::optional<NoDescriptors> none(1);
  RawClient client(parked.server->port());
  client.send(get("/waiting"));
  // This thread spins: on a busy machine, too, one of the server's that did the same would get as much.
  const auto before = processor_time();
  const auto own_before = processor_time_of_thread();
  while (processor_time_of_thread() - own_before < 400ms) {
  }
  const auto own = processor_time_of_thread() - own_before;
  const auto servers = processor_time() - before - own;
  none.reset();
  CHECK(servers < own / 20);
  parked.next().second.send(text("accepted"));  // though no connection has gone meanwhile
  CHECK(client.receive().body == "accepted");
  reply.send(text("busy"));
  CHECK(busy.receive().body == "busy");
}
