#include "server/api/vectors.h"

#include <cmath>
#include <doctest/doctest.h>

#include "server/api/vector_text.h"

namespace sightline::api {
namespace {

std::string written(const std::vector<float>& values, VectorType type) {
  std::string out;
  append_vector(out, values, type);
  return out;
}

TEST_CASE("fused parts count the same, whatever their order") {
  const std::vector<float> parts[] = {{1, 0, 0}, {0, 1, 0}};
  const auto both = fused(parts);
  REQUIRE(both.ok());
  CHECK((*both)[0] == doctest::Approx(std::sqrt(0.5)));
  CHECK((*both)[1] == doctest::Approx(std::sqrt(0.5)));
  CHECK((*both)[2] == 0);
}

TEST_CASE("parts that cancel each other out have no vector") {
  const std::vector<float> parts[] = {{0.6f, 0.8f}, {-0.6f, -0.8f}};
  const auto none = fused(parts);
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().code == ErrorCode::invalid_argument);
}

TEST_CASE("a shortened vector has unit length; none or too many floats are refused") {
  const auto cut = shortened({0.6f, 0, 0.8f}, 2);
  REQUIRE(cut.ok());
  CHECK(*cut == std::vector<float>{1, 0});
  CHECK(shortened({0, 0, 1}, 2).error().code == ErrorCode::invalid_argument);
  CHECK(shortened({0, 0, 1}, 0).error().message == "the model gives vectors of 3 floats, not of 0");
  CHECK(shortened({0, 0, 1}, 4).error().code == ErrorCode::invalid_argument);
}

TEST_CASE("vectors are written in Cohere's types") {
  const std::vector<float> values{1, -1, 0.5f, -0.004f, 0, 0.003f, 0.25f, -0.25f, 0.1f};
  CHECK(written(values, VectorType::float32) == "[1,-1,0.5,-0.004,0,0.003,0.25,-0.25,0.1]");
  CHECK(written(values, VectorType::int8) == "[127,-127,64,-1,0,0,32,-32,13]");
  CHECK(written(values, VectorType::uint8) == "[255,1,192,127,128,128,160,96,141]");
  CHECK(written(values, VectorType::ubinary) == "[166,128]");  // 10100110 1-------
  CHECK(written(values, VectorType::binary) == "[38,0]");
  CHECK(written({1, -2}, VectorType::base64) == "\"AACAPwAAAMA=\"");
}

TEST_CASE("int8 keeps the directions of unit vectors") {
  constexpr int dims = 768;
  std::vector<float> a(dims), b(dims);
  double squares_a = 0, squares_b = 0;
  for (int i = 0; i < dims; ++i) {
    a[i] = static_cast<float>(std::sin(i * 1.7));
    b[i] = static_cast<float>(std::cos(i * 0.9) + 0.5 * a[i]);
    squares_a += a[i] * a[i];
    squares_b += b[i] * b[i];
  }
  for (float& value : a) value = static_cast<float>(value / std::sqrt(squares_a));
  for (float& value : b) value = static_cast<float>(value / std::sqrt(squares_b));
  double dot = 0;
  for (int i = 0; i < dims; ++i) {
    dot += std::round(127.0 * a[i]) * std::round(127.0 * b[i]) / (127.0 * 127.0);
  }
  CHECK(dot == doctest::Approx(cosine(a, b)).epsilon(0.02));
}

TEST_CASE("each type has its name") {
  for (const VectorType type : k_vector_types) CHECK(vector_type(to_string(type)) == type);
  CHECK_FALSE(vector_type("int4"));
}

}  // namespace
}  // namespace sightline::api
