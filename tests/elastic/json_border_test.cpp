// JSON from outside at the front's border: numbers that ended RapidJSON's reader, bodies that would become too
// much, and bytes that are not UTF-8.
#include <doctest/doctest.h>

#include "base/json/document.h"
#include "front_bench.h"

namespace sightline::elastic {
namespace {

using http::Method;

http::Request request(Method method, const std::string& path, std::string body) {
  http::Request request;
  request.method = method;
  request.path = path;
  request.headers.set("Content-Type", "application/json");
  request.body = std::move(body);
  return request;
}

const std::vector<std::string>& hostile_numbers() {
  static const std::vector<std::string> numbers{
      "0." + std::string(25, '0') + "1e-323",   "0." + std::string(400, '3'), "1e99999999999", "-0e-99999999999",
      "0." + std::string(2000, '0') + "1e2000", std::string(400, '9')};
  return numbers;
}

bool is_json(const std::string& body) {
  rapidjson::Document document;
  return !json::read_document(body, document);
}

int status_of(const Outcome& outcome) {
  const auto* answer = std::get_if<http::Response>(&outcome);
  return answer ? answer->status : 200;
}

TEST_CASE("no number in a body ends the process") {
  FrontBench bench;
  bench.set_up();
  for (const std::string& number : hostile_numbers()) {
    const std::string body = R"({"t":"x","n":)" + number + "}";
    for (const char* path : {"/i/_doc", "/i/_doc/1?pipeline=embed", "/i/_search", "/_inference/clip", "/i/_mget",
                             "/_ingest/pipeline/_simulate", "/i/_update/1", "/_aliases"}) {
      const Outcome outcome = bench.front.decide(request(Method::post, path, body));
      CHECK(status_of(outcome) < 500);
    }
    for (const char* path : {"/i", "/_ingest/pipeline/p", "/_inference/text_embedding/e"})
      CHECK(status_of(bench.front.decide(request(Method::put, path, body))) < 500);
    const std::string bulk = "{\"index\":{\"_index\":\"i\",\"pipeline\":\"embed\"}}\n" + body + "\n";
    CHECK(status_of(bench.front.decide(request(Method::post, "/_bulk", bulk))) < 500);
  }
}

TEST_CASE("no number in an inference server's answer ends the process") {
  for (const std::string& number : hostile_numbers()) {
    FrontBench bench([&](const http::Request&) {
      http::Response response;
      response.body = R"({"data":[{"embedding":[0.5,)" + number + R"(]}]})";
      return response;
    });
    const auto made =
        bench.front.decide(request(Method::put, "/_inference/text_embedding/clip", bench.endpoint_body()));
    CHECK(status_of(made) < 600);
  }
}

TEST_CASE("a body of more values than the limit is refused before it is read, by the limit's name") {
  FrontBench bench;
  Limits limits;
  limits.max_json_values = 100;
  limits.max_bulk_values = 150;
  Front front(bench.store, bench.native, bench.executor, bench.timer, nullptr, limits);
  std::string numbers = "[1", brackets = "[[]";
  for (int i = 0; i < 100; ++i) numbers += ",1", brackets += ",[]";
  for (const std::string& body : {numbers + "]", brackets + "]", numbers}) {
    for (const char* path : {"/i/_doc", "/i/_search", "/_inference/clip", "/_ingest/pipeline/_simulate", "/i/_mget"}) {
      const Outcome outcome = front.decide(request(Method::post, path, body));
      const auto* answer = std::get_if<http::Response>(&outcome);
      REQUIRE(answer);
      CHECK(answer->status == 413);
      CHECK(answer->body.find("content_too_long_exception") != std::string::npos);
      CHECK(answer->body.find("--elasticsearch-max-json-values") != std::string::npos);
    }
    const Outcome bulk = front.decide(request(Method::post, "/i/_bulk", "{\"index\":{}}\n{\"a\":" + body + "}\n"));
    CHECK(status_of(bulk) == 413);
  }
  std::string many;
  for (int i = 0; i < 40; ++i) many += "{\"index\":{}}\n{\"a\":1}\n";
  const Outcome outcome = front.decide(request(Method::post, "/i/_bulk", many));
  const auto* answer = std::get_if<http::Response>(&outcome);
  REQUIRE(answer);
  CHECK(answer->body.find("--elasticsearch-max-bulk-values") != std::string::npos);
  CHECK(status_of(front.decide(request(Method::post, "/i/_bulk", many.substr(0, many.size() / 2)))) < 300);
}

TEST_CASE("errors that quote bytes that are not UTF-8 are JSON") {
  FrontBench bench;
  const std::string bytes = "\xFF\xC3(\xED\xA0\x80";
  for (const char* path : {"/_inference/%FFx", "/_ingest/pipeline/%FF", "/_inference/\xFF\xFE/y/z"}) {
    const Outcome outcome = bench.front.decide(request(Method::get, path, ""));
    if (const auto* answer = std::get_if<http::Response>(&outcome)) CHECK(is_json(answer->body));
  }
  const std::vector<std::string> bodies{"{\"" + bytes + "\":1}",
                                        bytes,
                                        "{\"query\":\"" + bytes,
                                        "[\"" + bytes + "\"]",
                                        std::string(499, 'x') + "\xE2\x82\xAC",
                                        R"({"\udc00":1})"};
  for (const std::string& body : bodies) {
    for (const char* path : {"/i/_doc", "/_inference/clip", "/_ingest/pipeline/_simulate", "/_bulk"}) {
      const Outcome outcome = bench.front.decide(request(Method::post, path, body));
      if (const auto* answer = std::get_if<http::Response>(&outcome)) CHECK(is_json(answer->body));
    }
  }
  const ElasticError error = illegal_argument("no [" + bytes + "]");
  CHECK(is_json(error.envelope_json()));
  CHECK(is_json(error.item_json()));
}

}  // namespace
}  // namespace sightline::elastic
