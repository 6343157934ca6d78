#include "server/api/hugging_face.h"

#include "server/api/vectors.h"
#include "tests/api/api_bench.h"

namespace sightline::api {
namespace {

const std::string k_route = "/hugging_face/hash";

TEST_CASE("inputs get an array of vectors, a lone string too") {
  ApiBench bench;
  const auto many = parsed(bench.post(k_route, R"({"inputs":["a",")" + picture_uri("1") + R"("]})"));
  REQUIRE(many.Size() == 2);
  CHECK(floats(many[0]) == bench.embedder->expected("a"));
  CHECK(floats(many[1]) == bench.embedder->expected_image("picture:1"));
  const auto one = parsed(bench.post(k_route, R"({"inputs":"a","options":{"wait_for_model":true}})"));
  REQUIRE(one.Size() == 1);
  CHECK(floats(one[0]) == bench.embedder->expected("a"));
}

TEST_CASE("parameters stand in the body or in an object of their own") {
  ApiBench bench;
  const std::string text = R"({"inputs":"0123456789abcdef",)";
  CHECK(floats(parsed(bench.post(k_route, text + R"("truncate":true,"normalize":true})"))[0]) ==
        bench.embedder->expected("0123456789abcd"));
  CHECK(floats(parsed(bench.post(k_route, text + R"("truncation_direction":"Left"})"))[0]) ==
        bench.embedder->expected("23456789abcdef"));
  CHECK(floats(
            parsed(bench.post(k_route, text + R"("parameters":{"truncation_direction":"left","dimensions":4}})"))[0]) ==
        *shortened(bench.embedder->expected("23456789abcdef"), 4));
  CHECK(bench.post(k_route, text + R"("parameters":{"truncate":false}})").status == 400);
}

TEST_CASE("options of the body count beside parameters, which come first") {
  ApiBench bench;
  const std::string text = R"({"inputs":"0123456789abcdef",)";
  const auto vector = [&](const std::string& options) {
    return floats(parsed(bench.post(k_route, text + options + "}"))[0]);
  };
  const auto short_vector = *shortened(bench.embedder->expected("23456789abcdef"), 4);
  CHECK(vector(R"("truncation_direction":"left","parameters":{"dimensions":4})") == short_vector);
  CHECK(vector(R"("dimensions":2,"truncation_direction":"left","parameters":{"dimensions":4})") == short_vector);
  CHECK(bench.post(k_route, text + R"("truncate":false,"parameters":{}})").status == 400);
  CHECK(bench.post(k_route, text + R"("prompt_name":"query","parameters":{"truncate":true}})").status == 400);
  CHECK(bench.post(k_route, text + R"("parameters":{"dimensions":4,"dimensions":2}})").status == 400);
}

TEST_CASE("errors have the shape of text-embeddings-inference") {
  ApiBench bench;
  struct Case {
    const char *path, *body;
    int status;
    const char *type, *message;
  };
  const Case cases[] = {
      {"/hugging_face/hash", "{}", 400, "invalid_argument", "[inputs] is missing"},
      {"/hugging_face/hash", R"({"inputs":[]})", 400, "invalid_argument", "[inputs] is an empty array"},
      {"/hugging_face/hash", R"({"inputs":["a",7]})", 400, "invalid_argument", "input 1: a number instead"},
      {"/hugging_face/hash", R"({"inputs":["a","poison"]})", 400, "invalid_argument", "input 1: not UTF-8"},
      {"/hugging_face/hash", R"({"inputs":"a","normalize":false})", 400, "unsupported", "[normalize] is false"},
      {"/hugging_face/hash", R"({"inputs":"a","normalize":"yes"})", 400, "invalid_argument",
       "[normalize] must be true or false, not a string"},
      {"/hugging_face/hash", R"({"inputs":"a","prompt_name":"query"})", 400, "unsupported", "[prompt_name]"},
      {"/hugging_face/hash", R"({"inputs":"a","truncation_direction":"up"})", 400, "invalid_argument",
       "[truncation_direction] may be"},
      {"/hugging_face/hash", R"({"inputs":"a","parameters":{"dimensions":9}})", 400, "invalid_argument",
       "model [hash] gives vectors of 8 floats, not of 9"},
      {"/hugging_face/nope", R"({"inputs":"a"})", 404, "not_found", "no model [nope]"},
      {"/hugging_face/google/nope", R"({"inputs":"a"})", 404, "not_found", "no model [google/nope]"},
  };
  for (const Case& expected : cases) {
    const auto response = bench.post(expected.path, expected.body);
    CAPTURE(response.body);
    CHECK(response.status == expected.status);
    const auto body = parsed(response);
    CHECK(std::string(body["error_type"].GetString()) == expected.type);
    CHECK(std::string(body["error"].GetString()).find(expected.message) == 0);
  }
}

}  // namespace
}  // namespace sightline::api
