// What the reference computed for the small models that are shipped with the tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <rapidjson/document.h>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "models/embedder.h"
#include "tests/models/model_folder.h"

namespace sightline::models::testing {

struct ExpectedText {
  std::string text;
  std::vector<std::int32_t> ids;
  std::vector<float> unit;
};

struct ExpectedImage {
  std::string file;
  std::vector<float> unit;
};

struct ExpectedVectors {
  std::vector<ExpectedText> texts;
  std::vector<ExpectedImage> images;
};

inline std::vector<float> floats_of(const rapidjson::Value& array) {
  std::vector<float> floats;
  for (const auto& value : array.GetArray()) floats.push_back(static_cast<float>(value.GetDouble()));
  return floats;
}

/// `model` is a folder of tests/fixtures/models.
inline ExpectedVectors expected_vectors(const std::string& model) {
  rapidjson::Document json;
  json.Parse(content_of(fixture(model) / "expected.json"));
  if (!json.IsObject()) throw std::runtime_error(model + "/expected.json cannot be read");
  ExpectedVectors expected;
  for (const auto& text : json["texts"].GetArray()) {
    std::vector<std::int32_t> ids;
    for (const auto& id : text["ids"].GetArray()) ids.push_back(id.GetInt());
    const rapidjson::Value& words = text["text"];  // may contain NUL
    expected.texts.push_back({{words.GetString(), words.GetStringLength()}, ids, floats_of(text["unit"])});
  }
  for (const auto& image : json["images"].GetArray()) {
    expected.images.push_back({image["file"].GetString(), floats_of(image["unit"])});
  }
  return expected;
}

/// Largest difference of two vectors' components; infinite if their sizes differ or one is not a number.
inline double max_difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size() || a.empty()) return HUGE_VAL;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    largest = difference >= 0 ? std::max(largest, difference) : HUGE_VAL;
  }
  return largest;
}

inline std::vector<float> unit_of(std::span<const float> raw) {
  double squares = 0;
  for (const float value : raw) squares += static_cast<double>(value) * value;
  std::vector<float> unit;
  for (const float value : raw) unit.push_back(static_cast<float>(value / std::sqrt(squares)));
  return unit;
}

/// Inputs of one batch, and the vectors that they must have.
struct ExpectedBatch {
  std::vector<Prepared> inputs;
  std::vector<std::vector<float>> units;

  /// Prepares the text and adds it.
  PreparedText add(Embedder& model, const ExpectedText& text) {
    auto prepared = model.prepare_text(text.text, Truncate::end);
    REQUIRE(prepared.ok());
    inputs.emplace_back(*prepared);
    units.push_back(text.unit);
    return *std::move(prepared);
  }
  void add(Embedder& model, const ExpectedImage& image) {
    const auto prepared = model.prepare_image(content_of(fixture("pictures") / image.file));
    REQUIRE(prepared.ok());
    inputs.emplace_back(*prepared);
    units.push_back(image.unit);
  }
  /// Embeds all together.
  void check(Embedder& model) const {
    const auto vectors = model.embed(inputs);
    REQUIRE(vectors.size() == inputs.size());
    for (std::size_t i = 0; i < vectors.size(); ++i) {
      CAPTURE(i);
      REQUIRE(vectors[i].ok());
      CHECK(max_difference(*vectors[i], units[i]) < 1e-5);
    }
  }
};

}  // namespace sightline::models::testing
