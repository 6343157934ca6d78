// A document as the search uses it, values by field; and how it is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/embedded/mapping.h"
#include "server/elastic/rest/json_tape.h"

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

// value_parser.cpp: turns one JSON value into a value of a field.
/// Adds a concrete value (string, number or boolean; not a vector) to `values`, read by the field's type. Returns why
/// it does not fit the field, or nothing.
std::optional<std::string> append_value(const Field& field, FieldValues& values, const rest::JsonToken& token);

/// The range of a type of whole numbers.
struct WholeRange {
  std::int64_t least, most;
};
WholeRange range_of(FieldType type);

/// Reads the whole text as a float32; infinite if it is too large, nothing if it is not a number.
std::optional<float> parse_float(std::string_view text);
std::optional<double> parse_double(std::string_view text);

/// Rounds to IEEE half precision, ties to even; infinite if it is too large.
double round_to_half(double value);

/// The length of UTF-8 text in UTF-16 units, which is Java's length of a string.
std::int64_t utf16_length(std::string_view text);

// search/analyzed_document.cpp: the searchable form of a document, and how it is stored on disk.
/// Replaces texts by terms, and drops fields that searches do not use. Throws Refused if the texts have more than
/// `max_tokens` words together.
void analyze(ParsedDocument& document, std::size_t max_tokens = std::numeric_limits<std::size_t>::max());

/// An analyzed document as a self-contained record: little-endian, lengths before contents, field paths in full.
std::string encode(const ParsedDocument& document);
/// Throws StorageFailed, corrupt_data, if `record` is not exactly one record.
ParsedDocument decode(std::string_view record);

}  // namespace sightline::elastic
