#include "server/elastic/key_guard.h"

#include <doctest/doctest.h>

#include "base/base64.h"
#include "base/sha256.h"
#include "tests/base/temporary_folder.h"

namespace sightline::elastic {
namespace {

using http::Method;
using security::Scope;

http::Request head(Method method, std::string path, const std::string& authorization = "") {
  http::Request request;
  request.method = method;
  request.path = std::move(path);
  request.peer = "10.0.0.7";
  if (!authorization.empty()) request.headers.set("Authorization", authorization);
  return request;
}

TEST_CASE("what a request does follows from its method and its command") {
  struct Case {
    Method method;
    const char* path;
    Scope scope;
  };
  const Case cases[] = {
      {Method::get, "/", Scope::search},
      {Method::head, "/houses", Scope::search},
      {Method::post, "/houses/_search", Scope::search},
      {Method::get, "/houses/_search", Scope::search},
      {Method::post, "/_all/_search", Scope::search},
      {Method::post, "/_search/scroll", Scope::search},
      {Method::delete_, "/_search/scroll", Scope::search},
      {Method::delete_, "/_pit", Scope::search},
      {Method::post, "/_mget", Scope::search},
      {Method::post, "/_bulk", Scope::ingest},
      {Method::put, "/houses/_doc/1", Scope::ingest},
      {Method::put, "/houses/_doc/_search", Scope::ingest},
      {Method::put, "/houses/_doc/_pit", Scope::ingest},
      {Method::delete_, "/houses/_doc/1", Scope::ingest},
      {Method::post, "/houses/_delete_by_query", Scope::ingest},
      {Method::post, "/houses/_refresh", Scope::ingest},
      {Method::post, "/_ingest/pipeline/_simulate", Scope::ingest},
      {Method::post, "/_ingest/pipeline/photos/_simulate", Scope::ingest},
      {Method::get, "/_ingest/pipeline/_simulate", Scope::ingest},
      {Method::get, "/_ingest/pipeline/photos/_simulate", Scope::ingest},
      {Method::get, "/_ingest/pipeline/photos", Scope::search},
      {Method::put, "/_ingest/pipeline/_simulate", Scope::manage},
      {Method::put, "/_ingest/pipeline/_search", Scope::manage},
      {Method::delete_, "/_ingest/pipeline/photos", Scope::manage},
      {Method::post, "/_inference/text_embedding/clip", Scope::infer},
      {Method::put, "/_inference/text_embedding/clip", Scope::manage},
      {Method::delete_, "/_inference/_search", Scope::manage},
      {Method::put, "/houses", Scope::manage},
      {Method::delete_, "/houses", Scope::manage},
      {Method::put, "/houses/_mapping", Scope::manage},
      {Method::post, "/_aliases", Scope::manage},
      {Method::post, "/", Scope::manage},
      {Method::post, "/_unknown", Scope::manage},
  };
  for (const Case& one : cases) {
    CAPTURE(one.path);
    CHECK(scope_of(head(one.method, one.path)) == one.scope);
  }
}

TEST_CASE("only requests with a key that has the scope pass") {
  const TemporaryFolder folder;
  const auto keys = std::make_shared<security::KeyCheck>(*security::ApiKeys::read(
      folder.write("keys", "key-of-admin\nreader sha256:" + sha256_hex("key-of-reader") +
                               " scopes=search\nold sha256:" + sha256_hex("key-of-old") + " expires=2020-01-01\n")));
  std::vector<std::string> managed, refused;
  const KeyGuard guard(
      {keys, [&](const std::string& key, const http::Request& head) { managed.push_back(key + " " + head.path); },
       [&](const std::string& code) { refused.push_back(code); }});
  const auto answer = [&](Method method, const char* path, const std::string& authorization) {
    return guard.check_head(head(method, path, authorization));
  };
  for (const std::string& good :
       {std::string("ApiKey key-of-admin"), std::string("Bearer key-of-admin"),
        "Basic " + base64_encode("elastic:key-of-admin"), "ApiKey " + base64_encode("some-id:key-of-admin")}) {
    CAPTURE(good);
    CHECK_FALSE(answer(Method::post, "/_bulk", good));
  }
  CHECK_FALSE(answer(Method::put, "/houses", "ApiKey key-of-admin"));
  CHECK(managed == std::vector<std::string>{"line 1 /houses"});
  CHECK_FALSE(answer(Method::post, "/houses/_search", "ApiKey key-of-reader"));
  CHECK(refused.empty());

  const auto missing = answer(Method::get, "/", "");
  REQUIRE(missing);
  CHECK(missing->response.status == 401);
  CHECK(missing->response.headers.get("X-elastic-product") == "Elasticsearch");
  CHECK(missing->response.headers.get("WWW-Authenticate").value_or("").find("ApiKey") == 0);
  CHECK(missing->response.body.find("\"type\":\"security_exception\"") != std::string::npos);
  const auto forbidden = answer(Method::put, "/houses", "ApiKey key-of-reader");
  REQUIRE(forbidden);
  CHECK(forbidden->response.status == 403);
  CHECK(forbidden->response.body.find("the key [reader] lacks the scope [manage]") != std::string::npos);
  CHECK(answer(Method::get, "/", "ApiKey key-of-old")->response.status == 401);
  CHECK(refused == std::vector<std::string>{"unauthorized", "forbidden", "unauthorized"});

  for (int i = 0; i < 10; ++i) CHECK(answer(Method::get, "/", "ApiKey guess")->response.status == 401);
  const auto slowed = answer(Method::get, "/", "ApiKey guess");
  CHECK(slowed->response.status == 429);
  CHECK(slowed->delay == std::chrono::seconds(1));
  CHECK(slowed->close);
  CHECK_FALSE(answer(Method::get, "/", "ApiKey key-of-admin"));
}

TEST_CASE("a request beyond the rate of its key is 429, as Elasticsearch's clients retry it") {
  const auto keys = std::make_shared<security::KeyCheck>(
      *security::ApiKeys::parse("loader sha256:" + sha256_hex("key-of-loader") + " rate=0.25\n", "keys"));
  std::vector<std::string> refused;
  const KeyGuard guard({keys, {}, [&](const std::string& code) { refused.push_back(code); }});
  const security::Moment now;
  CHECK_FALSE(guard.check_head(head(Method::post, "/_bulk", "ApiKey key-of-loader"), now));
  const auto answer = guard.check_head(head(Method::post, "/_bulk", "ApiKey key-of-loader"), now);
  REQUIRE(answer);
  CHECK(answer->response.status == 429);
  CHECK(answer->response.headers.get("Retry-After") == "4");
  CHECK(answer->response.headers.get("X-elastic-product") == "Elasticsearch");
  CHECK(answer->response.body.find("\"type\":\"es_rejected_execution_exception\"") != std::string::npos);
  CHECK(answer->response.body.find("the key [loader] has sent more requests than its rate allows") !=
        std::string::npos);
  CHECK_FALSE(answer->close);
  CHECK(answer->delay.count() == 0);
  CHECK(refused == std::vector<std::string>{"rate_limited"});
}

}  // namespace
}  // namespace sightline::elastic
