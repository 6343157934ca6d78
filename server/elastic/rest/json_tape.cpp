#include "server/elastic/rest/json_tape.h"

#include <algorithm>

#include "server/elastic/rest/json_error.h"

namespace sightline::elastic::rest {
namespace {

Answer<rapidjson::Document> parse_document(std::string_view text, json::Numbers numbers, json::Strings strings) {
  rapidjson::Document document;
  const json::Fault fault = json::read_document(text, document, k_json_limits, strings, numbers);
  if (!fault && json::find_duplicate_name(document) == nullptr) return document;
  const auto tape = JsonTape::parse(text);  // knows how Elasticsearch words it
  return tape ? json_syntax_error(text, fault) : tape.error();
}

}  // namespace

/// Takes the reader's tokens and notes where each stands.
class JsonTapeBuilder {
 public:
  explicit JsonTapeBuilder(JsonTape& tape) : tape_(tape) {}

  bool scalar(json::Kind kind, std::string_view text, json::Place place) {
    JsonToken& token = append(kind, place);
    const bool decoded = kind == json::Kind::string || kind == json::Kind::key;
    const bool plain = !decoded || place.end - place.begin == text.size() + 2;
    token.text = plain ? text : std::string_view(tape_.decoded_.emplace_back(text));
    return true;
  }
  bool key(std::string_view decoded, json::Place place) { return scalar(json::Kind::key, decoded, place); }
  bool open(json::Kind kind, std::size_t offset) {
    open_.push_back(tape_.tokens_.size());
    append(kind, {offset, offset + 1});
    return true;
  }
  bool close(json::Kind kind, std::size_t size, std::size_t end) {
    const std::size_t closed = open_.back();
    open_.pop_back();
    JsonToken& token = tape_.tokens_[closed];
    token.size = static_cast<std::uint32_t>(size);
    token.next = static_cast<std::uint32_t>(tape_.tokens_.size());
    token.end = end;
    return kind == json::Kind::array || keys_differ(closed);
  }

  const JsonToken* duplicate() const { return duplicate_; }

 private:
  JsonToken& append(json::Kind kind, json::Place place) {
    JsonToken token;
    token.kind = kind;
    token.begin = place.begin;
    token.end = place.end;
    token.next = static_cast<std::uint32_t>(tape_.tokens_.size() + 1);
    return tape_.tokens_.emplace_back(token);
  }

  bool keys_differ(std::size_t object) {
    const auto& tokens = tape_.tokens_;
    if (tokens[object].size < 2) return true;
    keys_.clear();
    for (std::size_t i = object + 1; i < tokens[object].next; i = tokens[i + 1].next) keys_.push_back(&tokens[i]);
    std::sort(keys_.begin(), keys_.end(), [](const JsonToken* a, const JsonToken* b) {
      return a->text != b->text ? a->text < b->text : a->begin < b->begin;
    });
    const auto twin = std::adjacent_find(keys_.begin(), keys_.end(),
                                         [](const JsonToken* a, const JsonToken* b) { return a->text == b->text; });
    if (twin != keys_.end()) duplicate_ = *(twin + 1);
    return twin == keys_.end();
  }

  JsonTape& tape_;
  std::vector<std::size_t> open_;
  std::vector<const JsonToken*> keys_;
  const JsonToken* duplicate_ = nullptr;
};

Answer<JsonTape> JsonTape::parse(std::string_view text) {
  constexpr std::size_t k_few = 16;  // most texts are lines of a bulk
  JsonTape tape;
  tape.text_ = text;
  tape.tokens_.reserve(k_few);
  JsonTapeBuilder builder(tape);
  const json::Fault fault = json::read(text, k_json_limits, builder);
  if (builder.duplicate() != nullptr) return json_duplicate_key(text, *builder.duplicate());
  if (fault) return json_syntax_error(text, fault);
  return tape;
}

std::string_view JsonTape::raw(std::size_t index) const {
  const JsonToken& token = tokens_[index];
  return text_.substr(token.begin, token.end - token.begin);
}

std::size_t JsonTape::member(std::size_t object, std::string_view name) const {
  if (tokens_[object].kind != JsonToken::Kind::object) return 0;
  for (std::size_t key = object + 1; key < tokens_[object].next; key = tokens_[key + 1].next) {
    if (tokens_[key].text == name) return key + 1;
  }
  return 0;
}

const char* event_name(JsonToken::Kind kind) {
  using enum json::Kind;
  switch (kind) {
    case null:
      return "VALUE_NULL";
    case string:
      return "VALUE_STRING";
    case number:
      return "VALUE_NUMBER";
    case key:
      return "FIELD_NAME";
    case array:
      return "START_ARRAY";
    case object:
      return "START_OBJECT";
    case true_:
    case false_:
      break;
  }
  return "VALUE_BOOLEAN";
}

std::pair<int, int> line_and_column(std::string_view text, std::size_t offset) {
  offset = std::min(offset, text.size());
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return {static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
          static_cast<int>(offset - line_start) + 1};
}

Answer<rapidjson::Document> parse_json(std::string_view text) {
  return parse_document(text, json::Numbers::values, json::Strings::copied);
}

Answer<rapidjson::Document> parse_as_written(std::string_view text, json::Strings strings) {
  return parse_document(text, json::Numbers::as_written, strings);
}

}  // namespace sightline::elastic::rest
