// Reads mappings as users write them.
#pragma once

#include <rapidjson/document.h>
#include <string>
#include <utility>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/embedded/mapping.h"
#include "server/elastic/embedded/mapping_table.h"

namespace sightline::elastic {

/// One pass over a `mappings` object; the first mistake ends it.
class MappingParser {
 public:
  Answer<Mapping> parse(const rapidjson::Value& body);
  /// A field of its own, not an object.
  Answer<FieldPtr> parse_field(const std::string& path, const rapidjson::Value& body, bool multi_field);

 private:
  struct Root;
  struct Object;
  static const MappingTable<Root> k_root;
  static const MappingTable<Object> k_object;
  static ElasticError not_taken(const std::string& name, const rapidjson::Value& value);
  Refusal read_properties(MappingNode& object, const std::string& prefix, const rapidjson::Value& properties);
  Refusal read_property(MappingNode& object, const std::string& prefix, const std::string& name,
                        const rapidjson::Value& body);
  Refusal read_object(MappingNode& node, const std::string& path, const rapidjson::Value& body);
};

/// A JSON value as Elasticsearch's messages show it: strings bare, else as JSON.
std::string shown(const rapidjson::Value& value);
/// A JSON value as text.
std::string json_of(const rapidjson::Value& value);

}  // namespace sightline::elastic
