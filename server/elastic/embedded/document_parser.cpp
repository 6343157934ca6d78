#include "server/elastic/embedded/document_parser.h"

#include <algorithm>
#include <unordered_map>

#include "base/cancellation.h"
#include "base/float_text.h"
#include "server/elastic/embedded/date.h"
#include "server/elastic/embedded/failures.h"
#include "server/elastic/embedded/search/vector_math.h"
#include "server/elastic/rest/document_id.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using Kind = rest::JsonToken::Kind;
using rest::JsonTape;
using rest::JsonToken;

/// Bytes of a value that an error shows.
constexpr std::size_t k_longest_shown_bytes = 200;

constexpr std::string_view k_document_error = "document_parsing_exception";

/// Values of a document, each counted for each field and multi-field that takes it, and their bytes in memory. Beside
/// this, documents may always have the copies that dynamic mapping makes: it takes each text twice.
constexpr std::size_t k_most_values = 1'000'000, k_most_value_bytes = 100u << 20;
constexpr std::size_t k_usual_copies = 2;
constexpr std::size_t k_fewest_vector_dims = 128;
constexpr const char* k_objects = R"({"type":"ObjectMapper"})";  // marks an object, or an array of objects
constexpr const char* k_text = R"({"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":256}}})";

/// The mapping for a value, as JSON.
std::string mapping_of(const JsonToken& token) {
  const std::string_view text = token.text;
  switch (token.kind) {
    case Kind::true_:
    case Kind::false_:
      return R"({"type":"boolean"})";
    case Kind::number:
      return text.find_first_of(".eE") == text.npos ? R"({"type":"long"})" : R"({"type":"float"})";
    case Kind::object:
      return k_objects;
    default:
      break;
  }
  if (parse_double(text)) return k_text;
  if (parse_date(text, "strict_date_optional_time")) return R"({"type":"date"})";
  if (parse_date(text, "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd"))
    return R"({"type":"date","format":")" + std::string(k_slash_date_format) + "\"}";
  return k_text;
}

std::string type_in(const std::string& mapping) {
  const std::size_t begin = mapping.find(":\"") + 2;
  return mapping.substr(begin, mapping.find('"', begin) - begin);
}

/// The place of an object in the document: the path to its mapping.
struct Place {
  std::string prefix;  // "" or "a.b."
  Dynamic dynamic = Dynamic::yes;
};

class DocumentParser {
 public:
  DocumentParser(const JsonTape& tape, std::string id, GrowingMapping& mapping, bool cut_vectors,
                 const MappingLimits& limits)
      : tape_(tape),
        id_(std::move(id)),
        mapping_(mapping),
        cut_vectors_(cut_vectors),
        limits_(limits),
        known_(mapping_->size()) {}

  void parse() { parse_object(0, {"", mapping_->root().dynamic.value_or(Dynamic::yes)}); }

  PreparedDocument finish() {
    PreparedDocument document;
    document.values.id = id_;
    document.values.fields = std::move(values_);
    cut(document);
    return document;
  }

 private:
  /// A member with a vector, which will be cut from the source.
  struct VectorMember {
    std::size_t object, key;
    std::string path;
    std::vector<float> values;
  };

  /// Changes the mapping. An error gets the position of the value.
  template <class Change>
  void grow(const std::string& path, std::size_t value, const Change& change) {
    try {
      mapping_.change(path, change);
    } catch (const Refused& refused) {
      fail(value, refused.error.reason);
    }
  }

  void parse_object(std::size_t object, const Place& place) {
    for (std::size_t key = object + 1; key < tape_[object].next; key = tape_[key + 1].next)
      parse_member(object, key, place);
  }

