#include "server/api/cohere.h"

#include "server/api/vectors.h"
#include "tests/api/api_bench.h"

namespace sightline::api {
namespace {

http::Response v2(ApiBench& bench, const std::string& members) {
  return bench.post("/v2/embed", R"({"model":"hash","input_type":"search_document",)" + members + "}");
}

TEST_CASE("texts get Cohere's answer with the vectors by type") {
  ApiBench bench;
  const auto response = v2(bench, R"("texts":["ab","c"],"embedding_types":["float","int8","base64","float"])");
  REQUIRE_MESSAGE(response.status == 200, response.body);
  const auto body = parsed(response);
  CHECK(response.headers.get("X-Request-Id") == std::string(body["id"].GetString()));
  CHECK(std::string(body["response_type"].GetString()) == "embeddings_by_type");
  CHECK(body["embeddings"].MemberCount() == 3);
  CHECK(floats(body["embeddings"]["float"][0]) == bench.embedder->expected("ab"));
  CHECK(floats(body["embeddings"]["float"][1]) == bench.embedder->expected("c"));
  CHECK(body["embeddings"]["int8"][1].Size() == 8);
  CHECK(body["embeddings"]["base64"][0].GetStringLength() == 44);
  CHECK(std::string(body["texts"][0].GetString()) == "ab");
  CHECK(std::string(body["texts"][1].GetString()) == "c");
  CHECK_FALSE(body.HasMember("images"));
  CHECK(std::string(body["meta"]["api_version"]["version"].GetString()) == "2");
  CHECK(body["meta"]["billed_units"]["input_tokens"].GetInt() == 7);
  CHECK_FALSE(body["meta"]["billed_units"].HasMember("images"));
}

TEST_CASE("images are described as they came, and billed as images") {
  ApiBench bench;
  const auto body = parsed(bench.post("/v2/embed", R"({"model":"hash","input_type":"image","images":[")" +
                                                       picture_uri("1") + R"(",")" + picture_uri("2") + R"("]})"));
  CHECK(floats(body["embeddings"]["float"][0]) == bench.embedder->expected_image("picture:1"));
  CHECK(floats(body["embeddings"]["float"][1]) == bench.embedder->expected_image("picture:2"));
  CHECK(body["texts"].Empty());
  REQUIRE(body["images"].Size() == 2);
  CHECK(body["images"][0]["width"].GetInt() == 4);
  CHECK(body["images"][0]["bit_depth"].GetInt() == 8);
  CHECK(body["meta"]["billed_units"]["images"].GetInt() == 2);
  CHECK_FALSE(body["meta"]["billed_units"].HasMember("input_tokens"));
}

TEST_CASE("parts of one input get one fused vector, cut to the length asked for") {
  ApiBench bench;
  const auto body = parsed(v2(bench, R"("output_dimension":4,"inputs":[{"content":[{"type":"text","text":"a"},)"
                                     R"({"type":"image_url","image_url":{"url":")" +
                                         picture_uri("1") + R"("}}]},{"content":[{"type":"text","text":"b"}]}])"));
  const std::vector<float> parts[] = {bench.embedder->expected("a"), bench.embedder->expected_image("picture:1")};
  CHECK(floats(body["embeddings"]["float"][0]) == *shortened(*fused(parts), 4));
  CHECK(floats(body["embeddings"]["float"][1]) == *shortened(bench.embedder->expected("b"), 4));
  CHECK(body["meta"]["billed_units"]["images"].GetInt() == 1);
  CHECK(body["meta"]["billed_units"]["input_tokens"].GetInt() == 6);
}

TEST_CASE("texts that are data URIs are pictures, so that Elasticsearch's cohere service can send them") {
  ApiBench bench;
  const auto body = parsed(v2(bench, R"("texts":["a",")" + picture_uri("1") + R"("],"embedding_types":["float"])"));
  CHECK(floats(body["embeddings"]["float"][0]) == bench.embedder->expected("a"));
  CHECK(floats(body["embeddings"]["float"][1]) == bench.embedder->expected_image("picture:1"));
  CHECK(body["images"].Size() == 1);
  CHECK(body["texts"].Size() == 1);
}

TEST_CASE("v1 answers a bare array without embedding_types, and by type with them") {
  ApiBench bench;
  const auto bare = parsed(bench.post("/v1/embed", R"({"model":"hash","texts":["a"],"images":null})"));
  CHECK(std::string(bare["response_type"].GetString()) == "embeddings_floats");
  CHECK(floats(bare["embeddings"][0]) == bench.embedder->expected("a"));
  CHECK(std::string(bare["meta"]["api_version"]["version"].GetString()) == "1");
  const auto typed = parsed(bench.post("/v1/embed", R"({"model":"hash","texts":["a"],"embedding_types":["ubinary"]})"));
  CHECK(std::string(typed["response_type"].GetString()) == "embeddings_by_type");
  CHECK(typed["embeddings"]["ubinary"][0].Size() == 1);
}

