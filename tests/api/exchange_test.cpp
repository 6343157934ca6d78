#include "server/api/exchange.h"

#include <stdexcept>

#include "tests/api/api_bench.h"
#include "tests/http/serving.h"

namespace sightline::api {
namespace {

/// The API behind a true server. What is to be refused is refused by the server.
class Port {
 public:
  explicit Port(http::Server::Options http = {}, http::Server::Handler handler = {}) {
    http.check_head = [this](const http::Request& head) { return bench.api->check_head(head); };
    http.access_log = [this](const http::AccessRecord& record) { bench.api->answered(record); };
    if (!handler) {
      handler = [this](http::Request&& request, http::Reply reply) {
        bench.api->handle(std::move(request), std::move(reply));
      };
    }
    server = http::serve(std::move(handler), http);
  }

  /// "status route method" of the answer, as it was logged. There must be one line more, and as many are counted.
  std::string logged(const std::string& request) {
    const std::size_t before = lines();
    http::RawClient client(server->port());
    const int status = client.ask(request).status;
    REQUIRE(http::eventually([&] { return lines() > before; }));
    server->stop();  // so nothing more is logged
    const std::lock_guard lock(bench.log_mutex);
    REQUIRE(bench.log.size() == before + 1);
    const AccessEntry& line = bench.log.back();
    CHECK(line.status == status);
    const std::string counted = "sightline_http_requests_total{method=\"" + line.method + "\",route=\"" + line.route +
                                "\",status=\"" + std::to_string(status) + "\"} 1";
    const std::string metrics = bench.metrics.text(*bench.service, true);
    CHECK_MESSAGE(metrics.find(counted) != std::string::npos, counted);
    CHECK(metrics.find("sightline_http_requests_total{") == metrics.rfind("sightline_http_requests_total{"));
    return std::to_string(status) + " " + line.route + " " + line.method + " " + line.request_id;
  }

  std::size_t lines() {
    const std::lock_guard lock(bench.log_mutex);
    return bench.log.size();
  }

  ApiBench bench;
  std::unique_ptr<http::Server> server;
};

std::string embeddings(const std::string& fields = "", const std::string& body = R"({"model":"hash","input":"a"})") {
  return "POST /v1/embeddings HTTP/1.1\r\nHost: h\r\nX-Request-Id: mine\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body;
}

TEST_CASE("every request has one line in the log and is counted once, whoever answers it") {
  CHECK(Port().logged(embeddings()) == "200 /v1/embeddings POST mine");
  CHECK(Port().logged("nonsense\r\n\r\n") == "400 unknown GET -");
  CHECK(Port().logged(embeddings("Origin: http://evil.example\r\n")) == "403 /v1/embeddings POST mine");
  CHECK(Port().logged(embeddings("Content-Encoding: br\r\n")) == "415 /v1/embeddings POST mine");
  CHECK(Port().logged(embeddings("Content-Encoding: gzip\r\n")) == "400 /v1/embeddings POST mine");
  http::Server::Options small;
  small.max_body_bytes = 10;
  CHECK(Port(small).logged(embeddings()) == "413 /v1/embeddings POST mine");
  http::Server::Options short_head;
  short_head.max_header_bytes = 1024;
  CHECK(Port(short_head).logged(embeddings("X: " + std::string(2000, 'x') + "\r\n")).starts_with("431 "));
  http::Server::Options no_room;
  no_room.max_buffered_bytes = 10;
  CHECK(Port(no_room).logged(embeddings()) == "429 /v1/embeddings POST mine");
  http::Server::Options impatient;
  impatient.receive_timeout = std::chrono::milliseconds(50);
  std::string cut = embeddings();
  cut.pop_back();
  CHECK(Port(impatient).logged(cut) == "408 /v1/embeddings POST mine");
  http::Server::Options no_queue;
  no_queue.max_queued_requests = 0;
  CHECK(Port(no_queue).logged(embeddings()) == "429 /v1/embeddings POST mine");
  const auto throws = [](http::Request&&, const http::Reply&) { throw std::runtime_error("fault"); };
  CHECK(Port({}, throws).logged(embeddings()) == "500 /v1/embeddings POST mine");
  CHECK(Port().logged("GET /made/up HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("404 unknown GET "));
}

TEST_CASE("a body that is dropped is freed") {
  ApiBench bench;
  http::Request request;
  request.body.assign(1'000'000, 'x');
  std::size_t kept = std::string::npos;
  const AccessLog no_log;
  Exchange exchange(std::move(request), {{}, [&](std::size_t bytes) { kept = bytes; }}, bench.timer, bench.metrics,
                    no_log);
  exchange.drop_body(7);
  CHECK(exchange.request.body.capacity() < 100);
  CHECK(kept == 7);
}

}  // namespace
}  // namespace sightline::api
