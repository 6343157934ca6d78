// The fields of an index.
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

#include "base/json/builder.h"
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
std::optional<FieldType> field_type_from(std::string_view name);
bool is_whole_number(FieldType type);    ///< long, integer, short, byte
bool is_decimal_number(FieldType type);  ///< double, float, half_float
inline bool is_number(FieldType type) {
  return is_whole_number(type) || is_decimal_number(type);
}

enum class VectorSimilarity { cosine, dot_product, l2_norm, max_inner_product };
const char* to_string(VectorSimilarity similarity);

/// The index options of a dense_vector. They are stored and shown. The search decides whether a graph is built; scores
/// are always computed from the float32 vectors.
struct VectorIndexOptions {
  std::string type;  ///< hnsw, int8_hnsw, int4_hnsw, bbq_hnsw, flat, int8_flat, int4_flat, bbq_flat
  int m = 16;
  int ef_construction = 100;
  std::optional<double> oversample;  ///< rescore_vector.oversample
  bool is_graph() const { return type.ends_with("hnsw"); }
};

/// One field that documents may have values for. Objects are not Fields. Immutable.
struct Field {
  std::string path;  ///< dotted, of a multi-field with its parent: "image_name.keyword"
  FieldType type = FieldType::object;
  bool indexed = true;                            ///< `index`: searchable
  bool doc_values = true;                         ///< can be sorted and aggregated; false for text and binary
  std::optional<std::int64_t> ignore_above = {};  ///< keyword: longer strings (in UTF-16 units) are not indexed
  std::string format = {};                        ///< date; empty: strict_date_optional_time||epoch_millis
  // dense_vector
  int dims = 0;  ///< 0: unknown until the first document
  VectorSimilarity similarity = VectorSimilarity::cosine;
  std::optional<VectorIndexOptions> index_options = {};  ///< absent if not indexed or dims unknown
  bool multi_field = false;  ///< under `fields` of another field: its values are not in _source under its path
  std::vector<std::shared_ptr<const Field>> fields = {};        ///< multi-fields, by name
  std::vector<std::pair<std::string, std::string>> shown = {};  ///< name and JSON of parameters that GET shows as given
};
using FieldPtr = std::shared_ptr<const Field>;

/// The largest `dims` of a dense_vector.
constexpr int k_max_dims = 4096;
/// The type of errors in mappings.
constexpr std::string_view k_mapper_error = "mapper_parsing_exception";

enum class Dynamic { yes, no, strict };

/// One node of the tree of objects and fields.
struct MappingNode {
  FieldPtr field;                                    ///< null: an object
  std::optional<Dynamic> dynamic = {};               ///< of an object; absent: inherited from its parent
  bool enabled = true;                               ///< of an object; false: stays in _source, but is not parsed
  std::map<std::string, MappingNode> children = {};  ///< of an object
};

/// Limits of a mapping: settings of its index.
struct MappingLimits {
  std::size_t total_fields = 1000;  ///< objects and multi-fields included (index.mapping.total_fields.limit)
  std::size_t depth = 20;           ///< of objects, the root counted (index.mapping.depth.limit)
  /// Of one level, in characters (index.mapping.field_name_length.limit). Elasticsearch's default is no limit, but its
  /// index cannot hold longer names.
  std::size_t field_name_length = 32'766;
};

/// True for names that are empty or only of ASCII whitespace, as Java has it.
inline bool is_blank(std::string_view name) {
  return name.find_first_not_of(" \t\n\v\f\r\x1c\x1d\x1e\x1f") == name.npos;
}

/// The largest value of index.mapping.depth.limit: mappings are traversed by recursion.
constexpr std::size_t k_deepest_mapping = 100;

/// The mapping of an index. A value: a change makes a new one, which shares the unchanged Fields; see
/// StoredIndex::mapping.
class Mapping {
 public:
  Mapping() = default;

  /// Reads a `mappings` object, or the body of PUT _mapping. Refuses: mapper_parsing_exception.
  static Mapping parse(const JsonView& body);
  static Answer<Mapping> parse_text(std::string_view json);
  /// Reads what to_json wrote, also in earlier versions, which accepted some mappings that `parse` refuses.
  static Mapping read_stored(const JsonView& body);

  // What follows throws Refused: illegal_argument_exception.

