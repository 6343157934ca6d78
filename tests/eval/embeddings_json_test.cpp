#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include "eval/embedding_client.h"

using namespace sightline;
using namespace sightline::eval;

TEST_CASE("a request names its kind, and any text survives in it") {
  const std::string hard = "a \"red\"\n\\ house \xF0\x9F\x98\x80";
  rapidjson::Document request;
  request.Parse(embeddings_request("m", EmbeddingClient::Kind::query_text, {hard, "b"}).c_str());
  REQUIRE(request.IsObject());
  CHECK(request["input"][0].GetString() == hard);
  CHECK(request["input_type"].GetString() == std::string("query"));
  CHECK(request["modality"].GetString() == std::string("text"));
  request.Parse(embeddings_request("m", EmbeddingClient::Kind::picture, {"/9j/"}).c_str());
  CHECK(request["input_type"].GetString() == std::string("document"));
  CHECK(request["modality"].GetString() == std::string("image"));
}

TEST_CASE("vectors come in order of their index, in base64 or numbers, and leave with unit length") {
  // 3.0f, 4.0f little-endian
  const auto answer = read_embeddings(
      R"({"data":[{"index":1,"embedding":[0,2]},{"index":0,"embedding":"AABAQAAAgEA="}],"truncated":[1]})", 2);
  REQUIRE_MESSAGE(answer.ok(), (answer.ok() ? "" : answer.error().message));
  CHECK(answer->vectors[0] == std::vector<float>{0.6f, 0.8f});
  CHECK(answer->vectors[1] == std::vector<float>{0, 1});
  CHECK(answer->truncated == 1);
}

TEST_CASE("an answer that is not what was asked for is an error, never a vector") {
  const auto message = [](const char* body, std::size_t count) {
    const auto answer = read_embeddings(body, count);
    REQUIRE_FALSE(answer.ok());
    return answer.error().message;
  };
  const auto says = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  CHECK(says(message("oops", 1), "is not JSON"));
  CHECK(says(message(R"({"data":{}})", 1), "is not JSON with a list"));
  CHECK(says(message(R"({"data":[]})", 1), "0 vectors for 1 inputs"));
  CHECK(says(message(R"({"data":[{"index":0}]})", 1), "without a vector"));
  CHECK(says(message(R"({"data":[{"index":1,"embedding":[1]}]})", 1), "does not number"));
  CHECK(says(message(R"({"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]})", 2), "does not number"));
  CHECK(says(message(R"({"data":[{"embedding":[1]}]})", 1), "does not number"));
  CHECK(
      says(message(R"({"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[1]}]})", 2), "different lengths"));
  CHECK(says(message(R"({"data":[{"index":0,"embedding":[0,0]}]})", 1), "zeros"));
  CHECK(says(message(R"({"data":[{"index":0,"embedding":[]}]})", 1), "zeros"));
  CHECK(says(message(R"({"data":[{"index":0,"embedding":[1,"x"]}]})", 1), "not a number"));
  CHECK(says(message(R"({"data":[{"index":0,"embedding":"A*"}]})", 1), "not base64"));
  CHECK(says(message(R"({"data":[{"index":0,"embedding":"AAAA"}]})", 1), "not base64"));
  CHECK(says(message(R"({"data":[{"index":0,"embedding":"AADAfw=="}]})", 1), "not finite"));
}
