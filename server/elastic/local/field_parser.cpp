#include "server/elastic/local/field_parser.h"

#include <algorithm>
#include <cmath>

#include "base/float_text.h"
#include "server/elastic/local/date.h"
#include "server/elastic/local/mapping_parser.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

constexpr int k_max_dims = 4096;
/// From this many dimensions on Elasticsearch 9.1 and later keep binary-quantised vectors.
constexpr int k_binary_quantised_dims = 384;
constexpr double k_default_oversample = 3.0;

ElasticError mapper_error(std::string reason) {
  return {400, "mapper_parsing_exception", std::move(reason)};
}

/// JSON booleans, and the strings "true" and "false": many mappings in the wild have `"index": "true"`.
Answer<bool> lenient_bool(const rapidjson::Value& value) {
  if (value.IsBool()) return value.GetBool();
  const std::string text = shown(value);
  if (text == "true" || text == "false") return text == "true";
  return illegal_argument("Failed to parse value [" + text + "] as only [true] or [false] are allowed.");
}

bool one_of(const std::string& name, std::initializer_list<const char*> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
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
  return mapper_error("parameter [" + name + "] with value [" + shown(value) + "] on mapper [" + field_.path +
                      "] of type [" + to_string(field_.type) + "] is not supported by this server");
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

Refusal FieldParser::read(const std::string& name, const rapidjson::Value& value) {
  const FieldType type = field_.type;
  const bool text = type == FieldType::text, keyword = type == FieldType::keyword;
  if (name == "meta") return shown_.emplace_back(name, json_of(value)), std::nullopt;
  if (type == FieldType::dense_vector) return read_vector(name, value);
  if (name == "store") return read_flag(name, value, field_.store);
  if (name == "doc_values" && !text) return read_flag(name, value, field_.doc_values);
  if (type == FieldType::binary) return unknown(name);
  if (name == "index") return read_flag(name, value, field_.indexed);
  if (name == "copy_to" || name == "script" || name == "time_series_dimension")
    return not_supported(name, value);
  if (name == "null_value" && !text) return read_null_value(value);
  if (name == "ignore_malformed" && !text && !keyword) return read_flag(name, value, field_.ignore_malformed);
  if (name == "coerce" && is_number(type)) return read_flag(name, value, field_.coerce);
  if (name == "ignore_above" && keyword) {
    if (!value.IsInt64()) {
      return ElasticError{400, "number_format_exception", "For input string: \"" + shown(value) + "\""};
    }
    if (value.GetInt64() <= 0)
      return illegal_argument("[ignore_above] must be positive, got [" + shown(value) + "]");
    field_.ignore_above = value.GetInt64();
    shown_.emplace_back(name, json_of(value));
    return std::nullopt;
  }
  if (name == "format" && type == FieldType::date) {
    if (!value.IsString() || !is_date_format(value.GetString())) {
      return illegal_argument("Error parsing [format] on field [" + field_.path + "]: Invalid format: [" +
                              shown(value) + "]: this server does not know it");
    }
    field_.format = value.GetString();
    shown_.emplace_back(name, json_of(value));
    return std::nullopt;
  }
  if (text && (name == "analyzer" || name == "search_analyzer")) {
    const std::string analyzer = shown(value);
    if (std::find(k_analyzers.begin(), k_analyzers.end(), analyzer) == k_analyzers.end()) {
      return illegal_argument("analyzer [" + analyzer + "] has not been configured in mappings");
    }
    (name == "analyzer" ? field_.analyzer : field_.search_analyzer) = analyzer;
    shown_.emplace_back(name, json_of(value));
    return std::nullopt;
  }
  if (text && name == "norms") return read_flag(name, value, field_.norms);
  // Parameters that change nothing here are kept; values that would change scores or matches are refused.
  const std::string given = shown(value);
  if ((text || keyword) && name == "similarity" && given == "BM25")
    return shown_.emplace_back(name, "\"BM25\""), std::nullopt;
  if (text && name == "index_options" && one_of(given, {"positions", "offsets"})) {
    return shown_.emplace_back(name, json_of(value)), std::nullopt;
  }
  if (keyword && name == "index_options" && given == "docs") return std::nullopt;
  if ((text &&
       one_of(name, {"term_vector", "position_increment_gap", "eager_global_ordinals", "index_phrases"})) ||
      (keyword && one_of(name, {"eager_global_ordinals"}))) {
    return shown_.emplace_back(name, json_of(value)), std::nullopt;
  }
  if ((text && one_of(name, {"similarity", "index_options", "fielddata", "fielddata_frequency_filter",
                             "index_prefixes", "search_quote_analyzer"})) ||
      (keyword &&
       one_of(name, {"similarity", "index_options", "norms", "normalizer", "split_queries_on_whitespace"})) ||
      (type == FieldType::date && name == "locale")) {
    if (value.IsBool() && !value.GetBool()) return std::nullopt;
    return not_supported(name, value);
  }
  return unknown(name);
}

Refusal FieldParser::read_vector(const std::string& name, const rapidjson::Value& value) {
  if (name == "dims") {
    if (!value.IsInt64()) {
      return mapper_error("Property [dims] on field [" + field_.path + "] must be an integer but got [" +
                          shown(value) + "]");
    }
    if (value.GetInt64() < 1 || value.GetInt64() > k_max_dims) {
      return mapper_error("The number of dimensions should be in the range [1, 4096] but was [" +
                          shown(value) + "]");
    }
    field_.dims = static_cast<int>(value.GetInt64());
    return std::nullopt;
  }
  if (name == "index") {
    const auto parsed = lenient_bool(value);
    if (!parsed) return parsed.error();
    field_.indexed = *parsed;
    return std::nullopt;
  }
  if (name == "similarity") {
    const std::string text = shown(value);
    similarity_given_ = true;
    for (const auto similarity : {VectorSimilarity::l2_norm, VectorSimilarity::cosine,
                                  VectorSimilarity::dot_product, VectorSimilarity::max_inner_product}) {
      if (text == to_string(similarity)) return field_.similarity = similarity, std::nullopt;
    }
    return mapper_error(
        "Unknown value [" + text +
        "] for field [similarity] - accepted values are [l2_norm, cosine, dot_product, max_inner_product]");
  }
  if (name == "element_type") {
    const std::string text = shown(value);
    if (text == "float") return std::nullopt;
    if (text == "byte" || text == "bit") return not_supported(name, value);
    return mapper_error("invalid element_type [" + text + "]; available types are [byte, float, bit]");
  }
  if (name == "index_options") return value.IsNull() ? std::nullopt : read_index_options(value);
  return unknown(name);
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
    } else if (quantised && name == "rescore_vector" && part.IsObject() && part.HasMember("oversample") &&
               part["oversample"].IsNumber()) {
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
