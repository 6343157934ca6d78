// Requests that their head alone decides, and the lines of the access log.
#include <doctest/doctest.h>
#include <mutex>
#include <vector>

#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;
using namespace std::chrono_literals;

namespace {

/// Lets in whoever says "Key: right". "Key: slow" is refused later, and "Key: late" not before a test has ended.
std::optional<HeadAnswer> check(const Request& head) {
  const auto key = head.headers.get("Key").value_or("");
  if (key == "right") return {};
  HeadAnswer answer{{401, {}, "text/plain", "no key"}};
  if (key == "slow") answer.delay = 100ms;
  if (key == "late") answer.delay = 1h;
  return answer;
}

std::unique_ptr<Server> guarded(Server::Options options = {}) {
  options.check_head = check;
  return serve([](Request&& request, Reply reply) { reply.send(text("got " + request.body)); }, options);
}

}  // namespace

TEST_CASE("a large body without a key is refused by its head, and never read") {
  const auto server = guarded();
  for (const char* framing : {"Content-Length: 60000000\r\n", "Transfer-Encoding: chunked\r\n",
                              "Content-Length: 5\r\nExpect: 100-continue\r\n"}) {
    RawClient client(server->port());
    const auto response = client.ask("POST / HTTP/1.1\r\nHost: h\r\n" + std::string(framing) + "\r\n");  // and no body
    CHECK_MESSAGE(response.status == 401, framing);
    CHECK(response.body == "no key");
    CHECK(response.has("Connection: close\r\n"));
  }
}

TEST_CASE("with a key the body is asked for, and a client refused with a short body keeps its connection") {
  const auto server = guarded();
  RawClient client(server->port());
  CHECK(client.ask(post("short")).status == 401);
  CHECK(client.ask(post("body", "Key: right\r\n")).body == "got body");
  const std::string head =
      "POST / HTTP/1.1\r\nHost: h\r\nKey: right\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
  CHECK(client.ask(head, true).status == 100);
  CHECK(client.ask("late").body == "got late");
}

TEST_CASE("thousands of requests sent ahead are each refused, in order") {
  const auto server = guarded();
  RawClient client(server->port());
  std::string all;
  for (int i = 0; i < 3000; ++i) all += get("/", i % 3 == 2 ? "Key: right\r\n" : "");
  std::thread sender([&] { client.send(all); });
  int in_order = 0;
  for (int i = 0; i < 3000; ++i) {
    if (client.receive().status == (i % 3 == 2 ? 200 : 401)) ++in_order;
  }
  sender.join();
  CHECK(in_order == 3000);
}

TEST_CASE("a delayed answer holds up its own connection only, and gives way to newcomers") {
  Server::Options options;
  options.max_connections = 2;
  options.header_timeout = 100ms;  // makes the loop look at its clocks often
  const auto server = guarded(options);
  RawClient slow(server->port());
  const auto began = std::chrono::steady_clock::now();
  slow.send(get("/", "Key: slow\r\n"));
  RawClient other(server->port());
  CHECK(other.ask(get("/", "Key: right\r\n")).status == 200);
  CHECK(slow.receive().status == 401);
  CHECK(std::chrono::steady_clock::now() - began >= 100ms);

  slow.send(get("/", "Key: late\r\n"));
  CHECK(other.ask(get("/", "Key: right\r\n")).status == 200);
  CHECK(RawClient(server->port()).ask(get("/", "Key: right\r\n")).status == 200);
  CHECK(slow.sees_end());
}

TEST_CASE("every request has one line in the access log, whoever answered it") {
  std::mutex mutex;
  std::vector<AccessRecord> lines;
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return lines.size();
  };
  Server::Options options;
  options.check_head = check;
  options.access_log = [&](const AccessRecord& record) {
    const std::lock_guard lock(mutex);
    lines.push_back(record);
  };
  const auto server = serve(
      [](Request&& request, Reply reply) {
        if (request.path == "/throw") throw std::runtime_error("fault");
        if (request.path == "/stream") {
          auto stream = reply.stream(ResponseHead{});
          stream.write("12345");
          return stream.finish();
        }
        reply.send(text("ok"));
      },
      options);
  RawClient client(server->port());
  const auto line_of = [&](const std::string& request) {
    const auto before = count();
    client.ask(request);
    REQUIRE(eventually([&] { return count() == before + 1; }));
    const std::lock_guard lock(mutex);
    return lines.back();
  };
  const auto plain = line_of(post("1234567", "Key: right\r\nX-Opaque-Id: mine\r\n"));
  CHECK(plain.method == Method::post);
  CHECK(plain.path == "/p");
  CHECK(plain.request_id == "mine");
  CHECK(plain.peer == "127.0.0.1");
  CHECK(plain.status == 200);
  CHECK(plain.bytes_in == 7);
  CHECK(plain.bytes_out == 2);
  CHECK(line_of(get("/stream", "Key: right\r\n")).bytes_out == 5);
  CHECK(line_of(get("/throw", "Key: right\r\n")).status == 500);
  CHECK(line_of(get("/refused")).status == 401);
  const auto strange = line_of(get("/a\"\\\xff?secret=1", "Key: right\r\nX-Opaque-Id: \"}\r\n"));
  CHECK(strange.path == "/a%22%5C%FF");
  CHECK(strange.request_id.empty());
  CHECK(line_of(get("/" + std::string(1000, 'a'), "Key: right\r\n")).path.size() == 200);
  CHECK(line_of("nonsense\r\n\r\n").status == 400);
}
