#include "server/elastic/embedded/mapping_parser.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "base/json/writer.h"
#include "server/elastic/embedded/field_parser.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

std::optional<FieldType> type_named(const std::string& name) {
  for (int type = 0; type <= static_cast<int>(FieldType::dense_vector); ++type) {
    if (name == to_string(static_cast<FieldType>(type))) return static_cast<FieldType>(type);
  }
  return std::nullopt;
}

/// Is it a type of Elasticsearch 9.2, or of its analysis and mapper plugins, that this store has no fields of?
bool is_foreign_type(const std::string& name) {
  static const std::set<std::string, std::less<>> foreign = {
      "aggregate_metric_double", "alias", "annotated_text", "completion", "constant_keyword",
      "counted_keyword", "date_nanos", "date_range", "double_range", "flattened", "float_range", "geo_point",
      "geo_shape", "histogram", "icu_collation_keyword", "integer_range", "ip", "ip_range", "join",
      "long_range", "match_only_text", "murmur3", "nested", "passthrough", "pattern_text", "percolator",
      "point", "rank_feature", "rank_features", "rank_vectors", "scaled_float", "search_as_you_type", "shape",
      "sparse_vector", "token_count", "unsigned_long", "version", "wildcard"};
  return foreign.contains(name);
}

/// "it has text, keyword, ... and dense_vector"
std::string types_there_are() {
  std::string types = "it has ";
  const int last = static_cast<int>(FieldType::dense_vector);
  for (int type = 0; type <= last; ++type) {
    if (type > 0) types += type == last ? " and " : ", ";
    types += to_string(static_cast<FieldType>(type));
  }
  return types;
}

Answer<Dynamic> parse_dynamic(const rapidjson::Value& value, const std::string& name) {
  const std::string text = shown(value);
  if (text == "true") return Dynamic::yes;
  if (text == "false") return Dynamic::no;
  if (text == "strict") return Dynamic::strict;
  if (text == "runtime")
    return mapper_error(rest::not_supported("[dynamic] with value [runtime]").reason);
  ElasticError error = illegal_argument("Could not convert [" + name + ".dynamic] to boolean");
  error.cause_type = "illegal_argument_exception";
  error.cause_reason = "Failed to parse value [" + text + "] as only [true] or [false] are allowed.";
  return error;
}

const char* java_class(const rapidjson::Value& value) {
  if (value.IsString()) return "java.lang.String";
  if (value.IsBool()) return "java.lang.Boolean";
  if (value.IsArray()) return "java.util.ArrayList";
  return value.IsInt() ? "java.lang.Integer" : "java.lang.Double";
}

}  // namespace

