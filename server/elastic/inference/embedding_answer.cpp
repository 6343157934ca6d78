#include "server/elastic/inference/embedding_answer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/json/document.h"

namespace sightline::elastic {
namespace {

// 1,000 vectors of 8,192 numbers, and what is around them.
constexpr json::Limits k_answer_limits{.max_values = 10'000'000};
constexpr std::size_t k_max_path_bytes = 1000;  // following it recurses

/// What a path leads to: a value of the answer, or a list gathered by `[*]`.
struct Extracted {
  const rapidjson::Value* value = nullptr;
  std::vector<Extracted> items = {};
  bool is_list() const { return !value || value->IsArray(); }
};

const char* java_class(const rapidjson::Value& value) {
  if (value.IsString()) return "String";
  if (value.IsBool()) return "Boolean";
  if (value.IsObject()) return "LinkedHashMap";
  if (value.IsArray()) return "ArrayList";
  if (value.IsInt()) return "Integer";
  if (value.IsInt64()) return "Long";
  if (value.IsNumber()) return "Double";
  return "null";
}

/// Name of the list that the path meets at that depth, for messages: "data", then "data.embedding".
std::string list_name(std::string_view path, int depth) {
  std::string names;
  for (std::size_t at = 1; at < path.size();) {
    const std::size_t end = std::min(path.find_first_of(".[", at + 1), path.size());
    const auto step = path.substr(at, end - at);
    if (step == "[*]") {
      if (depth-- == 0) break;
    } else {
      names += (names.empty() ? "" : ".") + std::string(step.substr(1));
    }
    at = end;
  }
  return names;
}

std::string not_a(const char* pattern, const char* kind, std::string_view path, const rapidjson::Value& value) {
  return "Current path [" + std::string(path) + "] matched the " + pattern +
         " pattern but the current object is not a " + kind + ", found invalid type [" + java_class(value) +
         "] instead.";
}

/// Follows a path, as Elasticsearch's MapPathExtractor does: nested `[*]` keep their nesting.
Answer<Extracted> follow(const rapidjson::Value& value, std::string_view path) {
  if (path.empty()) return Extracted{&value};
  if (path.starts_with("[*]")) {
    if (!value.IsArray()) return illegal_argument(not_a("array field", "list", path, value));
    path.remove_prefix(3);
    if (path.empty()) return Extracted{&value};
    Extracted list;
    list.items.reserve(value.Size());
    for (const auto& item : value.GetArray()) {
      auto extracted = follow(item, path);
      if (!extracted) return extracted;
      list.items.push_back(std::move(*extracted));
    }
    return list;
  }
  const auto name = path.front() == '.' ? path.substr(1, std::min(path.find_first_of(".[", 1), path.size()) - 1) : "";
  if (name.empty()) {
    return illegal_argument("Invalid path received [" + std::string(path) + "], unable to extract a field name.");
  }
  if (!value.IsObject()) return illegal_argument(not_a("dot field", "map", path, value));
  const rapidjson::Value key(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size())));
  const auto found = value.FindMember(key);
  if (found == value.MemberEnd() || found->value.IsNull()) {
    return illegal_argument("Unable to find field [" + std::string(name) + "] in map");
  }
  return follow(found->value, path.substr(1 + name.size()));
}

Answer<float> to_float(const rapidjson::Value& value, const std::string& name) {
  if (!value.IsNumber()) {
    return illegal_argument("Unable to convert field [" + name + "] of type [" + java_class(value) + "] to Number");
  }
  const double number = value.GetDouble();
  if (!(std::abs(number) <= static_cast<double>(std::numeric_limits<float>::max()))) {
    return illegal_argument("field [" + name + "] holds a number outside of float32");
  }
  return static_cast<float>(number);
}

Answer<std::vector<float>> to_vector(const Extracted& entry, const std::string& name) {
  if (!entry.is_list()) {
    return illegal_argument("Extracted field [" + name + "] is an invalid type, expected a list but received [" +
                            java_class(*entry.value) + "]");
  }
  const std::size_t size = entry.value ? entry.value->Size() : entry.items.size();
  if (size == 0) return illegal_argument("field [" + name + "] holds an empty vector");
  std::vector<float> vector;
  vector.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    const rapidjson::Value* item =
        entry.value ? &(*entry.value)[static_cast<rapidjson::SizeType>(i)] : entry.items[i].value;
    auto number =
        item ? to_float(*item, name)
             : Answer<float>(illegal_argument("Unable to convert field [" + name + "] of type [ArrayList] to Number"));
    if (!number) {
      return illegal_argument("Failed to parse list entry [" + std::to_string(i) +
                              "], error: " + number.error().reason);
    }
    vector.push_back(*number);
  }
  return vector;
}

}  // namespace

Answer<rapidjson::Document> parse_answer(std::string_view body) {
  rapidjson::Document document;
  const json::Fault fault = json::read_document(body, document, k_answer_limits);
  if (!fault) return document;
  return ElasticError{400, "x_content_parse_exception",
                      "[1:" + std::to_string(fault.offset + 1) +
                          "] the answer cannot be read as JSON: " + json::message(fault, k_answer_limits)};
}

Answer<Embeddings> parse_embeddings(std::string_view body, std::string_view path) {
  const auto document = parse_answer(body);
  if (!document) return document.error();
  if (!document->IsObject()) {
    return ElasticError{400, "x_content_parse_exception",
                        std::string("the answer must be a JSON object but is of type [") + java_class(*document) + "]"};
  }
  return embeddings_at(*document, path);
}

Answer<Embeddings> embeddings_at(const rapidjson::Value& answer, std::string_view path) {
  if (!path.starts_with('$'))
    return illegal_argument("Path [" + std::string(path) + "] must start with a dollar sign ($)");
  if (path.size() > k_max_path_bytes)
    return illegal_argument("the path to the embeddings is longer than 1000 characters");
  auto extracted = follow(answer, path.substr(1));
  if (!extracted) return extracted.error();
  if (!extracted->is_list()) {
    return illegal_argument("Extracted field [" + list_name(path, 0) +
                            "] is an invalid type, expected a list but received [" + java_class(*extracted->value) +
                            "]");
  }
  Embeddings embeddings;
  const std::size_t size = extracted->value ? extracted->value->Size() : extracted->items.size();
  embeddings.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    const Extracted entry = extracted->value ? Extracted{&(*extracted->value)[static_cast<rapidjson::SizeType>(i)]}
                                             : std::move(extracted->items[i]);
    auto vector = to_vector(entry, list_name(path, 1));
    if (!vector) {
      return illegal_argument("Failed to parse text embedding entry [" + std::to_string(i) +
                              "], error: " + vector.error().reason);
    }
    embeddings.push_back(std::move(*vector));
  }
  return embeddings;
}

}  // namespace sightline::elastic