  void parse_member(std::size_t object, std::size_t key, const Place& place) {
    std::string name(tape_[key].text);
    check_cancelled();
    check_name(name, key, place);
    while (name.ends_with('.')) name.pop_back();
    const std::string path = place.prefix + name;
    Dynamic dynamic = place.dynamic;
    for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
      const MappingNode* parent = mapping_->node(place.prefix + name.substr(0, dot));
      if (parent == nullptr) continue;
      if (parent->field) fail_field(*parent->field, key + 1, "an object is where a value is expected");
      if (!parent->enabled) return;
      dynamic = parent->dynamic.value_or(dynamic);
    }
    const MappingNode* node = mapping_->node(path);
    if (node == nullptr) return parse_unmapped(object, key, path, dynamic);
    if (node->field) {
      const FieldPtr field = node->field;  // the node may be replaced
      return parse_field(field, object, key, key + 1);
    }
    if (!node->enabled) return;
    return parse_into_object(key + 1, path, name, node->dynamic.value_or(dynamic));
  }

  void check_name(const std::string& name, std::size_t key, const Place& place) const {
    if (is_blank(name) || name.front() == '.' || name.find("..") != std::string::npos)
      fail(key, "field name cannot be blank, begin with a dot or hold two: [" + shortened(name) + "]");
    const auto dots =
        std::count(place.prefix.begin(), place.prefix.end(), '.') + std::count(name.begin(), name.end(), '.');
    if (static_cast<std::size_t>(dots) >= k_deepest_mapping) {
      fail(key, "Limit of mapping depth [" + std::to_string(k_deepest_mapping) +
                    "] has been exceeded due to a field name of [" + std::to_string(dots + 1) + "] levels");
    }
    const std::string top = name.substr(0, name.find('.'));
    if (!place.prefix.empty() || !rest::is_metadata_field(top)) return;
    fail(key, "Field [" + top + "] is a metadata field and cannot be added inside a document");
  }

  /// The value of a member that is mapped as an object.
  void parse_into_object(std::size_t value, const std::string& path, const std::string& name, Dynamic dynamic) {
    switch (tape_[value].kind) {
      case Kind::null:
        return;
      case Kind::object:
        return parse_object(value, {path + ".", dynamic});
      case Kind::array:
        for (std::size_t element = value + 1; element < tape_[value].next; element = tape_[element].next)
          parse_into_object(element, path, "null", dynamic);
        return;
      default:
        fail(value, "object mapping for [" + path + "] tried to parse field [" + name +
                        "] as object, but found a concrete value");
    }
  }

  /// The mapping for the concrete values of an array, through nested arrays: that of the first value. Refuses an array
  /// of several types.
  void survey(const std::string& path, std::size_t array, std::string& mapping) const {
    for (std::size_t element = array + 1; element < tape_[array].next; element = tape_[element].next) {
      const JsonToken& token = tape_[element];
      if (token.kind == Kind::array) survey(path, element, mapping);
      if (token.kind == Kind::array || token.kind == Kind::null) continue;
      const std::string found = mapping_of(token);
      if (mapping.empty()) mapping = found;
      if (type_in(found) != type_in(mapping)) {
        refuse(illegal_argument("mapper [" + path + "] cannot be changed from type [" + type_in(mapping) + "] to [" +
                                type_in(found) + "]"));
      }
    }
  }

  /// The mapping of an unknown field, by Elasticsearch's dynamic mapping: strings become text with a `keyword`
  /// multi-field, or dates; whole numbers long, others float; 128 to 4096 decimal numbers in an array a dense_vector.
  /// Empty if the value has no type: only nulls, or empty. k_objects for objects.
  std::string infer_mapping(const std::string& path, std::size_t value) const {
    const JsonToken& token = tape_[value];
    if (token.kind != Kind::array) return mapping_of(token);
    std::string mapping;
    survey(path, value, mapping);
    const bool flat = token.next == value + 1 + token.size;  // no arrays within
    const bool vector = flat && token.size >= k_fewest_vector_dims && token.size <= std::size_t{k_max_dims} &&
                        tape_[value + 1].kind == Kind::number && type_in(mapping) == "float";
    return vector ? R"({"type":"dense_vector","dims":)" + std::to_string(token.size) + "}" : mapping;
  }

  void parse_unmapped(std::size_t object, std::size_t key, const std::string& path, Dynamic dynamic) {
    const std::size_t value = key + 1;
    if (dynamic == Dynamic::no) return;
    if (dynamic == Dynamic::strict) {
      const std::size_t dot = path.rfind('.');
      const std::string parent = dot == std::string::npos ? "_doc" : path.substr(0, dot);
      refuse({400, "strict_dynamic_mapping_exception",
              position(value) + "mapping set to strict, dynamic introduction of [" + path.substr(dot + 1) +
                  "] within [" + parent + "] is not allowed"});
    }
    if (tape_[value].kind == Kind::null) return;
    const std::string inferred = infer_mapping(path, value);
    if (inferred == k_objects) {
      grow(path, value, [&](Mapping& mapping) { mapping.add_object(path, limits_, known_); });
      return parse_into_object(value, path, path, dynamic);
    }
    if (inferred.empty()) return;
    const auto tape = accepted(JsonTape::parse(inferred));
    const FieldPtr field = elastic::parse_field(path, JsonView(tape, 0));
    grow(path, value, [&](Mapping& mapping) { mapping.add(field, limits_, known_); });
    parse_field(field, object, key, value);
  }

  void parse_field(const FieldPtr& field, std::size_t object, std::size_t key, std::size_t value) {
    const JsonToken& token = tape_[value];
    if (token.kind == Kind::null) return;
    if (field->type == FieldType::dense_vector) return parse_vector(field, object, key);
    if (token.kind == Kind::array) {
      for (std::size_t element = value + 1; element < token.next; element = tape_[element].next)
        parse_field(field, object, key, element);
      return;
    }
    if (token.kind == Kind::object) fail_field(*field, value, "an object is where a value is expected");
    append(field, value);
    for (const FieldPtr& sub_field : field->fields) append(sub_field, value);
  }

  /// Multi-fields multiply the values, so each copy is counted before it is made.
  void append(const FieldPtr& field, std::size_t value) {
    check_cancelled();
    ++taken_values_;
    taken_bytes_ += sizeof(std::string) + tape_[value].text.size();
    const std::size_t most_values = std::max(k_most_values, k_usual_copies * tape_.size());
    const std::size_t most_bytes = k_most_value_bytes + k_usual_copies * tape_.text().size();
    if (taken_values_ > most_values || taken_bytes_ > most_bytes) {
      fail(value, "the fields and multi-fields of the document take more than [" + std::to_string(most_values) +
                      "] values or [" + std::to_string(most_bytes) + "] bytes; map fewer multi-fields, or send less");
    }
    if (const auto fault = append_value(*field, values_of(*field), tape_[value])) fail_field(*field, value, *fault);
  }

  void parse_vector(FieldPtr field, std::size_t object, std::size_t key) {
    const std::size_t array = key + 1;
    if (values_index_.contains(field->path)) fail_field(*field, array, "a document may have one vector of it");
    std::vector<float> vector = read_vector(*field, array);
    const int size = static_cast<int>(vector.size());
    if (size < 1 || (field->dims != 0 && size != field->dims)) {
      fail_field(*field, array,
                 "it has a different number of dimensions [" + std::to_string(size) +
                     "] than defined in the mapping [" + std::to_string(field->dims) + "]");
    }
    if (field->dims == 0)
      grow(field->path, array, [&](Mapping& mapping) { mapping.replace(field = with_dims(*field, size)); });
    // Vectors that are stored but not indexed only need a finite magnitude.
    const auto similarity = field->indexed ? field->similarity : VectorSimilarity::l2_norm;
    if (const std::string fault = unfit_for(similarity, vector); !fault.empty()) fail_field(*field, array, fault);
    if (cut_vectors_) vectors_.push_back({object, key, field->path, vector});
    values_of(*field).vector = std::move(vector);
  }

  std::vector<float> read_vector(const Field& field, std::size_t array) const {
    if (tape_[array].kind != Kind::array) fail_field(field, array, "a list of numbers was expected");
    const auto most = static_cast<std::size_t>(field.dims > 0 ? field.dims : k_max_dims);
    if (tape_[array].size > most) {
      fail_field(
          field, array,
          "it has more dimensions [" + std::to_string(tape_[array].size) + "] than [" + std::to_string(most) + "]");
    }
    std::vector<float> vector;
    vector.reserve(tape_[array].size);
    for (std::size_t element = array + 1; element < tape_[array].next; element = tape_[element].next) {
      const JsonToken& token = tape_[element];
      if (token.kind != Kind::number) fail_field(field, element, "a number was expected");
      vector.push_back(parse_float(token.text).value_or(0.0F));  // a JSON number always parses
    }
    return vector;
  }

  FieldValues& values_of(const Field& field) {
    const auto [place, is_new] = values_index_.try_emplace(field.path, values_.size());
    if (is_new) values_.push_back({field.path, field.type, field.similarity});
    return values_[place->second];
  }

  /// Removes the vectors' members from the source, and records how to put each back.
  void cut(PreparedDocument& document) {
    std::sort(vectors_.begin(), vectors_.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    const std::string_view text = tape_.text();
    document.source.reserve(text.size());
    std::size_t copied = 0;
    std::size_t object = 0, next = 0;  // of the previous member, and the token after it
    bool member_stays_before = false;
    for (VectorMember& member : vectors_) {
      if (member.object != object || next == 0) {
        object = member.object;
        next = object + 1;
        member_stays_before = false;
      }
      member_stays_before = member_stays_before || next < member.key;
      const std::size_t value = member.key + 1;
      next = tape_[value].next;
      const bool more = next < tape_[object].next;
      // A comma is removed with the member: the one before it if a member remains there, else the one after it.
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

  std::string position(std::size_t token) const {
    const auto [line, column] = rest::line_and_column(tape_.text(), tape_[token].begin);
    return "[" + std::to_string(line) + ":" + std::to_string(column) + "] ";
  }

  [[noreturn]] void fail(std::size_t token, const std::string& what) const {
    refuse({400, std::string(k_document_error), position(token) + "failed to parse: " + what});
  }

  [[noreturn]] void fail_field(const Field& field, std::size_t value, const std::string& what) const {
    fail(value, "field [" + field.path + "] of type [" + to_string(field.type) + "] in document with id '" + id_ +
                    "': " + what + ", found " + shortened(tape_.raw(value).substr(0, k_longest_shown_bytes)));
  }

  const JsonTape& tape_;
  std::string id_;
  GrowingMapping& mapping_;
  bool cut_vectors_;
  const MappingLimits& limits_;
  const std::size_t known_;  // fields of the given mapping
  std::size_t taken_values_ = 0, taken_bytes_ = 0;
  std::vector<FieldValues> values_;
  std::unordered_map<std::string, std::size_t> values_index_;
  std::vector<VectorMember> vectors_;
};

}  // namespace

PreparedDocument prepare_document(std::string_view source, const std::string& id, GrowingMapping& mapping,
                                  bool cut_vectors, const MappingLimits& limits) {
  auto tape = JsonTape::parse(source);
  // The byte order mark is not stored.
  if (const auto unmarked = json::without_byte_order_mark(source); tape && unmarked.size() < source.size())
    tape = JsonTape::parse(unmarked);
  if (!tape && tape.error().type == "illegal_argument_exception") refuse(tape.error());
  if (!tape) refuse({400, std::string(k_document_error), "failed to parse: " + tape.error().reason});
  if ((*tape)[0].kind != Kind::object)
    refuse({400, std::string(k_document_error), "Malformed content, must start with an object"});
  DocumentParser parser(*tape, id, mapping, cut_vectors, limits);
  parser.parse();
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
