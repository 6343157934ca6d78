// The web page's files, and the way to the Elasticsearch side.
#include <map>

#include "base/sha256.h"
#include "server/web/page_file.h"
#include "tests/api/api_bench.h"
#include "tests/base/temporary_folder.h"
#include "tests/http/serving.h"

namespace sightline::api {
namespace {

constexpr const char* k_key = "a-key-of-sufficient-length-0123456789";

Api::Options with_key() {
  const TemporaryFolder folder;
  Api::Options options;
  options.keys = std::make_shared<security::KeyCheck>(
      *security::ApiKeys::read(folder.write("keys.txt", std::string(k_key) + "\n")));
  return options;
}

http::Headers field(std::string name, std::string value) {
  http::Headers headers;
  headers.set(std::move(name), std::move(value));
  return headers;
}

std::string tag_of(const http::Response& response) {
  return std::string(response.headers.get("ETag").value_or(""));
}

/// Tells what it is asked, and answers GET /stream piece by piece.
class EchoService final : public ElasticsearchService {
 public:
  void handle(http::Request request, http::Reply reply) override {
    if (request.path != "/stream") return reply.send(ask(std::move(request)));
    http::ResponseHead head;
    head.headers.set("X-elastic-product", "Elasticsearch");
    http::ReplyStream stream = reply.stream(std::move(head));
    stream.write("piece by ");
    stream.write("piece");
    stream.finish();
  }
  http::Response ask(http::Request request) override {
    http::Response response;
    response.headers.set("X-elastic-product", "Elasticsearch");
    response.body = std::string(http::to_string(request.method)) + " " + request.path + "?" + request.query + "\n";
    for (const auto& [name, value] : request.headers.all()) response.body += name + ": " + value + "\n";
    response.body += "\n" + request.body;
    return response;
  }
};

/// The API behind a true server, as the program puts them together.
class Port {
 public:
  explicit Port(Api::Options options = {}) : bench(std::move(options)) {
    http::Server::Options http;
    http.check_head = [this](const http::Request& head) { return bench.api->check_head(head); };
    http.access_log = [this](const http::AccessRecord& record) { bench.api->answered(record); };
    server = http::serve(
        [this](http::Request&& request, http::Reply reply) { bench.api->handle(std::move(request), std::move(reply)); },
        http);
  }

  http::RawResponse ask(const std::string& line, const std::string& fields = "", const std::string& body = "") {
    http::RawClient client(server->port());
    const std::string length = body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return client.ask(line + " HTTP/1.1\r\nHost: h\r\n" + length + fields + "\r\n" + body, line.starts_with("HEAD"));
  }

