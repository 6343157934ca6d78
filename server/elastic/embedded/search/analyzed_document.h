// What a document is searched by, and how that is kept on disk.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/elastic/embedded/document.h"

namespace sightline::elastic {

/// A term of a text field and how often it occurs there.
struct TermFrequency {
  std::string term;
  std::uint32_t frequency = 0;
};

/// One field of a document, analyzed. Which list is filled depends on `type`, as in FieldValues.
struct AnalyzedField {
  std::string path;
  FieldType type = FieldType::object;
  VectorSimilarity similarity = VectorSimilarity::cosine;  ///< dense_vector
  std::uint32_t length = 0;                                ///< text: tokens in all values together
  std::vector<TermFrequency> terms = {};                   ///< text
  std::vector<std::string> strings = {};                   ///< keyword
  std::vector<std::int64_t> integers = {};
  std::vector<double> doubles = {};
  std::vector<float> vector = {};  ///< dense_vector, as sent
};

struct AnalyzedDocument {
  std::string id;
  std::vector<AnalyzedField> fields = {};
  std::vector<std::string> ignored = {};  ///< paths of fields that lost a value to ignore_above
};

/// Analyzes the text fields and drops what no search looks at. Throws Refused if they have more than `max_tokens`
/// words together.
AnalyzedDocument analyze(const ParsedDocument& document,
                         std::size_t max_tokens = std::numeric_limits<std::size_t>::max());

/// A self-contained record: little-endian, lengths before contents, field paths in full.
std::string encode(const AnalyzedDocument& document);
/// Throws StorageFailed, corrupt_data, if `record` is not exactly one record.
AnalyzedDocument decode(std::string_view record);

}  // namespace sightline::elastic
