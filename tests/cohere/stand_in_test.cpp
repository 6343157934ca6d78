// The stand-in refuses what Cohere refuses: otherwise tests against it would
// prove nothing.
#include "tests/cohere/stand_in.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>

#include "base/base64.h"
#include "tests/cohere/loopback_cohere.h"

namespace sightline::cohere {
namespace {

http::Request embed_request(std::string body) {
  http::Request request;
  request.method = http::Method::post;
  request.path = "/v2/embed";
  request.headers.set("Authorization", "Bearer k");
  request.body = std::move(body);
  return request;
}

std::string outcome(const std::string& fields) {
  StandIn stand_in({}, hashed_all);
  const auto answer = stand_in.answer(embed_request(R"({"model":"embed-english-v3.0",)" + fields + "}"));
  return std::to_string(answer->status) + " " + answer->body;
}

std::string repeated(const std::string& item, int times) {
  std::string list = item;
  for (int i = 1; i < times; ++i) list += "," + item;
  return "[" + list + "]";
}

const std::string k_png = "\"data:image/png;base64,iVBORw0KGgoAAAAA\"";

}  // namespace

TEST_CASE("the stand-in holds to Cohere's limits and types") {
  const std::string texts = R"("input_type":"search_query","texts":)";
  const std::string images = R"("input_type":"image","images":)";
  CHECK(outcome(texts + repeated("\"a\"", 96)).starts_with("200"));
  CHECK(outcome(texts + repeated("\"a\"", 97)).find("at most 96 - received 97") != std::string::npos);
  CHECK(outcome(images + "[" + k_png + "]").starts_with("200"));
  CHECK(outcome(images + repeated(k_png, 2)).find("at most 1 - received 2") != std::string::npos);
  CHECK(outcome(R"("texts":["a"])").find("input_type") != std::string::npos);
  CHECK(outcome(R"("input_type":"image","texts":["a"])").starts_with("400"));
  CHECK(outcome(R"("input_type":"search_query","images":[)" + k_png + "]").starts_with("400"));
  CHECK(outcome(R"("input_type":"image","texts":["a"],"images":[)" + k_png + "]").starts_with("400"));
  CHECK(outcome(images + R"(["iVBORw0KGgoAAAAA"])").find("data URI") != std::string::npos);
  CHECK(outcome(images + R"(["data:image/bmp;base64,Qk0AAAAA"])").starts_with("400"));
  CHECK(outcome(images + R"(["data:image/jpeg;base64,iVBORw0KGgoAAAAA"])").starts_with("400"));
  std::string large = "\x89PNG\r\n\x1A\n";
  large.resize(5'000'001);
  CHECK(outcome(images + "[\"data:image/png;base64," + base64_encode(large) + "\"]").find("5MB") != std::string::npos);
  CHECK(outcome(texts + R"(["a"],"truncate":"MIDDLE")").starts_with("400"));
  CHECK(outcome(texts + R"(["a"],"truncate":"start")").starts_with("200"));
  CHECK(outcome(texts + R"(["a"],"output_dimension":256)").starts_with("400"));
}

TEST_CASE("the stand-in takes from embed-v4.0's callers 96 pictures of 20 MB, and several parts for one vector") {
  const auto v4 = [](const std::string& members) {
    StandIn stand_in({}, hashed_all);
    http::Request request;
    request.method = http::Method::post;
    request.path = "/v2/embed";
    request.headers.set("Authorization", "Bearer k");
    request.body = R"({"model":"embed-v4.0",)" + members + "}";
    const auto answer = *stand_in.answer(request);
    return std::to_string(answer.status) + " " + answer.body.substr(0, 400);
  };
  const std::string images = R"("input_type":"image","images":)";
  CHECK(v4(images + repeated(k_png, 96)).starts_with("200"));
  CHECK(v4(images + repeated(k_png, 97)).find("at most 96 - received 97") != std::string::npos);
  std::string large = "\x89PNG\r\n\x1A\n";
  large.resize(4'900'000);
  const std::string uri = "\"data:image/png;base64," + base64_encode(large) + "\"";
  CHECK(v4(images + repeated(uri, 3)).starts_with("200"));
  CHECK(v4(images + repeated(uri, 4)).find("20MB") != std::string::npos);
  const std::string parts =
      R"({"content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":)" + k_png + "}}]}";
  CHECK(v4(R"("input_type":"search_query","inputs":)" + repeated(parts, 2)).starts_with("200"));
  CHECK(v4(R"("input_type":"search_query","inputs":[{"content":[]}])").starts_with("400"));
  CHECK(v4(R"("input_type":"search_query","inputs":[{"content":[{"type":"audio"}]}])").starts_with("400"));
  CHECK(outcome(R"("input_type":"search_query","inputs":)" + repeated(parts, 1)).starts_with("400"));
}

TEST_CASE("the stand-in requires a key and a known model") {
  StandIn::Options options;
  options.key = "right";
  StandIn stand_in(options, hashed_all);
  auto request = embed_request(R"({"model":"embed-none","input_type":"search_query","texts":["a"]})");
  CHECK(stand_in.answer(request)->status == 401);
  request.headers.set("Authorization", "Bearer right");
  CHECK(stand_in.answer(request)->status == 404);
  request.path = "/v1/embed";
  CHECK(stand_in.answer(request)->status == 404);
}

TEST_CASE(
    "the stand-in fails as often as it is told, in the same order for "
    "the same seed") {
  StandIn::Options options;
  options.rate_limited = 0.1;
  options.unavailable = 0.05;
  options.retry_after = 3;
  const auto statuses = [&options] {
    StandIn stand_in(options, hashed_all);
    std::vector<int> list;
    for (int i = 0; i < 2000; ++i)
      list.push_back(
          stand_in.answer(embed_request(R"({"model":"embed-v4.0","input_type":"search_query","texts":["a"]})"))
              ->status);
    return list;
  };
  const auto first = statuses();
  CHECK(first == statuses());
  const auto share = [&first](int status) {
    return static_cast<double>(std::count(first.begin(), first.end(), status)) / 2000;
  };
  CHECK(share(429) == doctest::Approx(0.1).epsilon(0.2));
  CHECK(share(503) == doctest::Approx(0.05).epsilon(0.3));
  options.seed = 2;
  CHECK(first != statuses());
}

TEST_CASE("spreading vectors keeps lengths and angles") {
  const auto a = hashed("a", false), b = hashed("b", true);
  const auto dot = [](const auto& x, const auto& y) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(x[i]) * y[i];
    return sum;
  };
  for (const std::size_t dims : {384, 1000, 1024, 1536}) {
    const auto wide_a = spread(a, dims), wide_b = spread(b, dims);
    REQUIRE(wide_a.size() == dims);
    CHECK(dot(wide_a, wide_a) == doctest::Approx(1).epsilon(1e-5));
    CHECK(dot(wide_a, wide_b) == doctest::Approx(dot(a, b)).epsilon(1e-4));
  }
}

}  // namespace sightline::cohere
