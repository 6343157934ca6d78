#include "server/cohere/embed_answer.h"

#include <doctest/doctest.h>
#include <string>

namespace sightline::cohere {

namespace {
std::string problem(const std::string& body, std::size_t count, std::size_t dims) {
  const auto read = read_embed_answer(body, count, dims);
  return read ? "none" : read.error().message;
}
std::string with_vectors(const std::string& vectors) {
  return R"({"id":"x","embeddings":{"float":)" + vectors + R"(},"texts":["a"]})";
}
}  // namespace

TEST_CASE("vectors are read in order, with what was billed and the pictures' sizes") {
  const auto read = read_embed_answer(
      R"({"id":"1","texts":["[0.5]"],"embeddings":{"int8":[[1,2]],"float":[[0.6,0.8],[1,0],[0,-1]]},)"
      R"("images":[{"width":400,"height":300,"format":"png"},{"width":4,"height":3},{"width":5,"height":-1}],)"
      R"("meta":{"billed_units":{"input_tokens":7}}})",
      3, 2);
  REQUIRE(read);
  CHECK((*read)[0].values == std::vector<float>{0.6f, 0.8f});
  CHECK((*read)[1].values == std::vector<float>{1, 0});
  CHECK((*read)[2].values == std::vector<float>{0, -1});
  CHECK((*read)[0].tokens == 7);
  CHECK((*read)[1].tokens == 0);
  CHECK((*read)[0].width == 400);
  CHECK((*read)[0].height == 300);
  CHECK((*read)[1].width == 4);
  CHECK((*read)[2].height == 0);
  // Sizes that cannot be told apart are none, as are more of them than vectors.
  for (const std::string sizes : {R"({"width":1})", R"({"width":1},{"width":2},{"width":3},{"width":4})"}) {
    const auto other = read_embed_answer(R"({"images":[)" + sizes + R"(],"embeddings":{"float":[[1,0],[0,1]]}})", 2, 2);
    REQUIRE(other);
    CHECK((*other)[0].width == 0);
  }
}

TEST_CASE("a vector that is not of unit length is brought to it") {
  const auto read = read_embed_answer(with_vectors("[[3,4]]"), 1, 2);
  REQUIRE(read);
  CHECK((*read)[0].values == std::vector<float>{0.6f, 0.8f});
}

TEST_CASE("an answer that does not match the request is refused") {
  CHECK(problem(with_vectors("[[1,0]]"), 2, 2).find("has 1 vectors") != std::string::npos);
  CHECK(problem(with_vectors("[[1,0],[1,0]]"), 1, 2).find("more than 1") != std::string::npos);
  CHECK(problem(with_vectors("[[1,0],[1,0,0]]"), 2, 2).find("vector 1 has 3 numbers, not 2") != std::string::npos);
  CHECK(problem(with_vectors("[[1,0],[1]]"), 2, 0).find("vector 1 has 1 numbers, not 2") != std::string::npos);
  CHECK(problem(with_vectors("[[]]"), 1, 0).find("vector 0 has 0") != std::string::npos);
  CHECK(problem(with_vectors("[[0,0]]"), 1, 2).find("vector 0 is zero") != std::string::npos);
  CHECK(problem(with_vectors("[[1,null]]"), 1, 2).find("not a number") != std::string::npos);
  CHECK(problem(with_vectors("[[1,\"0\"]]"), 1, 2).find("not a number") != std::string::npos);
  CHECK(problem(with_vectors("[[1,[0]]]"), 1, 2).find("not a number") != std::string::npos);
  CHECK(problem(with_vectors("[[1,1e300]]"), 1, 2).find("not a number") != std::string::npos);
  CHECK(problem(with_vectors("[[1,1e999]]"), 1, 2).find("not a number") != std::string::npos);
  CHECK(problem(R"({"embeddings":[[1,0]]})", 1, 2).find("has 0 vectors") != std::string::npos);
  CHECK(problem(R"({"message":"hello"})", 1, 2).find("has 0 vectors") != std::string::npos);
}

TEST_CASE("an answer that is not JSON, or truncated, is refused") {
  CHECK(problem("", 1, 2).find("at byte 0: the text is empty") != std::string::npos);
  CHECK(problem("<html>", 1, 2).find("at byte 0: a value is missing") != std::string::npos);
  const std::string whole = with_vectors("[[0.6,0.8]]");
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(read_embed_answer(whole.substr(0, size), 1, 2));
  CHECK(read_embed_answer(whole, 1, 2));
}

TEST_CASE("an answer built to use up memory is left early") {
  CHECK(problem(std::string(1 << 20, '['), 1, 2).find("deeper than 16 levels") != std::string::npos);
  std::string endless = R"({"embeddings":{"float":[[)";
  for (int i = 0; i < 10000; ++i) endless += "1,";
  CHECK(problem(endless, 1, 2).find("over 8192") != std::string::npos);
}

}  // namespace sightline::cohere
