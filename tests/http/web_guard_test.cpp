#include "server/http/web_guard.h"

#include <doctest/doctest.h>

#include "tests/http/serving.h"

using namespace sightline;
using namespace sightline::http;

namespace {

WebGuard guard(const std::vector<std::string>& hosts = {}, const std::vector<std::string>& origins = {}) {
  auto made = WebGuard::create("search.example.net", hosts, origins);
  REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error().message));
  return *std::move(made);
}

using Fields = std::vector<std::pair<std::string, std::string>>;

Request head(const Fields& fields, const std::string& path = "/_search") {
  Request request;
  request.path = path;
  for (const auto& [name, value] : fields) request.headers.add(name, value);
  return request;
}

bool serves(const WebGuard& guard, const Fields& fields, const std::string& path = "/_search") {
  return !guard.refusal(head(fields, path));
}

}  // namespace

TEST_CASE("a Host is served that no web page can have as its own name, and any other only if it is listed") {
  const auto plain = guard();
  for (const char* host :
       {"", "localhost", "localhost:9200", "127.0.0.1:9200", "10.1.2.3", "[::1]:9200", "[fe80::1%25eth0]", "sightline",
        "es-proxy:9200", "LOCALHOST.", "host.docker.internal:8080", "box.local", "app.localhost",
        "sightline.search.svc", "sightline.search.svc.cluster.local", "nas.home.arpa", "search.example.net:8080"}) {
    CHECK_MESSAGE(serves(plain, {{"Host", host}}), host);
  }
  for (const char* host : {"evil.example", "evil.example:9200", "localhost.evil.example", "127.0.0.1.evil.example",
                           "evil.example.", "local.example", "search.example.net.evil.example", "1.2.3.4.5"}) {
    CHECK_FALSE_MESSAGE(serves(plain, {{"Host", host}}), host);
  }
  CHECK(serves(plain, {}));  // HTTP/1.0; a browser always sends Host

  const auto listed = guard({"api.example.com", "*.corp.example", "other.example:9200"});
  for (const char* host : {"api.example.com", "API.example.com:9200", "a.b.corp.example", "other.example:9200"})
    CHECK_MESSAGE(serves(listed, {{"Host", host}}), host);
  for (const char* host : {"corp.example", ".corp.example", "xapi.example.com", "other.example:9201"})
    CHECK_FALSE_MESSAGE(serves(listed, {{"Host", host}}), host);
  CHECK(serves(guard({"*"}), {{"Host", "evil.example"}}));
  CHECK(guard().refusal(head({{"Host", "evil.example"}}))->find("--allowed-hosts") != std::string::npos);
}

TEST_CASE("an Origin is served if it is this server, this machine or listed") {
  const auto plain = guard();
  CHECK(serves(plain, {{"Host", "10.0.0.7:8080"}, {"Origin", "http://10.0.0.7:8080"}}));
  CHECK(serves(plain, {{"Host", "sightline"}, {"Origin", "http://sightline:80"}}));
  CHECK(serves(plain, {{"Host", "sightline"}, {"Origin", "https://sightline"}}));  // TLS ends before us
  for (const char* origin : {"http://localhost:3000", "https://localhost", "http://127.0.0.1:8501", "http://[::1]:1"})
    CHECK_MESSAGE(serves(plain, {{"Host", "10.0.0.7"}, {"Origin", origin}}), origin);
  for (const char* origin : {"http://evil.example", "null", "", "http://localhost.evil.example", "http://10.0.0.7:81",
                             "http://127.0.0.1.evil.example", "evil", "file://", "http://127.evil.example"})
    CHECK_FALSE_MESSAGE(serves(plain, {{"Host", "10.0.0.7"}, {"Origin", origin}}), origin);

  const auto listed = guard({}, {"https://app.example.com", "https://*.corp.example:8443", "null"});
  for (const char* origin :
       {"https://app.example.com", "https://APP.example.com", "https://a.corp.example:8443", "null"})
    CHECK_MESSAGE(serves(listed, {{"Host", "h"}, {"Origin", origin}}), origin);
  for (const char* origin : {"http://app.example.com", "https://app.example.com:444", "https://corp.example:8443"})
    CHECK_FALSE_MESSAGE(serves(listed, {{"Host", "h"}, {"Origin", origin}}), origin);
  CHECK(guard().refusal(head({{"Host", "h"}, {"Origin", "http://e.example"}}))->find("--allowed-origins") !=
        std::string::npos);
}

