#include "server/elastic/inference/embedding_answer.h"

#include <doctest/doctest.h>

using namespace sightline::elastic;

namespace {

std::string fault(std::string_view body, std::string_view path) {
  auto result = parse_embeddings(body, path);
  return result ? "none" : result.error().reason;
}

const Embeddings k_two{{1.0F, -0.25F}, {3.0F, 4.0F}};

}  // namespace

TEST_CASE("every path that leads to a list of lists of numbers gives the vectors") {
  const char* openai = R"({"data":[{"index":1,"embedding":[1,-0.25]},{"index":0,"embedding":[3,4]}]})";
  CHECK(*parse_embeddings(openai, "$.data[*].embedding[*]") == k_two);
  CHECK(*parse_embeddings(openai, "$.data[*].embedding") == k_two);
  const char* cohere = R"({"embeddings":{"float":[[1,-0.25],[3,4]]}})";
  CHECK(*parse_embeddings(cohere, "$.embeddings.float[*]") == k_two);
  CHECK(*parse_embeddings(cohere, "$.embeddings.float") == k_two);
  CHECK(*parse_embeddings(cohere, "$.embeddings.float[*][*]") == k_two);
}

TEST_CASE("order is that of the answer, an index field is not read") {
  CHECK(parse_embeddings(R"({"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]})", "$.data[*].embedding")
            ->front() == std::vector<float>{2.0F});
}

TEST_CASE("paths that do not fit the answer say where") {
  CHECK(fault("{}", "data") == "Path [data] must start with a dollar sign ($)");
  CHECK(fault(R"({"a":1})", "$.data") == "Unable to find field [data] in map");
  CHECK(fault(R"({"a":null})", "$.a") == "Unable to find field [a] in map");
  CHECK(fault(R"({"a":{}})", "$.a[*]") ==
        "Current path [[*]] matched the array field pattern but the current object is not a list, found "
        "invalid type [LinkedHashMap] instead.");
  CHECK(fault(R"({"a":"x"})", "$.a.b") ==
        "Current path [.b] matched the dot field pattern but the current object is not a map, found invalid "
        "type [String] instead.");
  CHECK(fault(R"({"a":[]})", "$.a[0]") == "Invalid path received [[0]], unable to extract a field name.");
  CHECK(fault(R"({"a":1})", "$.a") == "Extracted field [a] is an invalid type, expected a list but received [Integer]");
  CHECK(fault(R"({"a":[1]})", "$." + std::string(2000, 'a')).find("longer than") != std::string::npos);
}

TEST_CASE("an answer of more values than any batch has vectors for is not read") {
  std::string many = "[0";
  for (int i = 0; i < 10'000'000; ++i) many += ",0";
  CHECK(fault(many + "]", "$.a").find("10000000") != std::string::npos);
}

TEST_CASE("entries that are no vectors name their place") {
  CHECK(fault(R"({"data":[{"embedding":[1,2]},{"embedding":[true,2]}]})", "$.data[*].embedding") ==
        "Failed to parse text embedding entry [1], error: Failed to parse list entry [0], error: Unable to "
        "convert field "
        "[data.embedding] of type [Boolean] to Number");
  CHECK(fault(R"({"data":[{"embedding":[1,null]}]})", "$.data[*].embedding[*]").find("list entry [1]") !=
        std::string::npos);
  CHECK(fault(R"({"data":[{"embedding":[]}]})", "$.data[*].embedding").find("empty vector") != std::string::npos);
  CHECK(fault(R"({"data":[{"embedding":[1e300]}]})", "$.data[*].embedding").find("outside of float32") !=
        std::string::npos);
  CHECK(fault(R"({"data":[{"embedding":5}]})", "$.data[*].embedding") ==
        "Failed to parse text embedding entry [0], error: Extracted field [data.embedding] is an invalid "
        "type, expected a list but "
        "received [Integer]");
}

TEST_CASE("answers that are no JSON object are refused") {
  CHECK(fault("[[1,2]]", "$.a").find("must be a JSON object") != std::string::npos);
  CHECK(fault("<html>", "$.a").starts_with("[1:1]"));
  CHECK(fault(std::string(200000, '['), "$.a").starts_with("[1:"));
}
