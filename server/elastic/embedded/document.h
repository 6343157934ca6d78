// A document as the search uses it: values by field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/elastic/embedded/mapping.h"

namespace sightline::elastic {

/// A term of a text field and how often it occurs there.
struct TermFrequency {
  std::string term;
  std::uint32_t frequency = 0;
};

/// The values of one document for one field. Multi-fields have separate entries. The field's type decides which of the
/// lists is filled. Values of arrays, and of objects in arrays, keep the order of the source.
struct FieldValues {
  std::string path;
  FieldType type = FieldType::object;
  VectorSimilarity similarity = VectorSimilarity::cosine;  ///< dense_vector
  /// keyword (those within ignore_above), text until it is analyzed; as json::java_utf8
  std::vector<std::string> strings = {};
  std::vector<std::int64_t> integers =
      {};  ///< long, integer, short, byte; boolean as 0 or 1; date as milliseconds since 1970 UTC
  std::vector<double> doubles = {};       ///< double, float (rounded to float32), half_float (rounded to half)
  std::vector<float> vector = {};         ///< dense_vector: `dims` finite values, as sent (not normalised)
  std::uint32_t length = 0;               ///< analyzed text: tokens in all values together
  std::vector<TermFrequency> terms = {};  ///< analyzed text
};

/// One document. Fields without values are absent; no field occurs twice.
struct ParsedDocument {
  std::string id;
  std::vector<FieldValues> fields = {};
};

}  // namespace sightline::elastic