TEST_CASE("Cohere's words for truncation are kept") {
  ApiBench bench;
  const std::string texts = R"("texts":["0123456789abcdef"])";
  CHECK(floats(parsed(v2(bench, texts + R"(,"truncate":"END")"))["embeddings"]["float"][0]) ==
        bench.embedder->expected("0123456789abcd"));
  CHECK(floats(parsed(v2(bench, texts + R"(,"truncate":"START")"))["embeddings"]["float"][0]) ==
        bench.embedder->expected("23456789abcdef"));
  CHECK(v2(bench, texts + R"(,"truncate":"NONE")").status == 400);
}

TEST_CASE("Cohere's limits and rules are kept, with Cohere's kind of error") {
  ApiBench bench;
  std::string many = R"("texts":["a")";
  for (int i = 0; i < 96; ++i) many += R"(,"a")";
  struct Case {
    std::string path, body;
    int status;
    std::string message;
  };
  const std::string head = R"({"model":"hash","input_type":"search_query",)";
  const Case cases[] = {
      {"/v2/embed", R"({"model":"hash","texts":["a"]})", 400, "[input_type] is missing"},
      {"/v2/embed", R"({"input_type":"search_query","texts":["a"]})", 400, "[model] is missing"},
      {"/v2/embed", head + many + "]}", 400, "invalid request: total number of texts must be at most 96 - received 97"},
      {"/v2/embed", head + R"("texts":[]})", 400, "no input: send [texts], [images] or [inputs]"},
      {"/v2/embed", head + R"("texts":"a"})", 400, "[texts] must be an array, not a string"},
      {"/v2/embed", head + R"("texts":["a",7]})", 400, "text 1: must be a string, not a number"},
      {"/v2/embed", head + R"("texts":["a"],"images":[")" + picture_uri("1") + R"("]})", 400,
       "[texts] and [images]: send one of them"},
      {"/v2/embed", head + R"("images":["no picture"]})", 400, "image 0: the picture is not base64"},
      {"/v2/embed", head + R"("images":["https://x/a.jpg"]})", 400,
       "image 0: this looks like a link to a picture, [https://x/a.jpg]"},
      {"/v2/embed", head + R"("inputs":["a"]})", 400, "input 0: must be an object with [content], not a string"},
      {"/v2/embed", head + R"("inputs":[{"content":[]}]})", 400, "input 0: [content] has no parts"},
      {"/v2/embed", R"({"model":"hash","input_type":"image","texts":["a b"]})", 400, "text 0: the picture is not"},
      {"/v2/embed", head + R"("texts":["a"],"embedding_types":["int4"]})", 400,
       "[embedding_types] holds [int4]; it may hold float, int8, uint8, binary, ubinary, base64"},
      {"/v2/embed", head + R"("texts":["a"],"embedding_types":[1]})", 400,
       "[embedding_types] must contain only strings; at 0 is a number"},
      {"/v2/embed", head + R"("texts":["a"],"output_dimension":1024})", 400,
       "model [hash] gives vectors of 8 floats, not of 1024"},
      {"/v2/embed", head + R"("texts":["a","poison"]})", 400, "text 1: not UTF-8 at byte 0"},
      {"/v2/embed", R"({"model":"embed","input_type":"image","texts":["how big"]})", 404, "no model [embed]"},
      {"/v1/embed", "[", 400, "the body is not JSON"},
      {"/v2/chat", "{}", 404, "no route /v2/chat"},
  };
  for (const Case& expected : cases) {
    const auto response = bench.post(expected.path, expected.body);
    CAPTURE(response.body);
    CHECK(response.status == expected.status);
    const auto body = parsed(response);
    REQUIRE(body.HasMember("message"));
    CHECK(body.MemberCount() == 1);
    CHECK(std::string(body["message"].GetString()).find(expected.message) == 0);
  }
}

TEST_CASE("with input_type image a broken picture is refused, on every route and in any case of letters") {
  ApiBench bench;
  struct Request {
    const char *path, *body;
  };
  for (const Request& request :
       {Request{"/v2/embed", R"({"model":"hash","texts":["no picture"],"input_type":")"},
        Request{"/v1/embeddings", R"({"model":"hash","input":["no picture"],"input_type":")"},
        Request{"/hugging_face/hash", R"({"inputs":["no picture"],"input_type":")"},
        Request{"/v1/classify", R"({"model":"hash","input":["no picture"],"labels":["x","y"],"input_type":")"}}) {
    for (const std::string type : {"image", "Image"}) {
      CAPTURE(request.path);
      CAPTURE(type);
      const auto response = bench.post(request.path, request.body + type + "\"}");
      CHECK(response.status == 400);
      CHECK(response.body.find("the picture is not base64") != std::string::npos);
    }
  }
}

}  // namespace
}  // namespace sightline::api
