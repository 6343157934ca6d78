#include "server/elastic/embedded/field_parser.h"

#include <algorithm>
#include <cmath>

#include "base/float_text.h"
#include "base/number_text.h"
#include "server/elastic/embedded/date.h"
#include "server/elastic/embedded/mapping_parser.h"
#include "server/elastic/embedded/mapping_table.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

constexpr int k_max_dims = 4096;
/// From this many dimensions on Elasticsearch 9.1 and later keep binary-quantised vectors.
constexpr int k_binary_quantised_dims = 384;
constexpr double k_default_oversample = 3.0;

/// JSON booleans, and the strings "true" and "false": many mappings in the wild have `"index": "true"`.
Answer<bool> lenient_bool(const rapidjson::Value& value) {
  if (value.IsBool()) return value.GetBool();
  const std::string text = shown(value);
  if (text == "true" || text == "false") return text == "true";
  return illegal_argument("Failed to parse value [" + text + "] as only [true] or [false] are allowed.");
}

std::string decimal(double value) {
  std::string text;
  append_float(text, static_cast<float>(value));
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

const std::vector<std::string>& index_option_types() {
  static const std::vector<std::string> types = {"hnsw", "int8_hnsw", "int4_hnsw", "bbq_hnsw",
                                                 "flat", "int8_flat", "int4_flat", "bbq_flat"};
  return types;
}

}  // namespace

const std::vector<std::string_view> k_analyzers = {"standard", "simple", "whitespace", "keyword", "stop"};

VectorIndexOptions default_index_options(int dims) {
  VectorIndexOptions options;
  options.type = dims >= k_binary_quantised_dims ? "bbq_hnsw" : "int8_hnsw";
  if (dims >= k_binary_quantised_dims) options.oversample = k_default_oversample;
  return options;
}

FieldParser::FieldParser(std::string path, FieldType type)
    : default_doc_values_(type != FieldType::text && type != FieldType::binary &&
                          type != FieldType::dense_vector) {
  field_.path = std::move(path);
  field_.type = type;
  field_.indexed = type != FieldType::binary;
  field_.doc_values = default_doc_values_;
}

Refusal FieldParser::unknown(const std::string& name) const {
  return mapper_error("unknown parameter [" + name + "] on mapper [" + field_.path + "] of type [" +
                      to_string(field_.type) + "]");
}

Refusal FieldParser::not_supported(const std::string& name, const rapidjson::Value& value) const {
  return mapper_error(rest::not_supported("parameter [" + name + "] with value [" + shown(value) +
                                          "] on mapper [" + field_.path + "] of type [" +
                                          to_string(field_.type) + "]")
                          .reason);
}

Refusal FieldParser::read_flag(const std::string& name, const rapidjson::Value& value, bool& flag) {
  const auto parsed = lenient_bool(value);
  if (!parsed) return parsed.error();
  if (*parsed != flag) shown_.emplace_back(name, *parsed ? "true" : "false");
  flag = *parsed;
  return std::nullopt;
}

Refusal FieldParser::read_null_value(const rapidjson::Value& value) {
  if (value.IsNull()) return std::nullopt;
  const std::string text = shown(value);
  if (field_.type == FieldType::boolean) {
    if (const auto parsed = lenient_bool(value); !parsed) return parsed.error();
  } else if (is_number(field_.type) && !value.IsNumber()) {
    return ElasticError{400, "number_format_exception", "For input string: \"" + text + "\""};
  } else if (field_.type == FieldType::date && !parse_date(text, field_.format)) {
    return mapper_error("Error parsing [null_value] on field [" + field_.path +
                        "]: failed to parse date field [" + text + "]");
  }
  field_.null_value = text;
  shown_.emplace_back("null_value", json_of(value));
  return std::nullopt;
}

// The parameters of the types of fields

/// The table of each type, and the functions that its rows read by.
class FieldTables {
 public:
  using Table = MappingTable<FieldParser>;
  using Rows = Table::Rows;
  using Value = rapidjson::Value;

