#include "server/elastic/embedded/document_parser.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "base/cancellation.h"
#include "base/float_text.h"
#include "server/elastic/embedded/date.h"
#include "server/elastic/embedded/dynamic_fields.h"
#include "server/elastic/embedded/value_parser.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using Kind = rest::JsonToken::Kind;
using rest::JsonTape;
using rest::JsonToken;

constexpr int k_max_dims = 4096;
/// How much of a value an error shows.
constexpr std::size_t k_longest_preview_bytes = 4096;
/// How far the squared length of a vector may be from 1 where dot_product wants unit length.
constexpr float k_unit_length_tolerance = 1e-3F;

/// Where an object stands: the way to its mapping.
struct Place {
  std::string prefix;  // "" or "a.b."
  Dynamic dynamic = Dynamic::yes;
};

class DocumentParser {
 public:
  DocumentParser(const JsonTape& tape, std::string id, std::shared_ptr<const Mapping> mapping,
                 bool cut_vectors, const MappingLimits& limits)
      : tape_(tape),
        id_(std::move(id)),
        mapping_(std::move(mapping)),
        cut_vectors_(cut_vectors),
        limits_(limits),
        known_(mapping_->size()) {}

  Refusal parse() { return parse_object(0, {"", mapping_->root().dynamic.value_or(Dynamic::yes)}); }

  PreparedDocument finish() {
    PreparedDocument document;
    document.values.id = id_;
    document.values.fields = std::move(values_);
    document.mapping = std::move(mapping_);
    cut(document);
    return document;
  }

 private:
  /// A member that holds a vector, to be cut from the source.
  struct VectorMember {
    std::size_t object, key;
    std::string path;
    std::vector<float> values;
  };

  /// The mapping, for fields that this document brings: a copy of the given one, made with the first.
  Mapping& growing() {
    if (!grown_) mapping_ = grown_ = std::make_shared<Mapping>(*mapping_);
    return *grown_;
  }

  Refusal parse_object(std::size_t object, const Place& place) {
    for (std::size_t key = object + 1; key < tape_[object].next; key = tape_[key + 1].next) {
      if (auto refusal = parse_member(object, key, place)) return refusal;
    }
    return std::nullopt;
  }