  ApiBench bench;
  EchoService service;
  std::unique_ptr<http::Server> server;
};

Api::Options embedded(Api::Options options = {}) {
  options.elasticsearch.kind = ElasticsearchSide::Kind::embedded;
  return options;
}

TEST_CASE("a browser gets the page at /, a program the routes") {
  ApiBench bench;
  for (const char* accept : {"text/html,application/xhtml+xml,*/*;q=0.8", "application/json, TEXT/HTML ; q=0.1"}) {
    const auto page = bench.get("/", field("Accept", accept));
    CHECK(page.status == 200);
    CHECK(page.content_type == "text/html; charset=utf-8");
    CHECK(page.body.starts_with("<!doctype html>"));
    CHECK(page.headers.get("Vary") == "Accept, Accept-Encoding");
  }
  for (const char* accept :
       {"*/*", "application/json", "text/html;q=0", "text/html;level=1;q=0.000", "text/htmlx", ""}) {
    CAPTURE(accept);
    const auto list = bench.get("/", field("Accept", accept));
    CHECK(std::string(parsed(list)["name"].GetString()) == "sightline");
    CHECK(list.headers.get("Vary") == "Accept");
  }
}

TEST_CASE("every file of the page is sent unchanged, with its type and the fields for browsers") {
  ApiBench bench;
  const auto& files = web::page_files();
  REQUIRE(files.size() > 5);
  for (const web::PageFile& file : files) {
    CAPTURE(file.path);
    const auto answer = bench.get("/page/" + std::string(file.path));
    REQUIRE(answer.status == 200);
    CHECK(answer.body == file.plain);
    CHECK_FALSE(file.content_type.empty());
    CHECK(answer.content_type == file.content_type);
    CHECK_FALSE(answer.headers.get("Content-Encoding"));
    CHECK(answer.headers.get("Cache-Control") == "no-cache");
    CHECK(answer.headers.get("X-Content-Type-Options") == "nosniff");
    CHECK(answer.headers.get("Referrer-Policy") == "no-referrer");
    CHECK(answer.headers.get("Cross-Origin-Opener-Policy") == "same-origin");
    CHECK(answer.headers.get("Content-Security-Policy").value_or("").find("default-src 'none'; script-src 'self'") ==
          0);
    CHECK(tag_of(answer).size() > 20);
  }
  const std::map<std::string, std::string> types{{"index.html", "text/html; charset=utf-8"},
                                                 {"modules/main.js", "text/javascript; charset=utf-8"},
                                                 {"console/clip.console", "text/plain; charset=utf-8"},
                                                 {"console/index.json", "application/json"}};
  for (const auto& [path, type] : types) CHECK(bench.get("/page/" + path).content_type == type);
}

TEST_CASE("all files of the page have a known type") {
  CHECK(web::page_content_type("a/b.css") == "text/css; charset=utf-8");
  CHECK(web::page_content_type("icon.svg") == "image/svg+xml");
  CHECK(web::page_content_type("vendored/inter.woff2") == "font/woff2");
  CHECK(web::page_content_type("vendored/SHA256SUMS") == "text/plain; charset=utf-8");
  CHECK(web::page_content_type("a.exe").empty());
}

TEST_CASE("a file is compressed for clients that accept gzip, with a separate tag") {
  ApiBench bench;
  const std::string path = "/page/console/clip.console";
  const auto plain = bench.get(path);
  for (const char* encodings : {"gzip", "br, gzip;q=0.5", "GZIP"}) {
    const auto packed = bench.get(path, field("Accept-Encoding", encodings));
    CHECK(packed.headers.get("Content-Encoding") == "gzip");
    CHECK(packed.body.size() < plain.body.size());
    CHECK(packed.body.starts_with("\x1f\x8b"));
    CHECK(packed.headers.get("Vary") == "Accept-Encoding");
    CHECK(tag_of(packed) != tag_of(plain));
  }
  for (const char* encodings : {"gzip;q=0", "br", "identity", ""})
    CHECK(bench.get(path, field("Accept-Encoding", encodings)).body == plain.body);
}

TEST_CASE("a client that has the file gets 304, and none of the other form") {
  ApiBench bench;
  const std::string path = "/page/console/clip.console";
  const std::string tag = tag_of(bench.get(path));
  for (const std::string& known : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
    CAPTURE(known);
    const auto answer = bench.get(path, field("If-None-Match", known));
    CHECK(answer.status == 304);
    CHECK(answer.body.empty());
    CHECK(tag_of(answer) == tag);
    CHECK(answer.headers.get("Cache-Control") == "no-cache");
    CHECK(answer.headers.get("Vary") == "Accept-Encoding");
  }
  auto headers = field("If-None-Match", tag);
  headers.set("Accept-Encoding", "gzip");
  CHECK(bench.get(path, headers).status == 200);
  CHECK(bench.get(path, field("If-None-Match", "\"other\"")).status == 200);
}

TEST_CASE("what is no file of the page is 404, and names no file outside of it") {
  ApiBench bench;
  for (const char* path :
       {"/page/nothing.js", "/page/../main.cpp", "/page/%2e%2e/page.cpp", "/page/modules", "/page"}) {
    CAPTURE(path);
    const auto answer = bench.get(path);
    CHECK(answer.status == 404);
    CHECK(std::string(parsed(answer)["error"]["code"].GetString()) == "not_found");
  }
  CHECK(bench.post("/page/index.html", "").status == 405);
  CHECK(bench.log.back().route == "/page/{file}");
}

TEST_CASE("the console requests are listed") {
  ApiBench bench;
  const auto list = parsed(bench.get("/page/console/index.json"));
  REQUIRE(list["files"].Size() >= 4);
  for (const auto& name : list["files"].GetArray())
    CHECK(bench.get(std::string("/page/console/") + name.GetString()).status == 200);
}

TEST_CASE("a server with keys shows the page to all, and the routes to those with a key") {
  ApiBench bench(with_key());
  CHECK(bench.get("/", field("Accept", "text/html")).status == 200);
  CHECK(bench.get("/page/modules/main.js").status == 200);
  CHECK(bench.get("/").status == 401);
  CHECK(bench.get("/v1/page").status == 401);
  CHECK(bench.get("/v1/page", field("Authorization", std::string("Bearer ") + k_key)).status == 200);
  CHECK(bench.get("/v1/page", field("Sightline-Key", k_key)).status == 200);
  CHECK(bench.get("/v1/page", field("Sightline-Key", "a-wrong-key-of-some-length")).status == 401);
}

TEST_CASE("the page gets what it needs in one call") {
  Api::Options options;
  options.elasticsearch = {ElasticsearchSide::Kind::gateway, "https://es.example:9200"};
  options.limits.inputs.max_image_bytes = 7'000'000;
  options.page.cohere = true;
  options.page.api_keys = true;
  options.page.max_body_bytes = 1000;
  ApiBench bench(std::move(options));
  const auto info = parsed(bench.get("/v1/page"));
  CHECK(std::string(info["version"].GetString()) == SIGHTLINE_VERSION);
  CHECK(std::string(info["elasticsearch"]["kind"].GetString()) == "gateway");
  CHECK(std::string(info["elasticsearch"]["url"].GetString()) == "https://es.example:9200");
  CHECK_FALSE(info["elasticsearch"]["ready"].GetBool());
  EchoService service;
  bench.api->elasticsearch().open(service);
  CHECK(parsed(bench.get("/v1/page"))["elasticsearch"]["ready"].GetBool());
  CHECK(info["cohere"]["enabled"].GetBool());
  CHECK_FALSE(info["cohere"]["operator_key"].GetBool());
  CHECK(info["api_keys"].GetBool());
  CHECK(info["limits"]["image_bytes"].GetInt() == 7'000'000);
  CHECK(info["limits"]["inputs"].GetInt() == 256);
  CHECK(info["limits"]["body_bytes"].GetInt() == 1000);
  ApiBench alone;
  const auto none = parsed(alone.get("/v1/page"));
  CHECK(std::string(none["elasticsearch"]["kind"].GetString()) == "none");
  CHECK(none["elasticsearch"]["url"].IsNull());
}

TEST_CASE("without an Elasticsearch side the answer says how to start one, and before it is there to wait") {
  Port alone;
  const auto missing = alone.ask("GET /elasticsearch/_search");
  CHECK(missing.status == 404);
  CHECK(missing.body.find("\"type\":\"no_elasticsearch_side_exception\"") != std::string::npos);
  CHECK(missing.body.find("--embedded-elasticsearch") != std::string::npos);
  CHECK(missing.body.find("--elasticsearch-gateway URL") != std::string::npos);
  Port starting(embedded());
  const auto early = starting.ask("GET /elasticsearch/_search");
  CHECK(early.status == 503);
  CHECK(early.has("Retry-After: 1\r\n"));
  CHECK(early.has("X-elastic-product: Elasticsearch\r\n"));
}

TEST_CASE("requests below /elasticsearch are forwarded unchanged, without this port's own fields") {
  Port port(embedded());
  port.bench.api->elasticsearch().open(port.service);
  const auto put =
      port.ask("PUT /elasticsearch/a%2Fb/_doc/c%20d?refresh=true&x=%41",
               "Authorization: ApiKey cluster\r\nsightline-key: " + std::string(k_key) +
                   "\r\nOrigin: http://h\r\nReferer: http://h/\r\nCookie: a=b\r\nSec-Fetch-Site: same-origin\r\n"
                   "X-Opaque-Id: page\r\n",
               "{\"a\":1}");
  CHECK(put.status == 200);
  CHECK(put.body.starts_with("PUT /a%2Fb/_doc/c%20d?refresh=true&x=%41\n"));
  CHECK(put.body.ends_with("\n{\"a\":1}"));
  CHECK(put.body.find("Authorization: ApiKey cluster\n") != std::string::npos);
  CHECK(put.body.find("X-Opaque-Id: page\n") != std::string::npos);
  for (const char* gone : {"ightline-", "Origin", "Referer", "Cookie", "Sec-"})
    CHECK_MESSAGE(put.body.find(gone) == std::string::npos, gone);
  for (const std::string method : {"GET", "POST", "DELETE", "OPTIONS", "PATCH"})
    CHECK(port.ask(method + " /elasticsearch").body.starts_with(method + " /?\n"));
  const auto head = port.ask("HEAD /elasticsearch/a");
  CHECK(head.status == 200);
  CHECK(head.body.empty());
  CHECK(port.ask("GET /elasticsearch/stream").body == "piece by piece");
  CHECK(port.ask("GET /elasticsearchx").status == 404);
  CHECK(port.ask("GET /%65lasticsearch/a").status == 404);
}

TEST_CASE("requests below /elasticsearch are counted under one name, and logged by their path") {
  Port port(embedded());
  port.bench.api->elasticsearch().open(port.service);
  port.ask("GET /elasticsearch/stream");
  port.bench.await_log(1);
  port.ask("GET /elasticsearch/secret-index/_search", "X-Opaque-Id: page-1\r\n");
  port.bench.await_log(2);
  const std::string metrics = port.bench.get("/metrics").body;
  CHECK(metrics.find("sightline_http_requests_total{method=\"GET\",route=\"/elasticsearch\",status=\"200\"} 2") !=
        std::string::npos);
  CHECK(metrics.find("secret-index") == std::string::npos);
  const std::lock_guard lock(port.bench.log_mutex);
  REQUIRE(port.bench.log.size() >= 2);
  CHECK(port.bench.log[0].bytes_out == std::string("piece by piece").size());
  CHECK(port.bench.log[1].route == "/elasticsearch/secret-index/_search");
  CHECK(port.bench.log[1].request_id == "page-1");
}

TEST_CASE(
    "the key for requests below /elasticsearch is in a separate field, because Authorization is for the cluster") {
  Port port(embedded(with_key()));
  port.bench.api->elasticsearch().open(port.service);
  const std::string key = std::string("Sightline-Key: ") + k_key + "\r\n";
  const auto bearer = std::string("Authorization: Bearer ") + k_key + "\r\n";
  for (const std::string& fields : {std::string(), bearer, std::string("Sightline-Key: a-wrong-key\r\n")}) {
    const auto refused = port.ask("GET /elasticsearch/a", fields);
    CHECK(refused.status == 401);
    CHECK(refused.has("WWW-Authenticate: Sightline-Key\r\n"));  // browsers ask their users for no password then
    CHECK(refused.body.find("\"type\":\"sightline_key_exception\"") != std::string::npos);
    CHECK(refused.body.find("Sightline-Key: KEY") != std::string::npos);
  }
  const auto admitted = port.ask("GET /elasticsearch/a", key + "Authorization: Basic dTpw\r\n");
  CHECK(admitted.status == 200);
  CHECK(admitted.body.find("Basic dTpw") != std::string::npos);
  CHECK(admitted.body.find(k_key) == std::string::npos);
  // Where the credentials of a cluster are no key, they are no guess.
  for (int i = 0; i < 20; ++i) CHECK(port.ask("GET /elasticsearch/a", bearer).status == 401);
  for (int i = 0; i < 11; ++i) {
    http::Request head;
    head.path = "/elasticsearch/a";
    head.peer = "10.0.0.7";
    head.headers.set("Sightline-Key", "guess-" + std::to_string(i));
    const auto refused = port.bench.api->check_head(head);
    REQUIRE(refused);
    CHECK((refused->delay.count() > 0) == (i == 10));
    CHECK(refused->response.status == (i == 10 ? 429 : 401));
  }
  for (const char* path : {"/pictures/a/b", "/v1/projections/a", "/%70ictures/a/b"})
    CHECK(port.ask(std::string("GET ") + path, bearer).status == 401);
}

}  // namespace
}  // namespace sightline::api
