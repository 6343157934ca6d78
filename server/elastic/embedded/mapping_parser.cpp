// Reads mappings, and writes the mapping of a field as GET shows it.

#include <algorithm>
#include <array>
#include <cmath>

#include "server/elastic/embedded/date.h"
#include "server/elastic/embedded/failures.h"
#include "server/elastic/embedded/mapping.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the tables below are made of its words

/// From this many dimensions on, Elasticsearch 9.1 and later store binary-quantised vectors by default.
constexpr int k_binary_quantised_dims = 384;
constexpr double k_default_oversample = 3.0;
constexpr std::array<std::string_view, 8> k_index_types = {"hnsw", "int8_hnsw", "int4_hnsw", "bbq_hnsw",
                                                           "flat", "int8_flat", "int4_flat", "bbq_flat"};

/// The parameters of one field.
struct FieldReading {
  Field field;
  bool similarity_given = false;
};

// The parameters of the types of fields

template <class Reading>
void skip(const JsonView&, const JsonView&, Reading&) {}

void keep(const JsonView& key, const JsonView& value, FieldReading& reading) {
  reading.field.shown.emplace_back(key.text(), value.raw());
}

template <bool Field::*Flag>
void read_flag(const JsonView& key, const JsonView& value, FieldReading& reading) {
  bool& flag = reading.field.*Flag;
  const bool before = std::exchange(flag, read_bool(value, key.text()));
  if (flag != before) reading.field.shown.emplace_back(key.text(), flag ? "true" : "false");
}

void read_multi_fields(const JsonView& key, const JsonView& value, FieldReading& reading) {
  if (reading.field.multi_field) refuse_mapping("a multi-field cannot have [" + std::string(key.text()) + "]");
  value.each_member([&](const JsonView& name, const JsonView& body) {
    if (!body.is_object()) refuse_mapping("the multi-field [" + shortened(name.text()) + "] must be an object");
    if (name.text().find('.') != std::string_view::npos) {
      refuse_mapping("Field name [" + shortened(name.text()) + "] which is a multi field of [" + reading.field.path +
                     "] cannot contain '.'");
    }
    reading.field.fields.push_back(parse_field(reading.field.path + "." + std::string(name.text()), body, true));
  });
}

void read_ignore_above(const JsonView& key, const JsonView& value, FieldReading& reading) {
  const std::int64_t most = read_integer(value, key.text());
  if (most <= 0) refuse(illegal_argument("[ignore_above] must be positive, got [" + std::to_string(most) + "]"));
  reading.field.ignore_above = most;
  reading.field.shown.emplace_back(key.text(), std::to_string(most));
}

void read_format(const JsonView& key, const JsonView& value, FieldReading& reading) {
  const auto known = known_date_format(value.text());
  if (!known) {
    refuse(illegal_argument("[format] of field [" + reading.field.path + "]: [" + shortened(value.text()) +
                            "] is not supported by " + std::string(k_store_name)));
  }
  reading.field.format = *known;
  keep(key, value, reading);
}

/// For parameters with one supported value, which is also the default.
template <const char* const& Word>
void check_word(const JsonView& value, std::string_view name) {
  if (value.text() != Word)
    refuse_mapping("[" + std::string(name) + "] must be [" + Word + "] in " + std::string(k_store_name) + ", found [" +
                   shortened(value.text()) + "]");
}
constexpr const char* k_standard = "standard";
constexpr const char* k_float = "float";

void read_dims(const JsonView& key, const JsonView& value, FieldReading& reading) {
  const std::int64_t dims = read_integer(value, key.text());
  if (dims < 1 || dims > k_max_dims)
    refuse_mapping("The number of dimensions should be in the range [1, 4096] but was [" + std::to_string(dims) + "]");
  reading.field.dims = static_cast<int>(dims);
}

void read_vector_index(const JsonView& key, const JsonView& value, FieldReading& reading) {
  reading.field.indexed = read_bool(value, key.text());
}

void read_similarity(const JsonView&, const JsonView& value, FieldReading& reading) {
  reading.similarity_given = true;
  for (const auto similarity : {VectorSimilarity::l2_norm, VectorSimilarity::cosine, VectorSimilarity::dot_product,
                                VectorSimilarity::max_inner_product}) {
    if (value.text() == to_string(similarity)) return void(reading.field.similarity = similarity);
  }
  refuse_mapping("Unknown value [" + shortened(value.text()) +
                 "] for field [similarity] - accepted values are [l2_norm, cosine, dot_product, max_inner_product]");
}