  static const Table& of(FieldType type) {
    switch (type) {
      case FieldType::text:
        return k_text_field;
      case FieldType::keyword:
        return k_keyword_field;
      case FieldType::date:
        return k_date_field;
      case FieldType::boolean:
        return k_boolean_field;
      case FieldType::binary:
        return k_binary_field;
      case FieldType::dense_vector:
        return k_vector_field;
      default:
        return k_number_field;
    }
  }

 private:
  template <bool Field::* Flag>
  static Refusal flag(FieldParser& parser, const std::string& name, const Value& value) {
    return parser.read_flag(name, value, parser.field_.*Flag);
  }

  static Refusal keep(FieldParser& parser, const std::string& name, const Value& value) {
    parser.shown_.emplace_back(name, json_of(value));
    return std::nullopt;
  }

  static Refusal keep_flag(FieldParser& parser, const std::string& name, const Value& value) {
    if (const auto parsed = lenient_bool(value); !parsed) return parsed.error();
    return keep(parser, name, value);
  }

  static Refusal meta(FieldParser& parser, const std::string& name, const Value& value) {
    for (const auto& [key, text] : value.GetObject()) {
      if (!text.IsString())
        return mapper_error("[meta] values can only be strings, but got " + shown(text) + " for [" +
                            shown(key) + "]");
    }
    return keep(parser, name, value);
  }

  static Refusal null_value(FieldParser& parser, const std::string&, const Value& value) {
    return parser.read_null_value(value);
  }

  static Refusal ignore_above(FieldParser& parser, const std::string& name, const Value& value) {
    if (!value.IsInt64())
      return ElasticError{400, "number_format_exception", "For input string: \"" + shown(value) + "\""};
    if (value.GetInt64() <= 0)
      return illegal_argument("[ignore_above] must be positive, got [" + shown(value) + "]");
    parser.field_.ignore_above = value.GetInt64();
    return keep(parser, name, value);
  }

  static Refusal date_format(FieldParser& parser, const std::string& name, const Value& value) {
    if (!is_date_format(value.GetString())) {
      return illegal_argument("Error parsing [format] on field [" + parser.field_.path + "]: Invalid format: [" +
                              shown(value) + "]: " + std::string(rest::k_store_name) + " does not know it");
    }
    parser.field_.format = value.GetString();
    return keep(parser, name, value);
  }

  static Refusal analyzer(FieldParser& parser, const std::string& name, const Value& value) {
    const std::string analyzer = shown(value);
    if (std::find(k_analyzers.begin(), k_analyzers.end(), analyzer) == k_analyzers.end())
      return illegal_argument("analyzer [" + analyzer + "] has not been configured in mappings");
    (name == "analyzer" ? parser.field_.analyzer : parser.field_.search_analyzer) = analyzer;
    return keep(parser, name, value);
  }

  /// Takes one of `words`, and keeps it where `kept`.
  static Refusal word(FieldParser& parser, const std::string& name, const Value& value,
                      std::initializer_list<std::string_view> words, bool kept = true) {
    if (value.IsNull()) return std::nullopt;
    if (std::find(words.begin(), words.end(), shown(value)) == words.end())
      return parser.not_supported(name, value);
    return kept ? keep(parser, name, value) : std::nullopt;
  }

  static Refusal bm25(FieldParser& parser, const std::string& name, const Value& value) {
    return word(parser, name, value, {"BM25"});
  }
  static Refusal text_options(FieldParser& parser, const std::string& name, const Value& value) {
    return word(parser, name, value, {"positions", "offsets"});
  }
  static Refusal keyword_options(FieldParser& parser, const std::string& name, const Value& value) {
    return word(parser, name, value, {"docs"}, false);
  }
  static Refusal term_vector(FieldParser& parser, const std::string& name, const Value& value) {
    return word(parser, name, value,
                {"no", "yes", "with_positions", "with_offsets", "with_positions_offsets",
                 "with_positions_payloads", "with_positions_offsets_payloads"});
  }
  static Refusal position_gap(FieldParser& parser, const std::string& name, const Value& value) {
    const auto gap = number_from<int>(shown(value));
    if (!gap || *gap < 0) return mapper_error("[position_increment_gap] must be positive, got [" + shown(value) + "]");
    return keep(parser, name, value);
  }
  static Refusal only_false(FieldParser& parser, const std::string& name, const Value& value) {
    const auto parsed = lenient_bool(value);
    if (!parsed) return parsed.error();
    return *parsed ? Refusal(parser.not_supported(name, value)) : std::nullopt;
  }