  /// This mapping with `other` merged into it. Refuses changes that are not possible, and mappings that exceed a limit.
  Mapping merged_with(const Mapping& other, const MappingLimits& limits = {}) const;
  /// Refuses a mapping that exceeds a limit.
  void check(const MappingLimits& limits) const;
  /// Adds a new field under its path, and the objects above it if they are missing. `known`: size() before the current
  /// document. Refuses a path that leads through a field or exceeds a limit; nothing is added then.
  void add(FieldPtr field, const MappingLimits& limits, std::size_t known);
  /// Adds an object under this path, and those above it, if they are missing. Refuses the same as `add`.
  void add_object(const std::string& path, const MappingLimits& limits, std::size_t known);
  /// Removes the field or object of this path, and all below it.
  void remove(const std::string& path);
  /// Fields, multi-fields and objects.
  std::size_t size() const { return by_path_.size() + objects_; }
  /// Replaces the field of the same path.
  void replace(FieldPtr field);

  /// The field with this full path, including multi-fields ("image_name.keyword"). Null if there is none, and for
  /// objects.
  FieldPtr find(std::string_view path) const;
  /// The node of an object or field, not of a multi-field; null if there is none.
  const MappingNode* node(std::string_view path) const;
  /// Fields whose path matches `pattern` (`*` matches any text), ordered by path. A plain name gives that field or
  /// none.
  std::vector<FieldPtr> expand(std::string_view pattern) const;

  /// As `GET _mapping` shows it: `{"properties":{..}}`, or `{}`.
  std::string to_json() const;

  const MappingNode& root() const { return root_; }

 private:
  void index_fields();
  /// The node of a path. Creates it and those above it if they are missing.
  MappingNode& place_for(const std::string& path);
  /// `more`: the number of new fields and objects, not counting those above `path`, which are counted here.
  void check_new(const std::string& path, bool object, std::size_t more, const MappingLimits& limits,
                 std::size_t known) const;

  MappingNode root_;
  std::size_t objects_ = 0;  // nodes that are not fields, without the root
  std::map<std::string, FieldPtr, std::less<>> by_path_;
  std::map<std::string, std::string> root_parameters_;  // _meta: shown unchanged
};

/// A mapping that grows with the documents of one transaction. It is copied once, before the first change.
class GrowingMapping {
 public:
  GrowingMapping() = default;
  explicit GrowingMapping(std::shared_ptr<const Mapping> mapping) : mapping_(std::move(mapping)) {}
  const Mapping* operator->() const { return mapping_.get(); }
  /// The given mapping or the copy. Others may use it only after the last change.
  const std::shared_ptr<const Mapping>& now() const { return mapping_; }
  /// Calls `change(Mapping&)`, which adds or replaces the field or object of `path`, or throws and changes nothing.
  template <class Change>
  void change(const std::string& path, const Change& change) {
    if (!grown_) mapping_ = grown_ = std::make_shared<Mapping>(*mapping_);
    std::size_t end = path.find('.');  // of the highest node that is missing
    while (end != path.npos && grown_->node(std::string_view(path).substr(0, end))) end = path.find('.', end + 1);
    std::pair<std::string, FieldPtr> undo(path.substr(0, end), grown_->find(path));
    change(*grown_);
    changes_.push_back(std::move(undo));
  }
  /// Ends a document: keeps its changes, or takes them back.
  void keep() { changes_.clear(); }
  void take_back();

 private:
  std::shared_ptr<const Mapping> mapping_;
  std::shared_ptr<Mapping> grown_;                         // the same object, once it is a copy
  std::vector<std::pair<std::string, FieldPtr>> changes_;  // a path, and its field before; null: none
};

/// A copy of a dense_vector field with these dimensions, and with the index options that follow from them. Refuses
/// dimensions that the field's index options do not support: illegal_argument_exception.
FieldPtr with_dims(const Field& field, int dims);
/// Refuses a dense_vector whose index options do not support its dimensions: illegal_argument_exception.
void check_dims(const Field& field);

[[noreturn]] inline void refuse_mapping(std::string reason) {
  refuse({400, "mapper_parsing_exception", std::move(reason)});
}

/// The field that `body`, an object with a `type`, defines under `path`. Throws Refused for parameters that are unknown
/// or that this store does not support.
FieldPtr parse_field(const std::string& path, const JsonView& body, bool multi_field = false);

/// Writes the members of a field's mapping as GET shows it: its type, the given parameters, multi-fields.
void write_field(json::Builder& out, const Field& field);
/// The default index options of a dense_vector with this many dimensions.
VectorIndexOptions default_index_options(int dims);

}  // namespace sightline::elastic
