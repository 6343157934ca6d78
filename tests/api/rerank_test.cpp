#include "server/api/rerank.h"

#include <algorithm>

#include "server/api/vectors.h"
#include "tests/api/api_bench.h"

namespace sightline::api {
namespace {

const std::string k_route = "/_inference/rerank/hash";

TEST_CASE("documents come in the order of their cosine to the query") {
  ApiBench bench;
  const std::string uri = picture_uri("1");
  const auto body = parsed(bench.post(k_route, R"({"query":"q","input":["a",")" + uri + R"(",{"text":"c"},"q"]})"));
  CHECK(body.MemberCount() == 1);
  const auto ranks = body["rerank"].GetArray();
  REQUIRE(ranks.Size() == 4);
  const auto query = bench.embedder->expected("q");
  const std::vector<float> documents[] = {bench.embedder->expected("a"), bench.embedder->expected_image("picture:1"),
                                          bench.embedder->expected("c"), query};
  CHECK(ranks[0]["index"].GetInt() == 3);
  CHECK(ranks[0]["relevance_score"].GetDouble() == doctest::Approx(1));
  for (unsigned i = 0; i < 4; ++i) {
    const auto& document = documents[ranks[i]["index"].GetUint()];
    CHECK(ranks[i]["relevance_score"].GetDouble() == doctest::Approx(cosine(query, document)).epsilon(1e-6));
    CHECK_FALSE(ranks[i].HasMember("text"));
    if (i > 0) CHECK(ranks[i]["relevance_score"].GetDouble() <= ranks[i - 1]["relevance_score"].GetDouble());
  }
}

TEST_CASE("a picture can be the query, equals keep their order, and documents are returned on request") {
  ApiBench bench;
  const std::string uri = picture_uri("1");
  const auto body = parsed(bench.post(k_route, R"({"query":{"type":"image","image":")" + uri +
                                                   R"("},"input":["a",{"content":{"image":")" + uri + R"("}},")" + uri +
                                                   R"("],"top_n":2,"return_documents":true})"));
  const auto ranks = body["rerank"].GetArray();
  REQUIRE(ranks.Size() == 2);
  CHECK(ranks[0]["index"].GetInt() == 1);
  CHECK(std::string(ranks[0]["text"].GetString()) == R"({"content":{"image":")" + uri + R"("}})");
  CHECK(ranks[1]["index"].GetInt() == 2);
  CHECK(std::string(ranks[1]["text"].GetString()) == uri);
}

TEST_CASE("Elasticsearch's content objects can be the query and the documents, one or several") {
  ApiBench bench;
  const std::string uri = picture_uri("1");
  const std::string picture = R"({"type":"image","format":"base64","value":")" + uri + R"("})",
                    text = R"({"type":"text","format":"text","value":"a"})";
  const auto several =
      parsed(bench.post(k_route, R"({"query":)" + picture + R"(,"input":[)" + text + "," + picture + "]}"));
  REQUIRE(several["rerank"].Size() == 2);
  CHECK(several["rerank"][0]["index"].GetInt() == 1);
  CHECK(several["rerank"][0]["relevance_score"].GetDouble() == doctest::Approx(1));
  const auto one =
      parsed(bench.post(k_route, R"({"query":)" + text + R"(,"input":)" + text + R"(,"return_documents":true})"));
  REQUIRE(one["rerank"].Size() == 1);
  CHECK(one["rerank"][0]["relevance_score"].GetDouble() == doctest::Approx(1));
  CHECK(std::string(one["rerank"][0]["text"].GetString()) == text);
}

TEST_CASE("task settings apply where the request has none") {
  ApiBench bench;
  const std::string request =
      R"({"query":"q","input":["a","b","c"],"task_settings":{"top_n":1,"return_documents":true})";
  const auto set = parsed(bench.post(k_route, request + "}"));
  REQUIRE(set["rerank"].Size() == 1);
  CHECK(set["rerank"][0].HasMember("text"));
  const auto own = parsed(bench.post(k_route, request + R"(,"top_n":7,"return_documents":false})"));
  REQUIRE(own["rerank"].Size() == 3);
  CHECK_FALSE(own["rerank"][0].HasMember("text"));
}

TEST_CASE("what is wrong with a rerank request is said, with its place") {
  ApiBench bench;
  const std::pair<const char*, const char*> cases[] = {
      {R"({"input":["a"]})", "Field [query] cannot be null for task type [rerank]"},
      {R"({"query":"q"})", "[input] is missing"},
      {R"({"query":7,"input":["a"]})", "query: a number instead of a string"},
      {R"({"query":"poison","input":["a"]})", "query: not UTF-8 at byte 0"},
      {R"({"query":"q","input":["a","poison"]})", "input 1: not UTF-8 at byte 0"},
      {R"({"query":"q","input":["a"],"top_n":0})", "[top_n] must be 1 or more"},
      {R"({"query":"q","input":["a"],"return_documents":"yes"})", "[return_documents] must be true or false"},
      {R"({"query":"q","input":["a"],"task_settings":{"top_n":-1}})", "[top_n] must be 1 or more"},
      {R"({"query":"q","input":["a"],"input_type":"search"})",
       "Field [input_type] cannot be specified for task type [rerank]"},
  };
  for (const auto& [request, message] : cases) {
    const auto response = bench.post(k_route, request);
    CAPTURE(response.body);
    CHECK(response.status == 400);
    CHECK(std::string(parsed(response)["error"]["reason"].GetString()).find(message) == 0);
  }
}

TEST_CASE("the parts of a query count, and a query that is cut is named") {
  ApiBench bench;
  std::string parts = R"({"text":"a"})";
  for (int i = 1; i < 257; ++i) parts += R"(,{"text":"a"})";
  const auto many = bench.post(k_route, R"({"query":{"content":[)" + parts + R"(]},"input":["a"]})");
  CHECK(many.status == 413);
  CHECK(std::string(parsed(many)["error"]["reason"].GetString()) ==
        "query: [content] has 257 parts, the limit is 256: send fewer");
  CHECK_FALSE(bench.post(k_route, R"({"query":"q","input":["0123456789abcdef"]})").headers.get("Warning"));
  const auto cut = bench.post(k_route, R"({"query":"0123456789abcdef","input":["a"]})");
  CHECK(cut.status == 200);
  CHECK(cut.headers.get("Warning").value_or("").find(
            "\"query: longer than the model's limit, so it was cut: send a shorter text\"") != std::string::npos);
}

}  // namespace
}  // namespace sightline::api