  // dense_vector

  static Refusal dims(FieldParser& parser, const std::string&, const Value& value) {
    const std::string& path = parser.field_.path;
    if (!value.IsInt64())
      return mapper_error("Property [dims] on field [" + path + "] must be an integer but got [" + shown(value) +
                          "]");
    if (value.GetInt64() < 1 || value.GetInt64() > k_max_dims) {
      return mapper_error("The number of dimensions should be in the range [1, 4096] but was [" +
                          shown(value) + "]");
    }
    parser.field_.dims = static_cast<int>(value.GetInt64());
    return std::nullopt;
  }

  static Refusal vector_index(FieldParser& parser, const std::string&, const Value& value) {
    const auto parsed = lenient_bool(value);
    if (!parsed) return parsed.error();
    parser.field_.indexed = *parsed;
    return std::nullopt;
  }

  static Refusal vector_similarity(FieldParser& parser, const std::string&, const Value& value) {
    if (value.IsNull()) return std::nullopt;
    const std::string text = shown(value);
    parser.similarity_given_ = true;
    for (const auto similarity : {VectorSimilarity::l2_norm, VectorSimilarity::cosine,
                                  VectorSimilarity::dot_product, VectorSimilarity::max_inner_product}) {
      if (text == to_string(similarity)) return parser.field_.similarity = similarity, std::nullopt;
    }
    return mapper_error(
        "Unknown value [" + text +
        "] for field [similarity] - accepted values are [l2_norm, cosine, dot_product, max_inner_product]");
  }

  static Refusal element_type(FieldParser& parser, const std::string& name, const Value& value) {
    const std::string text = shown(value);
    if (text == "float") return std::nullopt;
    if (text == "byte" || text == "bit") return parser.not_supported(name, value);
    return mapper_error("invalid element_type [" + text + "]; available types are [byte, float, bit]");
  }

  static Refusal index_options(FieldParser& parser, const std::string&, const Value& value) {
    return value.IsNull() ? std::nullopt : parser.read_index_options(value);
  }

  static constexpr rest::Kinds k_words = rest::k_text | rest::k_null;

  /// Those of every type.
  static Rows every() {
    return {Table::kept("meta", rest::k_object, meta, "it is for people")};
  }
  /// Those of every type but dense_vector.
  static Rows stored() {
    return {Table::kept("store", rest::k_flags, flag<&Field::store>, "`stored_fields` are refused"),
            Table::refused("copy_to")};
  }
  /// Those of types whose values are kept by document.
  static Rows valued() {
    return {Table::done("index", rest::k_flags, flag<&Field::indexed>),
            Table::done("doc_values", rest::k_flags, flag<&Field::doc_values>),
            Table::done("null_value", rest::k_scalars | rest::k_null, null_value),
            Table::refused("script"),
            Table::refused("time_series_dimension")};
  }
  static Rows malformed() {
    return {Table::done("ignore_malformed", rest::k_flags, flag<&Field::ignore_malformed>)};
  }

  static const Table k_text_field, k_keyword_field, k_number_field, k_date_field, k_boolean_field,
      k_binary_field, k_vector_field;
};

