// A document as the search side sees it: values by field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/elastic/embedded/mapping.h"

namespace sightline::elastic {

/// The values that one document has for one field, multi-fields listed on their own. Which of the lists is
/// filled depends on the field's type; values of arrays and of objects in arrays stand in the order of the
/// source.
struct FieldValues {
  FieldPtr field;
  std::vector<std::string>
      strings;  ///< text, keyword (those within ignore_above), binary (empty: values are not kept), as
                ///< json::java_utf8
  std::vector<std::int64_t>
      integers;  ///< long, integer, short, byte; boolean as 0 or 1; date as milliseconds since 1970 UTC
  std::vector<double> doubles;  ///< double, float (already rounded to float32), half_float (rounded to half)
  std::vector<float> vector;    ///< dense_vector: `dims` finite values, as sent (not normalised)
  /// keyword: a value was left out for its length (ignore_above).
  bool ignored = false;
};

/// One document, ready to be indexed. Fields without values are absent; no field occurs twice.
struct ParsedDocument {
  std::string id;
  std::vector<FieldValues> fields;
};

}  // namespace sightline::elastic
