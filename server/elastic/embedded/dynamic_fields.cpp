#include "server/elastic/embedded/dynamic_fields.h"

#include <algorithm>

#include "server/elastic/embedded/date.h"
#include "server/elastic/embedded/field_parser.h"
#include "server/elastic/embedded/value_parser.h"

namespace sightline::elastic {
namespace {

using Kind = rest::JsonToken::Kind;

constexpr std::size_t k_fewest_vector_dims = 128, k_most_vector_dims = 4096;
constexpr const char* k_text =
    R"({"type":"text","fields":{"keyword":{"type":"keyword","ignore_above":256}}})";

bool is_whole(std::string_view number) {
  return number.find_first_of(".eE") == std::string_view::npos;
}

/// The mapping that a text asks for, as JSON.
std::string mapping_of_string(std::string_view text) {
  if (parse_double(text)) return k_text;
  if (parse_date(text, "strict_date_optional_time")) return R"({"type":"date"})";
  if (parse_date(text, "yyyy/MM/dd HH:mm:ss||yyyy/MM/dd"))
    return R"({"type":"date","format":")" + std::string(k_slash_date_format) + "\"}";
  return k_text;
}

std::string mapping_of(const rest::JsonToken& token) {
  switch (token.kind) {
    case Kind::true_:
    case Kind::false_:
      return R"({"type":"boolean"})";
    case Kind::number:
      return is_whole(token.text) ? R"({"type":"long"})" : R"({"type":"float"})";
    default:
      return mapping_of_string(token.text);
  }
}

/// What the elements of an array, nested arrays too, have in common.
struct Survey {
  std::string mapping = {};  // of the first concrete value
  bool objects = false;
};

std::string type_in(const std::string& mapping) {
  const std::size_t begin = mapping.find(":\"") + 2;
  return mapping.substr(begin, mapping.find('"', begin) - begin);
}

void survey_array(Survey& survey, const std::string& path, const rest::JsonTape& tape,
                  std::size_t array) {
  for (std::size_t element = array + 1; element < tape[array].next; element = tape[element].next) {
    const rest::JsonToken& token = tape[element];
    if (token.kind == Kind::null) continue;
    if (token.kind == Kind::array) {
      survey_array(survey, path, tape, element);
      continue;
    }
    const std::string found =
        token.kind == Kind::object ? R"({"type":"ObjectMapper"})" : mapping_of(token);
    if (survey.mapping.empty()) survey.mapping = found;
    survey.objects = survey.objects || token.kind == Kind::object;
    if (type_in(found) != type_in(survey.mapping)) {
      refuse(illegal_argument("mapper [" + path + "] cannot be changed from type [" + type_in(survey.mapping) +
                              "] to [" + type_in(found) + "]"));
    }
  }
}

}  // namespace

InferredField infer_field(const std::string& path, const rest::JsonTape& tape, std::size_t value) {
  InferredField inferred;
  const rest::JsonToken& token = tape[value];
  std::string field_mapping;
  if (token.kind == Kind::array) {
    Survey survey;
    survey_array(survey, path, tape, value);
    inferred.objects = survey.objects;
    if (survey.objects || survey.mapping.empty()) return inferred;
    field_mapping = survey.mapping;
    const bool flat = token.next == value + 1 + token.size;  // no arrays within
    if (flat && type_in(field_mapping) == "float" && tape[value + 1].kind == Kind::number &&
        token.size >= k_fewest_vector_dims && token.size <= k_most_vector_dims) {
      field_mapping = R"({"type":"dense_vector","dims":)" + std::to_string(token.size) + "}";
    }
  } else {
    field_mapping = mapping_of(token);
  }
  const auto body = rest::JsonTape::parse(field_mapping);
  inferred.field = parse_field(path, JsonView(*body, 0));  // the mappings above are right
  return inferred;
}

}  // namespace sightline::elastic