double read_oversample(const JsonView& value) {
  const auto given = value.member("oversample");
  if (!given || value.size() != 1) refuse_mapping("[rescore_vector] must hold [oversample]");
  const double oversample = read_double(*given, "oversample");
  if (!std::isfinite(oversample) || (oversample <= 1.0 && oversample != 0.0))
    refuse(illegal_argument("oversample must be greater than 1 or exactly 0"));
  return oversample;
}

void read_index_options(const JsonView&, const JsonView& value, FieldReading& reading) {
  VectorIndexOptions options;
  const auto type = value.member("type");
  if (!type) refuse_mapping("[index_options] requires field [type] to be configured");
  options.type = read_text(*type, "type");
  if (std::find(k_index_types.begin(), k_index_types.end(), options.type) == k_index_types.end())
    refuse_mapping("Unknown vector index options type [" + options.type + "] for field [" + reading.field.path + "]");
  const bool quantised = options.type.starts_with("int") || options.type.starts_with("bbq");
  if (options.type.starts_with("bbq")) options.oversample = k_default_oversample;
  value.each_member([&](const JsonView& key, const JsonView& part) {
    const std::string_view name = key.text();
    if (options.is_graph() && (name == "m" || name == "ef_construction")) {
      const std::int64_t number = read_integer(part, name);
      (name == "m" ? options.m : options.ef_construction) =
          static_cast<int>(std::clamp<std::int64_t>(number, 1, 10'000));
    } else if (quantised && name == "rescore_vector" && part.is_object()) {
      options.oversample = read_oversample(part);
    } else if (name != "type") {
      refuse_mapping("Mapping definition for [" + reading.field.path + "] has unsupported parameters: [" +
                     shortened(name) + "]");
    }
  });
  reading.field.index_options = options;
}

using Table = MemberTable<FieldReading>;
using Rows = Table::Rows;

/// Parameters of every type.
const Rows k_every{{"type", k_text, skip<FieldReading>}, {"meta", k_object, keep, "kept and shown"}};
const Rows k_indexed{{"index", k_flags, read_flag<&Field::indexed>}, {"fields", k_object, read_multi_fields}};
/// Parameters of types whose values are stored by document.
const Rows k_valued{{"doc_values", k_flags, read_flag<&Field::doc_values>}};

const Table k_text_field{"mapping of a `text` field",
                         "text",
                         k_mapper_error,
                         {k_every, k_indexed, {only_some("analyzer", k_text, check_word<k_standard>, "`standard`")}}};
const Table k_keyword_field{"mapping of a `keyword` field",
                            "keyword",
                            k_mapper_error,
                            {k_every, k_indexed, k_valued, {{"ignore_above", k_numbers, read_ignore_above}}}};
const Table k_date_field{"mapping of a `date` field",
                         "date",
                         k_mapper_error,
                         {k_every, k_indexed, k_valued, {{"format", k_text, read_format}}}};
const Table k_value_field{
    "mapping of a number or `boolean` field", "field", k_mapper_error, {k_every, k_indexed, k_valued}};
const Table k_binary_field{"mapping of a `binary` field", "binary", k_mapper_error, {k_every}};
const Table k_vector_field{"mapping of a `dense_vector` field",
                           "dense_vector",
                           k_mapper_error,
                           {k_every,
                            {{"dims", k_numbers, read_dims},
                             {"index", k_flags, read_vector_index},
                             {"similarity", k_text, read_similarity},
                             only_some("element_type", k_text, check_word<k_float>, "`float`"),
                             {"index_options", k_object, read_index_options,
                              "kept and shown; vectors are compared exactly, or by one graph"}}}};

const Table& table_of(FieldType type) {
  for (const Table* own : {&k_text_field, &k_keyword_field, &k_date_field, &k_binary_field, &k_vector_field})
    if (own->parser() == to_string(type)) return *own;
  return k_value_field;
}

FieldType type_named(const std::string& name, const std::string& path) {
  if (const auto type = field_type_from(name)) return *type;
  refuse_mapping("The mapper type [" + shortened(name) + "] declared on field [" + path +
                 "] does not exist, or is not supported by " + std::string(k_store_name));
}

/// Refuses values that earlier versions stored, so they are not checked when a stored mapping is read.
void check_values(const Field& field) {
  check_dims(field);
  for (const auto& [name, json] : field.shown) {
    if (name != "meta") continue;
    const auto meta = accepted(JsonTape::parse(json));
    JsonView(meta, 0).each_member([&](const JsonView& key, const JsonView& value) {
      if (value.is_string()) return;
      refuse_mapping("[meta] values can only be strings, but got [" + shortened(value.raw()) + "] as [" +
                     shortened(key.text()) + "] for field [" + field.path + "]");
    });
  }
}

// Objects

/// The parameters of an object or of the root.
struct ObjectReading {
  MappingNode& node;
  std::string prefix;                                   ///< "" or "a.b."
  std::map<std::string, std::string>* shown = nullptr;  ///< of the root: parameters that are shown unchanged
};

void read_dynamic(const JsonView& key, const JsonView& value, ObjectReading& reading) {
  const std::string text = read_text(value, key.text());
  if (text != "true" && text != "false" && text != "strict")
    refuse_mapping("[dynamic] must be true, false or strict, found [" + shortened(text) + "]");
  reading.node.dynamic = text == "true" ? Dynamic::yes : text == "false" ? Dynamic::no : Dynamic::strict;
}

void read_enabled(const JsonView& key, const JsonView& value, ObjectReading& reading) {
  reading.node.enabled = read_bool(value, key.text());
}

void read_shown(const JsonView& key, const JsonView& value, ObjectReading& reading) {
  (*reading.shown)[std::string(key.text())] = value.raw();
}

void read_properties(const JsonView&, const JsonView& value, ObjectReading& reading);

const MemberTable<ObjectReading>::Rows k_both{{"properties", k_object, read_properties},
                                              {"dynamic", k_flags, read_dynamic, "`true`, `false`, `strict`"}};
const MemberTable<ObjectReading> k_root{
    "mapping", "mapping", k_mapper_error, {k_both, {{"_meta", k_object, read_shown, "kept and shown"}}}};
const MemberTable<ObjectReading> k_object_mapping{
    "mapping of an object",
    "object",
    k_mapper_error,
    {k_both, {{"type", k_text, skip<ObjectReading>, "`object`"}, {"enabled", k_flags, read_enabled}}}};

/// For a field that the mapping also defines as an object.
[[noreturn]] void refuse_object(const Field& field) {
  refuse(illegal_argument("mapper [" + field.path + "] cannot be changed from type [" + to_string(field.type) +
                          "] to [ObjectMapper]"));
}

void read_property(MappingNode& object, const std::string& prefix, const std::string& name, const JsonView& body) {
  const std::string path = prefix + name;
  if (name.empty() || name.front() == '.' || name.back() == '.' || name.find("..") != name.npos)
    refuse(illegal_argument("a field name cannot be empty, or start or end with a dot: [" + shortened(path) + "]"));
  if (static_cast<std::size_t>(std::count(path.begin(), path.end(), '.')) >= k_deepest_mapping) {
    refuse(illegal_argument("Limit of mapping depth [" + std::to_string(k_deepest_mapping) +
                            "] has been exceeded due to field [" + shortened(path) + "]"));
  }
  if (const std::size_t dot = name.find('.'); dot != std::string::npos) {
    MappingNode& child = object.children[name.substr(0, dot)];
    if (child.field) refuse_object(*child.field);
    return read_property(child, prefix + name.substr(0, dot + 1), name.substr(dot + 1), body);
  }
  if (!body.is_object()) refuse_mapping("the mapping of [" + path + "] must be an object");
  const auto type = body.member("type");
  const bool is_object =
      type ? type->text() == "object" : body.member("properties") || body.member("enabled") || body.member("dynamic");
  // "a.b" beside "a" defines it twice. As in Elasticsearch objects are merged, and of two fields the last stays.
  const auto [place, is_new] = object.children.try_emplace(name);
  MappingNode& child = place->second;
  if (!is_object) {
    FieldPtr field = parse_field(path, body);
    if (!is_new && !child.field) refuse_object(*field);
    return void(child.field = std::move(field));
  }
  if (child.field) refuse_object(*child.field);
  ObjectReading reading{child, path + "."};
  k_object_mapping.read(body, reading);
}

void read_properties(const JsonView&, const JsonView& value, ObjectReading& reading) {
  value.each_member([&](const JsonView& key, const JsonView& body) {
    read_property(reading.node, reading.prefix, std::string(key.text()), body);
  });
}

/// Writes dims, index, similarity and index_options of a dense_vector.
void write_vector(json::Builder& out, const Field& field) {
  if (field.dims > 0) out.member("dims", field.dims);
  out.member("index", field.indexed);
  if (!field.indexed) return;
  out.member("similarity", to_string(field.similarity));
  if (!field.index_options) return;
  const VectorIndexOptions& options = *field.index_options;
  out.object("index_options").member("type", options.type);
  if (options.is_graph()) out.member("m", options.m).member("ef_construction", options.ef_construction);
  if (options.oversample) out.object("rescore_vector").member("oversample", *options.oversample).end();
  out.end();
}

}  // namespace

void check_dims(const Field& field) {
  if (!field.index_options || field.dims == 0) return;
  const std::string& type = field.index_options->type;
  if (type.starts_with("int4") && field.dims % 2 != 0)
    refuse(illegal_argument(type + " only supports even dimensions; provided=" + std::to_string(field.dims)));
  if (type.starts_with("bbq") && field.dims < 64)
    refuse(
        illegal_argument(type + " does not support dimensions fewer than 64; provided=" + std::to_string(field.dims)));
}

VectorIndexOptions default_index_options(int dims) {
  VectorIndexOptions options;
  options.type = dims >= k_binary_quantised_dims ? "bbq_hnsw" : "int8_hnsw";
  if (dims >= k_binary_quantised_dims) options.oversample = k_default_oversample;
  return options;
}

FieldPtr parse_field(const std::string& path, const JsonView& body, bool multi_field) {
  const auto type_name = body.member("type");
  if (!type_name || type_name->is_null()) refuse_mapping("No type specified for field [" + path + "]");
  FieldReading reading;
  Field& field = reading.field;
  field.path = path;
  field.type = type_named(read_text(*type_name, "type"), path);
  if (multi_field && (field.type == FieldType::object || field.type == FieldType::dense_vector))
    refuse_mapping(std::string("Type [") + to_string(field.type) + "] cannot be used in multi field");
  field.multi_field = multi_field;
  field.indexed = field.type != FieldType::binary;
  field.doc_values =
      field.type != FieldType::text && field.type != FieldType::binary && field.type != FieldType::dense_vector;
  table_of(field.type).read(body, reading);
  std::ranges::sort(field.fields, {}, &Field::path);
  if (field.type == FieldType::dense_vector) {
    if (!field.indexed && (reading.similarity_given || field.index_options)) {
      refuse(
          illegal_argument("[similarity] and [index_options] can only be specified for a field of type [dense_vector] "
                           "when it is indexed"));
    }
    if (field.indexed && field.dims > 0 && !field.index_options)
      field.index_options = default_index_options(field.dims);
  }
  return std::make_shared<const Field>(std::move(field));
}

Mapping Mapping::parse(const JsonView& body) {
  try {
    Mapping mapping = read_stored(body);
    for (const auto& [path, field] : mapping.by_path_) check_values(*field);
    return mapping;
  } catch (const Refused& refused) {
    refuse_mapping("Failed to parse mapping: " + refused.error.reason);
  }
}

Mapping Mapping::read_stored(const JsonView& body) {
  if (!body.is_object()) refuse_mapping("a mapping must be an object");
  Mapping mapping;
  ObjectReading reading{mapping.root_, "", &mapping.root_parameters_};
  k_root.read(body, reading);
  mapping.index_fields();
  return mapping;
}

void write_field(json::Builder& out, const Field& field) {
  out.member("type", to_string(field.type));
  if (field.type == FieldType::dense_vector) write_vector(out, field);
  for (const auto& [name, json] : field.shown) out.member(name, json::Raw{json});
  if (field.fields.empty()) return;
  out.object("fields");
  for (const FieldPtr& sub_field : field.fields) {
    out.object(sub_field->path.substr(sub_field->path.rfind('.') + 1));
    write_field(out, *sub_field);
    out.end();
  }
  out.end();
}

}  // namespace sightline::elastic