TEST_CASE("pictures, frames and links of other sites bring no Origin, and are refused by Sec-Fetch-Site") {
  const auto plain = guard();
  const auto with = [](const char* site, const char* mode, const char* destination) {
    return Fields{
        {"Host", "127.0.0.1"}, {"Sec-Fetch-Site", site}, {"Sec-Fetch-Mode", mode}, {"Sec-Fetch-Dest", destination}};
  };
  CHECK_FALSE(serves(plain, with("cross-site", "no-cors", "image")));
  CHECK_FALSE(serves(plain, with("same-site", "no-cors", "image")));
  CHECK_FALSE(serves(plain, with("cross-site", "navigate", "iframe"), "/"));
  CHECK_FALSE(serves(plain, with("cross-site", "navigate", "document")));
  CHECK(serves(plain, with("cross-site", "navigate", "document"), "/docs"));
  CHECK_FALSE(serves(plain, with("cross-site", "no-cors", "document"), "/docs"));
  Request link = head(with("cross-site", "navigate", "document"), "/docs");
  CHECK_FALSE(plain.refusal(link));
  link.query = "a=b";
  CHECK(plain.refusal(link));
  link.query.clear();
  link.method = Method::post;
  CHECK(plain.refusal(link));
  CHECK(serves(plain, with("none", "navigate", "document")));  // typed by the user
  CHECK(serves(plain, with("same-origin", "cors", "empty")));
}

TEST_CASE("what is no host and no origin is refused as an option") {
  CHECK_FALSE(WebGuard::create("", {"http://x"}, {}).ok());
  CHECK_FALSE(WebGuard::create("", {}, {"app.example.com"}).ok());
  CHECK_FALSE(WebGuard::create("", {}, {"https://app.example.com/path"}).ok());
}

TEST_CASE("a server refuses foreign pages with its own error, and lets allowed ones read the answer") {
  Server::Options options;
  options.allowed_origins = {"https://app.example.com"};
  options.error_response = [](int status, const std::string& message) {
    return Response{status, {}, "text/plain", "port: " + message};
  };
  bool handled = false;
  const auto server = serve(
      [&](Request&& request, Reply reply) {
        handled = true;
        if (request.path == "/stream") {
          ResponseHead head;
          head.headers.add("Access-Control-Allow-Origin", "https://else.example");
          reply.stream(head).finish();
        } else {
          reply.send(text("ok"));
        }
      },
      options);
  RawClient client(server->port());
  const auto refused = client.ask(get("/", "Origin: http://evil.example\r\n"));
  CHECK(refused.status == 403);
  CHECK_MESSAGE(refused.body.starts_with("port: web pages of the Origin [http://evil.example]"), refused.body);
  CHECK(client.ask("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").status == 403);
  CHECK(client.ask(post("body", "Origin: null\r\n")).status == 403);
  CHECK_FALSE(handled);

  const auto answered = client.ask(get("/", "Origin: https://app.example.com\r\n"));
  CHECK(answered.status == 200);
  CHECK(answered.has("Access-Control-Allow-Origin: https://app.example.com\r\n"));
  CHECK(answered.has("Vary: Origin\r\n"));
  const auto streamed = client.ask(get("/stream", "Origin: https://app.example.com\r\n"));
  CHECK(streamed.has("Access-Control-Allow-Origin: https://app.example.com\r\n"));
  CHECK_FALSE(streamed.has("else.example"));
  CHECK_FALSE(client.ask(get("/")).has("Access-Control"));

  handled = false;
  const auto asked = client.ask(
      "OPTIONS /_search HTTP/1.1\r\nHost: h\r\nOrigin: https://app.example.com\r\n"
      "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n\r\n",
      true);
  CHECK(asked.status == 204);
  CHECK(asked.has("Access-Control-Allow-Headers: authorization\r\n"));
  CHECK(asked.has("Access-Control-Allow-Origin: https://app.example.com\r\n"));
  CHECK_FALSE(handled);
}
