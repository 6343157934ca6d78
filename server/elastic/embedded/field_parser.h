// Reads the parameters of one field of a mapping.
#pragma once

#include <rapidjson/document.h>
#include <string>
#include <utility>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/embedded/mapping.h"

namespace sightline::elastic {

/// Takes the parameters of one field, one by one, and writes what GET shows of them. Parameters that this
/// server cannot honour are refused; so are unknown ones, with Elasticsearch's words.
class FieldParser {
 public:
  FieldParser(std::string path, FieldType type);

  Refusal read(const std::string& name, const rapidjson::Value& value);
  /// After the last parameter: checks what depends on several, fills defaults, writes `parameters`.
  Answer<Field> finish();

  /// Multi-fields come from outside, for they are fields themselves.
  void add_multi_field(FieldPtr field) { field_.fields.push_back(std::move(field)); }

 private:
  friend class FieldTables;  // the rows of its parameters

  Refusal read_index_options(const rapidjson::Value& value);
  Refusal read_flag(const std::string& name, const rapidjson::Value& value, bool& flag);
  Refusal read_null_value(const rapidjson::Value& value);
  Refusal check_vector() const;
  Refusal unknown(const std::string& name) const;
  Refusal not_supported(const std::string& name, const rapidjson::Value& value) const;
  std::string vector_parameters() const;

  Field field_;
  bool default_doc_values_;
  bool similarity_given_ = false;
  std::vector<std::pair<std::string, std::string>> shown_;  // name and JSON of what differs from the default
};

/// `parameters` of a field as GET shows them: its type, the given ones, multi-fields.
std::string render_parameters(const Field& field,
                              const std::vector<std::pair<std::string, std::string>>& given);
/// dims, index, similarity and index_options of a dense_vector as GET shows them.
std::string render_vector_parameters(const Field& field);
/// The index options that a dense_vector of so many dimensions gets if none were given.
VectorIndexOptions default_index_options(int dims);

}  // namespace sightline::elastic