  Refusal parse_member(std::size_t object, std::size_t key, const Place& place) {
    std::string name(tape_[key].text);
    check_cancelled();
    if (auto refusal = check_name(name, key, place)) return refusal;
    while (name.ends_with('.')) name.pop_back();
    const std::string path = place.prefix + name;
    Dynamic dynamic = place.dynamic;
    for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
      const MappingNode* parent = mapping_->node(place.prefix + name.substr(0, dot));
      if (parent == nullptr) continue;
      if (parent->field) return under_a_field(*parent->field, name.substr(dot + 1), key + 1);
      if (!parent->enabled) return std::nullopt;
      dynamic = parent->dynamic.value_or(dynamic);
    }
    const MappingNode* node = mapping_->node(path);
    if (node == nullptr) return parse_unmapped(object, key, path, dynamic);
    if (node->field) {
      const FieldPtr field = node->field;  // the node may be replaced
      return parse_field(field, object, key, key + 1);
    }
    if (!node->enabled) return std::nullopt;
    return parse_into_object(key + 1, path, name, node->dynamic.value_or(dynamic));
  }

  Refusal check_name(const std::string& name, std::size_t key, const Place& place) const {
    if (name.empty()) return wrap(tape_[key].begin, illegal_argument("field name cannot be an empty string"));
    if (name.find_first_not_of(' ') == std::string::npos) {
      return at(tape_[key].begin, "Field name cannot contain only whitespace: [" + name + "]");
    }
    if (name.front() == '.' || name.find("..") != std::string::npos) {
      return wrap(tape_[key].begin,
                  illegal_argument("field name cannot contain only whitespace: ['" + name + "']"));
    }
    const auto dots = std::count(place.prefix.begin(), place.prefix.end(), '.') +
                      std::count(name.begin(), name.end(), '.');
    if (static_cast<std::size_t>(dots) >= k_deepest_mapping) {
      return wrap(tape_[key].begin,
                  illegal_argument("Limit of mapping depth [" + std::to_string(k_deepest_mapping) +
                                   "] has been exceeded due to a field name of [" + std::to_string(dots + 1) +
                                   "] levels"));
    }
    static const std::vector<std::string> k_metadata = {
        "_id",           "_source",  "_routing",     "_index",     "_version",     "_seq_no",
        "_primary_term", "_ignored", "_field_names", "_doc_count", "_nested_path", "_data_stream_timestamp",
        "_tier"};
    if (!place.prefix.empty() || std::find(k_metadata.begin(), k_metadata.end(), name) == k_metadata.end())
      return std::nullopt;
    const std::string what =
        position(tape_[key + 1].begin) + "Field [" + name +
        "] is a metadata field and cannot be added inside a document. Use the index API request parameters.";
    return field_error(name, name.c_str(), tape_[key + 1].begin,
                       {{400, "document_parsing_exception", what}, std::string(tape_[key + 1].text)});
  }

  /// The value of a member that is mapped as an object.
  Refusal parse_into_object(std::size_t value, const std::string& path, const std::string& name,
                            Dynamic dynamic) {
    switch (tape_[value].kind) {
      case Kind::null:
        return std::nullopt;
      case Kind::object:
        return parse_object(value, {path + ".", dynamic});
      case Kind::array:
        for (std::size_t element = value + 1; element < tape_[value].next; element = tape_[element].next) {
          if (auto refusal = parse_into_object(element, path, "null", dynamic)) return refusal;
        }
        return std::nullopt;
      default:
        return at(tape_[value].begin, "object mapping for [" + path + "] tried to parse field [" + name +
                                          "] as object, but found a concrete value");
    }
  }

  Refusal parse_unmapped(std::size_t object, std::size_t key, const std::string& path, Dynamic dynamic) {
    const std::size_t value = key + 1;
    if (dynamic == Dynamic::no) return std::nullopt;
    if (dynamic == Dynamic::strict) {
      const std::size_t dot = path.rfind('.');
      const std::string parent = dot == std::string::npos ? "_doc" : path.substr(0, dot);
      return ElasticError{400, "strict_dynamic_mapping_exception",
                          position(tape_[value].begin) + "mapping set to strict, dynamic introduction of [" +
                              path.substr(dot + 1) + "] within [" + parent + "] is not allowed"};
    }
    if (tape_[value].kind == Kind::null) return std::nullopt;
    if (tape_[value].kind == Kind::object) {
      if (auto refusal = growing().add_object(path, limits_, known_))
        return wrap(tape_[value].begin, std::move(*refusal));
      return parse_object(value, {path + ".", dynamic});
    }
    auto inferred = infer_field(*mapping_, path, tape_, value);
    if (!inferred) return inferred.error();
    if (inferred->objects) return parse_into_object(value, path, path, dynamic);
    if (!inferred->field) return std::nullopt;
    if (auto refusal = growing().add(inferred->field, limits_, known_))
      return wrap(tape_[value].begin, std::move(*refusal));
    return parse_field(inferred->field, object, key, value);
  }

  Refusal parse_field(const FieldPtr& field, std::size_t object, std::size_t key, std::size_t value) {
    const JsonToken& token = tape_[value];
    if (token.kind == Kind::null) {
      if (field->null_value) append_null_value(values_of(field));
      return std::nullopt;
    }
    if (field->type == FieldType::dense_vector) return parse_vector(field, object, key);
    if (token.kind == Kind::array) {
      for (std::size_t element = value + 1; element < token.next; element = tape_[element].next) {
        if (auto refusal = parse_field(field, object, key, element)) return refusal;
      }
      return std::nullopt;
    }
    if (token.kind == Kind::object) return object_for_field(*field, value);
    if (auto refusal = append(field, value)) return refusal;
    for (const FieldPtr& sub_field : field->fields) {
      if (auto refusal = append(sub_field, value)) return refusal;
    }
    return std::nullopt;
  }

  Refusal append(const FieldPtr& field, std::size_t value) {
    auto error = append_value(values_of(field), tape_, value);
    if (!error) return std::nullopt;
    if (field->ignore_malformed) {
      values_of(field).ignored = true;
      return std::nullopt;
    }
    return field_error(field->path, to_string(field->type), tape_[value].begin, std::move(*error));
  }

  Refusal parse_vector(FieldPtr field, std::size_t object, std::size_t key) {
    const std::size_t array = key + 1;
    if (values_index_.contains(field->path)) {
      return wrap(tape_[array].begin,
                  illegal_argument("Field [" + field->path +
                                   "] of type [dense_vector] doesn't support indexing multiple values "
                                   "for the same field in the same document"));
    }
    std::vector<float> vector;
    if (auto refusal = read_vector(*field, array, vector)) return refusal;
    const std::size_t end = tape_[array].end - 1;
    const int size = static_cast<int>(vector.size());
    if (field->dims == 0) {
      if (size < 1 || size > k_max_dims) {
        return wrap(end, {400, "mapper_parsing_exception",
                          "The number of dimensions should be in the range [1, 4096] but was [" +
                              std::to_string(size) + "]"});
      }
      field = with_dims(*field, size);
      growing().replace(field);
    } else if (size != field->dims) {
      return wrap(
          end, illegal_argument("The [dense_vector] field [" + field->path + "] in doc [document with id '" +
                                id_ + "'] has a different number of dimensions [" + std::to_string(size) +
                                "] than defined in the mapping [" + std::to_string(field->dims) + "]"));
    }
    if (auto refusal = check_vector(*field, vector, end)) return refusal;
    if (cut_vectors_) vectors_.push_back({object, key, field->path, vector});
    values_of(field).vector = std::move(vector);
    return std::nullopt;
  }

  Refusal read_vector(const Field& field, std::size_t array, std::vector<float>& vector) const {
    if (tape_[array].kind != Kind::array) {  // Elasticsearch's parser looks at the token that follows
      const std::size_t next = array + 1;
      const bool has_next = next < tape_.size() && tape_[next].kind == Kind::key;
      std::size_t where = has_next ? tape_[next].begin : tape_.text().find('}', tape_[array].end);
      return number_expected(where, has_next ? "FIELD_NAME" : "END_OBJECT");
    }
    const int most = field.dims > 0 ? field.dims : k_max_dims;
    vector.reserve(std::min<std::size_t>(tape_[array].size, static_cast<std::size_t>(most)));
    for (std::size_t element = array + 1; element < tape_[array].next; element = tape_[element].next) {
      const JsonToken& token = tape_[element];
      if (token.kind != Kind::number) return number_expected(token.begin, rest::event_name(token.kind));
      if (static_cast<int>(vector.size()) == most) {
        if (field.dims == 0) {
          return wrap(token.begin, {400, "mapper_parsing_exception",
                                    "The number of dimensions should be in the range [1, 4096] but was [" +
                                        std::to_string(tape_[array].size) + "]"});
        }
        return wrap(token.begin, illegal_argument("The [dense_vector] field [" + field.path +
                                                  "] in doc [document with id '" + id_ +
                                                  "'] has more dimensions than defined in the mapping [" +
                                                  std::to_string(field.dims) + "]"));
      }
      vector.push_back(parse_float(token.text).value_or(0.0F));  // a JSON number always parses
    }
    return std::nullopt;
  }

  Refusal check_vector(const Field& field, const std::vector<float>& vector, std::size_t end) const {
    float squared = 0.0F;
    for (std::size_t i = 0; i < vector.size(); ++i) {
      if (!std::isfinite(vector[i])) {
        return wrap(
            end, illegal_argument("element_type [float] vectors do not support infinite values but found [" +
                                  std::string(vector[i] < 0 ? "-Infinity" : "Infinity") + "] at dim [" +
                                  std::to_string(i) + "]; " + preview(vector)));
      }
      squared += vector[i] * vector[i];
    }
    if (!field.indexed) return std::nullopt;
    if (field.similarity == VectorSimilarity::cosine && !(std::sqrt(squared) > 0.0F)) {
      return wrap(end,
                  illegal_argument("The [cosine] similarity does not support vectors with zero magnitude. " +
                                   preview(vector)));
    }
    if (field.similarity == VectorSimilarity::dot_product &&
        !(std::abs(squared - 1.0F) < k_unit_length_tolerance)) {
      return wrap(
          end, illegal_argument("The [dot_product] similarity can only be used with unit-length vectors. " +
                                preview(vector)));
    }
    return std::nullopt;
  }

  static std::string preview(const std::vector<float>& vector) {
    constexpr std::size_t k_shown = 5;
    std::string text = "Preview of invalid vector: [";
    for (std::size_t i = 0; i < std::min(vector.size(), k_shown); ++i) {
      if (i > 0) text += ", ";
      text += std::isfinite(vector[i]) ? java_float(vector[i]) : (vector[i] < 0 ? "-Infinity" : "Infinity");
    }
    return text + (vector.size() > k_shown ? ", ...]" : "]");
  }

  FieldValues& values_of(const FieldPtr& field) {
    const auto [place, is_new] = values_index_.try_emplace(field->path, values_.size());
    if (is_new) values_.emplace_back().field = field;
    return values_[place->second];
  }

  /// Removes the vectors' members from the source and notes how each goes back.
  void cut(PreparedDocument& document) {
    std::sort(vectors_.begin(), vectors_.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    const std::string_view text = tape_.text();
    std::size_t copied = 0;
    std::size_t kept_object = 0;       // the object of the last look below,
    bool member_stays_before = false;  // and whether a member that stays comes before
    std::size_t looked_until = 0;
    for (VectorMember& member : vectors_) {
      if (member.object != kept_object || looked_until == 0) {
        kept_object = member.object;
        looked_until = member.object + 1;
        member_stays_before = false;
      }
      member_stays_before = member_stays_before || looked_until < member.key;
      const std::size_t value = member.key + 1;
      looked_until = tape_[value].next;
      const bool more = looked_until < tape_[member.object].next;
      // The comma that goes is the one in front if a member stays there, else the one behind.
      std::size_t begin = tape_[member.key].begin, end = tape_[value].end;
      if (member_stays_before) {
        begin = text.rfind(',', begin);
      } else if (more) {
        end = text.find(',', end) + 1;
      }
      document.source.append(text, copied, begin - copied);
      CutVector& vector = document.vectors.emplace_back();
      vector.path = std::move(member.path);
      vector.offset = document.source.size();
      vector.before = text.substr(begin, tape_[value].begin - begin);
      vector.after = text.substr(tape_[value].end, end - tape_[value].end);
      vector.values = std::move(member.values);
      copied = end;
    }
    document.source.append(text, copied, text.size() - copied);
  }

  std::string position(std::size_t offset) const {
    const auto [line, column] = rest::line_and_column(tape_.text(), offset);
    return "[" + std::to_string(line) + ":" + std::to_string(column) + "] ";
  }

  ElasticError at(std::size_t offset, const std::string& what) const {
    return {400, "document_parsing_exception", position(offset) + what};
  }

  /// `[1:26] failed to parse: ...` around a cause.
  ElasticError wrap(std::size_t offset, ElasticError cause) const {
    ElasticError error = at(offset, "failed to parse: " + cause.reason);
    error.root_is_cause = cause.type == "parsing_exception" || cause.type == "mapper_parsing_exception";
    error.causes.push_back(std::move(cause));
    return error;
  }

  ElasticError number_expected(std::size_t offset, const std::string& found) const {
    ElasticError cause{
        400, "parsing_exception",
        "Failed to parse object: expecting token of type [VALUE_NUMBER] but found [" + found + "]"};
    std::tie(cause.line, cause.column) = rest::line_and_column(tape_.text(), offset);
    return wrap(offset, std::move(cause));
  }

  ElasticError field_error(const std::string& path, const char* type, std::size_t offset,
                           ValueError error) const {
    ElasticError outer =
        at(offset, "failed to parse field [" + path + "] of type [" + type + "] in document with id '" + id_ +
                       "'. Preview of field's value: '" +
                       error.preview.substr(0, k_longest_preview_bytes) + "'");
    outer.root_is_cause = error.cause.type == "document_parsing_exception";
    outer.causes.push_back(std::move(error.cause));
    return outer;
  }

  Refusal object_for_field(const Field& field, std::size_t value) const {
    const auto [line, column] = rest::line_and_column(tape_.text(), tape_[value].begin);
    std::string map(tape_.raw(value).substr(0, k_longest_preview_bytes));
    std::erase_if(map, [](char c) { return c == '"'; });
    std::replace(map.begin(), map.end(), ':', '=');
    const std::string reason = is_number(field.type) ? "Cannot parse object as number"
                                                     : "Expected text at " + std::to_string(line) + ":" +
                                                           std::to_string(column) + " but found START_OBJECT";
    return field_error(field.path, to_string(field.type), tape_[value].end - 1,
                       {{400, "illegal_argument_exception", reason}, map});
  }

  Refusal under_a_field(const Field& field, const std::string& rest, std::size_t value) const {
    const auto [line, column] = rest::line_and_column(tape_.text(), tape_[value - 1].begin);
    return field_error(
        field.path, to_string(field.type), tape_[value].end,
        {{400, "illegal_state_exception",
          "Can't get text on a START_OBJECT at " + std::to_string(line) + ":" + std::to_string(column)},
         "{" + rest + "=" + std::string(tape_[value].text) + "}"});
  }

  const JsonTape& tape_;
  std::string id_;
  std::shared_ptr<const Mapping> mapping_;
  std::shared_ptr<Mapping> grown_;  // what mapping_ is, once it is a copy
  bool cut_vectors_;
  const MappingLimits& limits_;
  const std::size_t known_;  // fields of the given mapping
  std::vector<FieldValues> values_;
  std::unordered_map<std::string, std::size_t> values_index_;
  std::vector<VectorMember> vectors_;
};

}  // namespace