std::string json_of(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  json::Writer writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string shown(const rapidjson::Value& value) {
  return value.IsString() ? std::string(value.GetString(), value.GetStringLength()) : json_of(value);
}

// The parameters of the root, and of objects

ElasticError MappingParser::not_taken(const std::string& name, const rapidjson::Value& value) {
  return mapper_error(
      rest::not_supported("mapping parameter [" + name + " : " + shortened(shown(value)) + "]").reason);
}

/// What the root's parameters are read into.
struct MappingParser::Root {
  MappingParser& parser;
  Mapping& mapping;

  static Refusal properties(Root& root, const std::string&, const rapidjson::Value& value) {
    return root.parser.read_properties(root.mapping.root_, "", value);
  }
  static Refusal dynamic(Root& root, const std::string& name, const rapidjson::Value& value) {
    const auto dynamic = parse_dynamic(value, name);
    if (!dynamic) return dynamic.error();
    root.mapping.root_.dynamic = *dynamic;
    return std::nullopt;
  }
  static Refusal meta(Root& root, const std::string& name, const rapidjson::Value& value) {
    root.mapping.root_parameters_[name] = json_of(value);
    return std::nullopt;
  }
  static Refusal detection(Root& root, const std::string& name, const rapidjson::Value& value) {
    const std::string text = shown(value);
    if (text != "true" && text != "false")
      return illegal_argument("Could not convert [" + name + "] to boolean");
    (name == "date_detection" ? root.mapping.date_detection_ : root.mapping.numeric_detection_) =
        text == "true";
    root.mapping.root_parameters_[name] = text;
    return std::nullopt;
  }
  static Refusal only_empty(Root&, const std::string& name, const rapidjson::Value& value) {
    const bool empty = (value.IsArray() && value.Empty()) || (value.IsObject() && value.ObjectEmpty());
    return empty ? std::nullopt : Refusal(not_taken(name, value));
  }
  static Refusal plain_source(Root& root, const std::string& name, const rapidjson::Value& value) {
    const bool plain =
        value.MemberCount() == 1 && value.HasMember("enabled") && value["enabled"].IsTrue();
    return plain ? std::nullopt : only_empty(root, name, value);
  }
};

const MappingTable<MappingParser::Root> MappingParser::k_root{
    "mapping",
    {{MappingTable<Root>::done("properties", rest::k_object | rest::k_array, Root::properties),
      MappingTable<Root>::done("dynamic", rest::k_flags, Root::dynamic, "`true`, `false`, `strict`"),
      MappingTable<Root>::done("date_detection", rest::k_flags, Root::detection),
      MappingTable<Root>::done("numeric_detection", rest::k_flags, Root::detection),
      MappingTable<Root>::kept("_meta", rest::k_object, Root::meta, "it is for people"),
      MappingTable<Root>::only("_source", rest::k_object, Root::plain_source, "`{\"enabled\":true}`"),
      MappingTable<Root>::only("_routing", rest::k_object, Root::only_empty, "`{}`"),
      MappingTable<Root>::only("_field_names", rest::k_object, Root::only_empty, "`{}`"),
      MappingTable<Root>::only("_data_stream_timestamp", rest::k_object, Root::only_empty, "`{}`"),
      MappingTable<Root>::only("dynamic_templates", rest::k_array, Root::only_empty, "`[]`"),
      MappingTable<Root>::only("runtime", rest::k_object, Root::only_empty, "`{}`"),
      MappingTable<Root>::refused("dynamic_date_formats"),
      MappingTable<Root>::refused("subobjects"),
      MappingTable<Root>::refused("enabled")}}};

/// What the parameters of an object are read into.
struct MappingParser::Object {
  MappingParser& parser;
  MappingNode& node;
  const std::string& path;

  static Refusal type(Object&, const std::string&, const rapidjson::Value& value) {
    // Another type would not have come here.
    return value.IsNull() || shown(value) == "object" ? std::nullopt : Refusal(not_taken("type", value));
  }
  static Refusal properties(Object& object, const std::string&, const rapidjson::Value& value) {
    return object.parser.read_properties(object.node, object.path + ".", value);
  }
  static Refusal dynamic(Object& object, const std::string&, const rapidjson::Value& value) {
    const auto dynamic = parse_dynamic(value, object.path);
    if (!dynamic) return dynamic.error();
    object.node.dynamic = *dynamic;
    return std::nullopt;
  }
  static Refusal enabled(Object& object, const std::string& name, const rapidjson::Value& value) {
    const std::string text = shown(value);
    if (text != "true" && text != "false")
      return illegal_argument("Could not convert [" + object.path + "." + name + "] to boolean");
    object.node.enabled = text == "true";
    return std::nullopt;
  }
  static Refusal subobjects(Object& object, const std::string&, const rapidjson::Value& value) {
    if (value.IsNull() || shown(value) == "true") return std::nullopt;
    return mapper_error(
        rest::not_supported("[subobjects] with value [" + shown(value) + "] on object [" + object.path + "]")
            .reason);
  }
};

const MappingTable<MappingParser::Object> MappingParser::k_object{
    "mapping of an object",
    {{MappingTable<Object>::only("type", rest::k_text | rest::k_null, Object::type, "`object`"),
      MappingTable<Object>::done("properties", rest::k_object | rest::k_array, Object::properties),
      MappingTable<Object>::done("dynamic", rest::k_flags, Object::dynamic, "`true`, `false`, `strict`"),
      MappingTable<Object>::done("enabled", rest::k_flags, Object::enabled),
      MappingTable<Object>::only("subobjects", rest::k_flags | rest::k_null, Object::subobjects, "`true`")}}};

Answer<Mapping> MappingParser::parse(const rapidjson::Value& body) {
  Mapping mapping;
  if (!body.IsObject()) return mapper_error("Expected a mapping object but got " + shown(body));
  std::string unknown;
  Root root{*this, mapping};
  for (const auto& [key, value] : body.GetObject()) {
    const std::string name = shown(key);
    const auto* row = k_root.row(name);
    if (row == nullptr) {
      unknown += " [" + name + " : " + shown(value) + "]";
    } else if (row->read == nullptr || (row->info.kinds & kind_of(value)) == 0) {
      return not_taken(name, value);
    } else if (auto refusal = row->read(root, name, value)) {
      return *std::move(refusal);
    }
  }
  if (!unknown.empty()) return mapper_error("Root mapping definition has unsupported parameters: " + unknown);
  mapping.index_fields();
  return mapping;
}

Refusal MappingParser::read_properties(MappingNode& object, const std::string& prefix,
                                       const rapidjson::Value& properties) {
  if (properties.IsNull() || (properties.IsArray() && properties.Empty())) return std::nullopt;
  if (!properties.IsObject()) {
    return mapper_error("Expected map for property [properties] but got a class " +
                        std::string(java_class(properties)));
  }
  for (const auto& [key, body] : properties.GetObject()) {
    if (auto refusal = read_property(object, prefix, shown(key), body)) return refusal;
  }
  return std::nullopt;
}

Refusal MappingParser::read_property(MappingNode& object, const std::string& prefix, const std::string& name,
                                     const rapidjson::Value& body) {
  if (name.empty()) return illegal_argument("field name cannot be an empty string");
  if (static_cast<std::size_t>(std::count(prefix.begin(), prefix.end(), '.')) >= k_deepest_mapping) {
    return illegal_argument("Limit of mapping depth [" + std::to_string(k_deepest_mapping) +
                            "] has been exceeded due to object field [" +
                            prefix.substr(0, prefix.size() - 1) + "]");
  }
  if (const std::size_t dot = name.find('.'); dot != std::string::npos) {
    const std::string first = name.substr(0, dot);
    if (first.empty() || dot + 1 == name.size()) {
      return illegal_argument("field name cannot contain only whitespace or start or end with a dot: [" +
                              name + "]");
    }
    MappingNode& child = object.children[first];
    if (child.field)
      return illegal_argument("can't merge a non object mapping [" + prefix + first +
                              "] with an object mapping");
    return read_property(child, prefix + first + ".", name.substr(dot + 1), body);
  }
  const std::string path = prefix + name;
  if (!body.IsObject()) {
    return mapper_error("Expected map for property [fields] on field [" + path + "] but got a class " +
                        java_class(body));
  }
  const bool typed = body.HasMember("type") && !body["type"].IsNull();
  const std::string type = typed ? shown(body["type"]) : "";
  if (type == "object" ||
      (!typed && (body.HasMember("properties") || body.HasMember("enabled") || body.HasMember("dynamic")))) {
    return read_object(object.children[name], path, body);
  }
  if (!typed) return mapper_error("No type specified for field [" + path + "]");
  auto field = parse_field(path, body, false);
  if (!field) return field.error();
  object.children[name].field = *field;
  return std::nullopt;
}

Refusal MappingParser::read_object(MappingNode& node, const std::string& path, const rapidjson::Value& body) {
  std::string unknown;
  Object object{*this, node, path};
  for (const auto& [key, value] : body.GetObject()) {
    const std::string name = shown(key);
    const auto* row = k_object.row(name);
    if (row == nullptr) {
      unknown += " [" + name + " : " + shown(value) + "]";
    } else if ((row->info.kinds & kind_of(value)) == 0) {
      return not_taken(name, value);
    } else if (auto refusal = row->read(object, name, value)) {
      return refusal;
    }
  }
  if (!unknown.empty()) {
    return mapper_error("Mapping definition for [" + path.substr(path.rfind('.') + 1) +
                        "] has unsupported parameters: " + unknown);
  }
  return std::nullopt;
}

Answer<FieldPtr> MappingParser::parse_field(const std::string& path, const rapidjson::Value& body,
                                            bool multi_field) {
  const std::string type_name = shown(body["type"]);
  const std::string name = path.substr(path.rfind('.') + 1);
  const auto type = type_named(type_name);
  if (is_foreign_type(type_name)) {
    return mapper_error(
        rest::not_supported("field [" + path + "] of type [" + type_name + "]", types_there_are()).reason);
  }
  if (!type) {
    return mapper_error(
        "The mapper type [" + type_name + "] declared on field [" + name +
        "] does not exist. It might have been created within a future version or requires a plugin to be "
        "installed. Check the documentation.");
  }
  if (multi_field && (*type == FieldType::object || *type == FieldType::dense_vector)) {
    return mapper_error("Type [" + type_name + "] cannot be used in multi field");
  }
  FieldParser parser(path, *type);
  for (const auto& [key, value] : body.GetObject()) {
    const std::string parameter = shown(key);
    if (parameter == "type") continue;
    if (parameter != "fields") {
      if (auto refusal = parser.read(parameter, value)) return *refusal;
      continue;
    }
    if (multi_field || !value.IsObject()) {
      return mapper_error("expected map for property [fields] on field [" + shown(value) +
                          "] or [fields] but got a class " + java_class(value));
    }
    for (const auto& [sub_key, sub_body] : value.GetObject()) {
      if (!sub_body.IsObject() || !sub_body.HasMember("type")) {
        return mapper_error("no type specified for property [" + shown(sub_key) + "]");
      }
      auto sub_field = parse_field(path + "." + shown(sub_key), sub_body, true);
      if (!sub_field) return sub_field.error();
      parser.add_multi_field(*sub_field);
    }
  }
  auto field = parser.finish();
  if (!field) return field.error();
  field->multi_field = multi_field;
  return FieldPtr(std::make_shared<const Field>(std::move(*field)));
}

}  // namespace sightline::elastic
