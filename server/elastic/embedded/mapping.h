// What an index knows about its fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {

enum class FieldType {
  object,
  text,
  keyword,
  long_,
  integer,
  short_,
  byte,
  double_,
  float_,
  half_float,
  boolean,
  date,
  binary,
  dense_vector,
};
/// The name in a mapping: "long", "dense_vector", ...
const char* to_string(FieldType type);
bool is_whole_number(FieldType type);    ///< long, integer, short, byte
bool is_decimal_number(FieldType type);  ///< double, float, half_float
inline bool is_number(FieldType type) {
  return is_whole_number(type) || is_decimal_number(type);
}

enum class VectorSimilarity { cosine, dot_product, l2_norm, max_inner_product };
const char* to_string(VectorSimilarity similarity);

/// How an indexed dense_vector asked to be indexed. Kept and shown; whether a graph is built is the search
/// side's affair, and scores are always those of the float32 vectors.
struct VectorIndexOptions {
  std::string type;  ///< hnsw, int8_hnsw, int4_hnsw, bbq_hnsw, flat, int8_flat, int4_flat, bbq_flat
  int m = 16;
  int ef_construction = 100;
  std::optional<double> oversample;  ///< rescore_vector.oversample
  bool is_graph() const { return type.ends_with("hnsw"); }
};

/// One field that documents may have values for; objects are not Fields of their own here. Never changed once
/// made.
struct Field {
  std::string path;  ///< dotted, of a multi-field with its parent: "image_name.keyword"
  FieldType type = FieldType::object;
  bool indexed = true;                       ///< `index`: searchable
  bool doc_values = true;                    ///< sortable, fit for aggregations; false for text and binary
  std::optional<std::int64_t> ignore_above;  ///< keyword: longer strings (in UTF-16 units) are not indexed
  std::string format = {};                   ///< date; empty: strict_date_optional_time||epoch_millis
  // dense_vector
  int dims = 0;  ///< 0: not known before the first document
  VectorSimilarity similarity = VectorSimilarity::cosine;
  std::optional<VectorIndexOptions> index_options;  ///< absent if not indexed or dims unknown
  bool multi_field = false;  ///< under `fields` of another: its values are not in _source under its own path
  std::vector<std::shared_ptr<const Field>> fields = {};        ///< multi-fields, by name
  std::vector<std::pair<std::string, std::string>> shown = {};  ///< name and JSON of parameters that GET shows as given
};
using FieldPtr = std::shared_ptr<const Field>;

/// The most dims that a dense_vector may have.
constexpr int k_max_dims = 4096;
/// The type of errors in mappings.
constexpr std::string_view k_mapper_error = "mapper_parsing_exception";

enum class Dynamic { yes, no, strict };

/// One node of the tree of objects and fields.
struct MappingNode {
  FieldPtr field;                                    ///< null: an object
  std::optional<Dynamic> dynamic = {};               ///< of an object; absent: as its parent
  bool enabled = true;                               ///< of an object; false: kept in _source, otherwise not looked at
  std::map<std::string, MappingNode> children = {};  ///< of an object
};

/// How much a mapping may hold: settings of its index.
struct MappingLimits {
  std::size_t total_fields = 1000;  ///< objects and multi-fields included (index.mapping.total_fields.limit)
  std::size_t depth = 20;           ///< of objects, the root counted (index.mapping.depth.limit)
  /// Of one level, in characters (index.mapping.field_name_length.limit). Elasticsearch's own default is no
  /// limit, but longer names do not fit into its index.
  std::size_t field_name_length = 32'766;
};

/// The most that index.mapping.depth.limit may be: mappings are walked by recursion.
constexpr std::size_t k_deepest_mapping = 100;

/// The mapping of an index. A value: changes make a new one, which shares the Fields that stay; see
/// Index::mapping.
class Mapping {
 public:
  Mapping() = default;

  /// Reads a `mappings` object, or the body of PUT _mapping. Refuses: mapper_parsing_exception.
  static Mapping parse(const JsonView& body);
  static Answer<Mapping> parse_text(std::string_view json);

  // What follows throws Refused: illegal_argument_exception.

  /// This mapping with `other` put over it. Refuses what cannot change, and what exceeds a limit.
  Mapping merged_with(const Mapping& other, const MappingLimits& limits = {}) const;
  /// Refuses a mapping that exceeds a limit.
  void check(const MappingLimits& limits) const;
  /// Puts a field that is not there yet under its path, and objects above it as needed. `known`: size()
  /// before the document that brings it. Refuses a path that leads through a field, or beyond a limit; nothing is
  /// added then.
  void add(FieldPtr field, const MappingLimits& limits, std::size_t known);
  /// Puts an object under this path, and those above it, if they are not there yet. Refuses as `add`.
  void add_object(const std::string& path, const MappingLimits& limits, std::size_t known);
  /// Fields, multi-fields and objects.
  std::size_t size() const { return by_path_.size() + objects_; }
  /// Puts another in the place of the field of the same path.
  void replace(FieldPtr field);

  /// The field of this full path, multi-fields too ("image_name.keyword"); null if there is none (objects
  /// have none).
  FieldPtr find(std::string_view path) const;
  /// The node of an object or field, not of a multi-field; null if there is none.
  const MappingNode* node(std::string_view path) const;
  /// Fields whose path fits `pattern` (`*` stands for any text), ordered by path; a plain name gives that
  /// field or none.
  std::vector<FieldPtr> expand(std::string_view pattern) const;

  /// As `GET _mapping` shows it: `{"properties":{..}}`, or `{}`.
  std::string to_json() const;

  const MappingNode& root() const { return root_; }

 private:
  void index_fields();
  /// The node of a path, made with those above it if they are missing.
  MappingNode& place_for(const std::string& path);
  /// `more`: fields and objects that are to come, those above `path` left aside.
  void check_new(const std::string& path, bool object, std::size_t more, const MappingLimits& limits,
                 std::size_t known) const;

  MappingNode root_;
  std::size_t objects_ = 0;  // nodes that are no fields, the root aside
  std::map<std::string, FieldPtr, std::less<>> by_path_;
  std::map<std::string, std::string> root_parameters_;  // _meta: shown as it came
};

/// A copy of a dense_vector field with its dimensions known, and the index options that follow from them.
FieldPtr with_dims(const Field& field, int dims);

}  // namespace sightline::elastic