const FieldTables::Table FieldTables::k_text_field{
    "mapping of a `text` field",
    {every(),
     stored(),
     {Table::done("index", rest::k_flags, flag<&Field::indexed>),
      Table::done("norms", rest::k_flags, flag<&Field::norms>),
      Table::done("analyzer", rest::k_text, analyzer, "`standard`, `simple`, `whitespace`, `keyword`, `stop`"),
      Table::done("search_analyzer", rest::k_text, analyzer),
      Table::only("similarity", k_words, bm25, "`BM25`"),
      Table::only("index_options", rest::k_text, text_options, "`positions` and `offsets`"),
      Table::kept("term_vector", rest::k_text, term_vector, "nothing that is run reads term vectors"),
      Table::kept("position_increment_gap", rest::k_numbers, position_gap, "it matters to phrases alone"),
      Table::kept("eager_global_ordinals", rest::k_flags, keep_flag, "it is about speed"),
      Table::kept("index_phrases", rest::k_flags, keep_flag, "it is about speed"),
      Table::only("fielddata", rest::k_flags, only_false, "`false`"),
      Table::refused("fielddata_frequency_filter"),
      Table::refused("index_prefixes"),
      Table::refused("search_quote_analyzer")}}};
const FieldTables::Table FieldTables::k_keyword_field{
    "mapping of a `keyword` field",
    {every(),
     stored(),
     valued(),
     {Table::done("ignore_above", rest::k_number, ignore_above),
      Table::only("similarity", k_words, bm25, "`BM25`"),
      Table::only("index_options", rest::k_text, keyword_options, "`docs`"),
      Table::kept("eager_global_ordinals", rest::k_flags, keep_flag, "it is about speed"),
      Table::only("norms", rest::k_flags, only_false, "`false`"),
      Table::only("split_queries_on_whitespace", rest::k_flags, only_false, "`false`"),
      Table::refused("normalizer")}}};
const FieldTables::Table FieldTables::k_number_field{
    "mapping of a number field",
    {every(), stored(), valued(), malformed(),
     {Table::done("coerce", rest::k_flags, flag<&Field::coerce>)}}};
const FieldTables::Table FieldTables::k_date_field{
    "mapping of a `date` field",
    {every(), stored(), valued(), malformed(),
     {Table::done("format", rest::k_text, date_format), Table::refused("locale")}}};
const FieldTables::Table FieldTables::k_boolean_field{"mapping of a `boolean` field",
                                                      {every(), stored(), valued(), malformed()}};
const FieldTables::Table FieldTables::k_binary_field{
    "mapping of a `binary` field",
    {every(), stored(), {Table::done("doc_values", rest::k_flags, flag<&Field::doc_values>)}}};
const FieldTables::Table FieldTables::k_vector_field{
    "mapping of a `dense_vector` field",
    {every(),
     {Table::done("dims", rest::k_scalars, dims),
      Table::done("index", rest::k_flags, vector_index),
      Table::done("similarity", k_words, vector_similarity),
      Table::only("element_type", rest::k_text, element_type, "`float`"),
      Table::done("index_options", rest::k_object | rest::k_null, index_options,
                  "kept and shown; vectors are compared exactly, or by one graph")}}};

Refusal FieldParser::read(const std::string& name, const rapidjson::Value& value) {
  const auto* row = FieldTables::of(field_.type).row(name);
  if (row == nullptr) return unknown(name);
  if ((row->info.kinds & kind_of(value)) == 0) {
    return mapper_error("parameter [" + name + "] on mapper [" + field_.path + "] of type [" +
                        to_string(field_.type) + "] cannot be [" + shortened(shown(value)) + "]");
  }
  return row->read ? row->read(*this, name, value) : not_supported(name, value);
}

Refusal FieldParser::read_index_options(const rapidjson::Value& value) {
  if (!value.IsObject() || !value.HasMember("type")) {
    return mapper_error("[index_options] requires field [type] to be configured");
  }
  VectorIndexOptions options;
  options.type = shown(value["type"]);
  const auto& types = index_option_types();
  if (std::find(types.begin(), types.end(), options.type) == types.end()) {
    return mapper_error("Unknown vector index options type [" + options.type + "] for field [" + field_.path +
                        "]");
  }
  const bool scalar = options.type.starts_with("int");
  const bool quantised = scalar || options.type.starts_with("bbq");
  if (options.type.starts_with("bbq")) options.oversample = k_default_oversample;
  std::string left_over;
  for (const auto& [key, part] : value.GetObject()) {
    const std::string name = shown(key);
    if (name == "type") continue;
    if (options.is_graph() && (name == "m" || name == "ef_construction") && part.IsInt()) {
      (name == "m" ? options.m : options.ef_construction) = part.GetInt();
    } else if (scalar && name == "confidence_interval" && part.IsNumber()) {
      options.confidence_interval = part.GetDouble();
    } else if (quantised && name == "rescore_vector" && part.IsObject() && part.MemberCount() == 1 &&
               part.HasMember("oversample") && part["oversample"].IsNumber()) {
      const double oversample = part["oversample"].GetDouble();
      if (!std::isfinite(oversample) || (oversample <= 1.0 && oversample != 0.0)) {
        return illegal_argument("oversample must be greater than 1 or exactly 0");
      }
      options.oversample = oversample;
    } else {
      left_over += " [" + name + " : " + shown(part) + "]";
    }
  }
  if (!left_over.empty()) {
    return mapper_error("Mapping definition for [" + field_.path +
                        "] has unsupported parameters: " + left_over);
  }
  field_.index_options = options;
  return std::nullopt;
}