Answer<PreparedDocument> prepare_document(std::string_view source, const std::string& id,
                                          std::shared_ptr<const Mapping> mapping, bool cut_vectors,
                                          const MappingLimits& limits) {
  const ElasticError no_object{400, "document_parsing_exception",
                               "Malformed content, must start with an object"};
  if (source.find_first_not_of(" \t\r\n") == std::string_view::npos) return no_object;
  std::size_t last_token = 0;
  auto tape = JsonTape::parse(source, &last_token);
  // The mark is no part of what is kept.
  if (const auto unmarked = json::without_byte_order_mark(source); tape && unmarked.size() < source.size())
    tape = JsonTape::parse(unmarked);
  if (!tape) {
    ElasticError cause = std::move(tape).error();
    if (cause.type == "illegal_argument_exception") return cause;
    const auto [line, column] = rest::line_and_column(source, last_token);
    ElasticError error{
        400, "document_parsing_exception",
        "[" + std::to_string(line) + ":" + std::to_string(column) + "] failed to parse: " + cause.reason};
    error.causes.push_back(std::move(cause));
    return error;
  }
  if ((*tape)[0].kind != Kind::object) return no_object;
  DocumentParser parser(*tape, id, std::move(mapping), cut_vectors, limits);
  if (auto refusal = parser.parse()) return *refusal;
  return parser.finish();
}

std::string with_vectors(std::string_view source, const std::vector<CutVector>& vectors) {
  std::string out;
  std::size_t copied = 0;
  for (const CutVector& vector : vectors) {
    out.append(source, copied, vector.offset - copied);
    out += vector.before;
    append_float_array(out, vector.values);
    out += vector.after;
    copied = vector.offset;
  }
  return out.append(source, copied);
}

}  // namespace sightline::elastic
