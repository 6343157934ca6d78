#include "server/api/elastic.h"

#include "base/base64.h"
#include "server/api/vectors.h"
#include "tests/api/api_bench.h"

namespace sightline::api {
namespace {

const std::string k_route = "/_inference/text_embedding/hash";

TEST_CASE("Elasticsearch's request gets Elasticsearch's answer") {
  ApiBench bench;
  const auto response =
      bench.post(k_route, R"({"input":["how big","x"],"input_type":"ingest","task_settings":{"a":1}})");
  CHECK(response.status == 200);
  const auto body = parsed(response);
  REQUIRE(body["text_embedding"].Size() == 2);
  CHECK(floats(body["text_embedding"][0]["embedding"]) == bench.embedder->expected("how big"));
  CHECK(floats(body["text_embedding"][1]["embedding"]) == bench.embedder->expected("x"));
  CHECK(body.MemberCount() == 1);
  CHECK(response.headers.get("X-elastic-product") == "Elasticsearch");
  CHECK_FALSE(bench.get("/health/live").headers.get("X-elastic-product"));
}

TEST_CASE("a lone string, content objects and pictures are taken too") {
  ApiBench bench;
  const std::string uri = "data:image/png;base64," + base64_encode(std::string_view("picture:1"));
  CHECK(parsed(bench.post(k_route, R"({"input":"a","input_type":""})"))["text_embedding"].Size() == 1);
  const auto body = parsed(bench.post(k_route, R"({"input":[{"content":{"type":"image","format":"base64","value":")" +
                                                   uri + R"("}},")" + uri + R"("]})"));
  for (unsigned i = 0; i < 2; ++i) {
    CHECK(floats(body["text_embedding"][i]["embedding"]) == bench.embedder->expected_image("picture:1"));
  }
}

TEST_CASE("cut texts are named in a header, so that the body stays Elasticsearch's") {
  ApiBench bench;
  const auto response = bench.post(k_route, R"({"input":["x","0123456789abcdef"]})");
  CHECK(response.headers.get("X-Truncated-Inputs") == "1");
  CHECK(parsed(response).MemberCount() == 1);
}

TEST_CASE("the embedding task gives one vector a content, fused from its parts") {
  ApiBench bench;
  const auto body = parsed(bench.post(
      "/_inference/embedding/hash",
      R"({"input":["a",{"content":[{"type":"text","value":"b"},{"type":"image","format":"base64","value":")" +
          picture_uri("1") + R"("}]}]})"));
  CHECK(body.MemberCount() == 1);
  REQUIRE(body["embeddings"].Size() == 2);
  CHECK(floats(body["embeddings"][0]["embedding"]) == bench.embedder->expected("a"));
  const std::vector<float> parts[] = {bench.embedder->expected("b"), bench.embedder->expected_image("picture:1")};
  CHECK(floats(body["embeddings"][1]["embedding"]) == *fused(parts));
}

TEST_CASE("errors have Elasticsearch's envelope") {
  ApiBench bench;
  struct Case {
    const char* path;
    const char* body;
    int status;
    const char* type;
    const char* reason;
  };
  const Case cases[] = {
      {"/_inference/text_embedding/hash", "{}", 400, "illegal_argument_exception", "[input] is missing"},
      {"/_inference/text_embedding/hash", R"({"input":["a"],"query":"b"})", 400, "illegal_argument_exception",
       "Field [query] cannot be specified for task type [text_embedding]"},
      {"/_inference/text_embedding/hash", R"({"input":["a","data:image/png;base64,aGVsbG8="]})", 400,
       "illegal_argument_exception", "input 1: not a picture"},
      {"/_inference/text_embedding/nope", R"({"input":"a"})", 404, "resource_not_found_exception",
       "no model [nope]; available: hash"},
      {"/_inference/sparse_embedding/hash", R"({"input":"a"})", 404, "resource_not_found_exception",
       "no route /_inference/sparse_embedding/hash"},
      {"/_inference/text_embedding/hash", "[", 400, "illegal_argument_exception", "the body is not JSON"},
  };
  for (const Case& expected : cases) {
    const auto response = bench.post(expected.path, expected.body);
    CAPTURE(response.body);
    CHECK(response.status == expected.status);
    const auto body = parsed(response);
    CHECK(body["status"].GetInt() == expected.status);
    CHECK(std::string(body["error"]["type"].GetString()) == expected.type);
    CHECK(std::string(body["error"]["reason"].GetString()).find(expected.reason) == 0);
    CHECK(std::string(body["error"]["root_cause"][0]["reason"].GetString()) == body["error"]["reason"].GetString());
  }
}

}  // namespace
}  // namespace sightline::api