Refusal FieldParser::check_vector() const {
  for (const char* name : {"similarity", "index_options"}) {
    if (!field_.indexed && (*name == 's' ? similarity_given_ : field_.index_options.has_value())) {
      return illegal_argument(
          std::string("Field [") + name +
          "] can only be specified for a field of type [dense_vector] when it is indexed");
    }
  }
  if (!field_.index_options || field_.dims == 0) return std::nullopt;
  const std::string& type = field_.index_options->type;
  if (type.starts_with("int4") && field_.dims % 2 != 0) {
    return illegal_argument(type + " only supports even dimensions; provided=" + std::to_string(field_.dims));
  }
  if (type.starts_with("bbq") && field_.dims < 64) {
    return illegal_argument(
        type + " does not support dimensions fewer than 64; provided=" + std::to_string(field_.dims));
  }
  return std::nullopt;
}

Answer<Field> FieldParser::finish() {
  std::sort(field_.fields.begin(), field_.fields.end(),
            [](const FieldPtr& a, const FieldPtr& b) { return a->path < b->path; });
  if (field_.type == FieldType::dense_vector) {
    if (auto refusal = check_vector()) return *refusal;
    if (field_.indexed && field_.dims > 0 && !field_.index_options)
      field_.index_options = default_index_options(field_.dims);
  }
  field_.parameters = render_parameters(field_, shown_);
  return std::move(field_);
}

std::string render_vector_parameters(const Field& field) {
  std::string out;
  if (field.dims > 0) out += ",\"dims\":" + std::to_string(field.dims);
  out += field.indexed ? ",\"index\":true" : ",\"index\":false";
  if (!field.indexed) return out;
  out += std::string(",\"similarity\":\"") + to_string(field.similarity) + "\"";
  if (!field.index_options) return out;
  const VectorIndexOptions& options = *field.index_options;
  out += ",\"index_options\":{\"type\":\"" + options.type + "\"";
  if (options.is_graph()) {
    out += ",\"m\":" + std::to_string(options.m) +
           ",\"ef_construction\":" + std::to_string(options.ef_construction);
  }
  if (options.confidence_interval) out += ",\"confidence_interval\":" + decimal(*options.confidence_interval);
  if (options.oversample) out += ",\"rescore_vector\":{\"oversample\":" + decimal(*options.oversample) + "}";
  return out + "}";
}

std::string render_parameters(const Field& field,
                              const std::vector<std::pair<std::string, std::string>>& given) {
  std::string out = std::string("\"type\":\"") + to_string(field.type) + "\"";
  if (field.type == FieldType::dense_vector) out += render_vector_parameters(field);
  for (const auto& [name, json] : given) out += ",\"" + name + "\":" + json;
  if (field.fields.empty()) return out;
  out += ",\"fields\":{";
  for (std::size_t i = 0; i < field.fields.size(); ++i) {
    const std::string& path = field.fields[i]->path;
    if (i > 0) out += ',';
    rest::append_json_string(out, path.substr(path.rfind('.') + 1));
    out += ":{" + field.fields[i]->parameters + "}";
  }
  return out + "}";
}

}  // namespace sightline::elastic
