// What the reference computed for the small models that are shipped with the tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <rapidjson/document.h>
#include <span>
#include <string>
#include <vector>

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

}  // namespace sightline::models::testing
