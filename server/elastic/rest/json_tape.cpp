#include "server/elastic/rest/json_tape.h"

#include <algorithm>
#include <array>
#include <rapidjson/error/error.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include "server/elastic/rest/json_error.h"

namespace sightline::elastic::rest {

/// Takes the parser's events and notes where each token stands.
class JsonTapeBuilder {
 public:
  JsonTapeBuilder(JsonTape& tape, const rapidjson::MemoryStream& stream) : tape_(tape), stream_(stream) {}

  bool Null() { return literal(JsonToken::Kind::null, 4); }
  bool Bool(bool value) {
    return value ? literal(JsonToken::Kind::true_, 4) : literal(JsonToken::Kind::false_, 5);
  }
  // With numbers as strings these never come, but the parser's template wants them.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }
  bool RawNumber(const char*, rapidjson::SizeType length, bool) {
    return literal(JsonToken::Kind::number, length);
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    return string(JsonToken::Kind::string, {text, length});
  }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    return string(JsonToken::Kind::key, {text, length});
  }
  bool StartObject() { return open(JsonToken::Kind::object); }
  bool StartArray() { return open(JsonToken::Kind::array); }
  bool EndObject(rapidjson::SizeType members) { return close(members) && keys_differ(); }
  bool EndArray(rapidjson::SizeType elements) { return close(elements); }

  bool too_deep() const { return too_deep_; }
  const JsonToken* duplicate() const { return duplicate_; }

 private:
  JsonToken& append(JsonToken::Kind kind, std::size_t begin, std::size_t end) {
    JsonToken token;
    token.kind = kind;
    token.begin = begin;
    token.end = last_end_ = end;
    token.next = static_cast<std::uint32_t>(tape_.tokens_.size() + 1);
    return tape_.tokens_.emplace_back(token);
  }

  bool literal(JsonToken::Kind kind, std::size_t length) {
    const std::size_t end = stream_.Tell();
    append(kind, end - length, end).text = tape_.text_.substr(end - length, length);
    return true;
  }

  bool string(JsonToken::Kind kind, std::string_view decoded) {
    const std::size_t end = stream_.Tell();
    const std::size_t begin = tape_.text_.find('"', last_end_);  // only blanks, ',' and ':' lie between
    JsonToken& token = append(kind, begin, end);
    const bool plain = end - begin == decoded.size() + 2;
    token.text = plain ? tape_.text_.substr(begin + 1, decoded.size())
                       : std::string_view(tape_.decoded_.emplace_back(decoded));
    return true;
  }

  bool open(JsonToken::Kind kind) {
    if (open_.size() == static_cast<std::size_t>(k_max_json_depth)) return !(too_deep_ = true);
    open_.push_back(tape_.tokens_.size());
    append(kind, stream_.Tell(), stream_.Tell() + 1);
    return true;
  }

  bool close(std::size_t size) {
    closed_ = open_.back();
    open_.pop_back();
    JsonToken& token = tape_.tokens_[closed_];
    token.size = static_cast<std::uint32_t>(size);
    token.next = static_cast<std::uint32_t>(tape_.tokens_.size());
    token.end = last_end_ = stream_.Tell() + 1;
    return true;
  }

  bool keys_differ() {
    const auto& tokens = tape_.tokens_;
    keys_.clear();
    for (std::size_t i = closed_ + 1; i < tokens[closed_].next; i = tokens[i + 1].next)
      keys_.push_back(&tokens[i]);
    std::sort(keys_.begin(), keys_.end(), [](const JsonToken* a, const JsonToken* b) {
      return a->text != b->text ? a->text < b->text : a->begin < b->begin;
    });
    const auto twin =
        std::adjacent_find(keys_.begin(), keys_.end(),
                           [](const JsonToken* a, const JsonToken* b) { return a->text == b->text; });
    if (twin != keys_.end()) duplicate_ = *(twin + 1);
    return twin == keys_.end();
  }

  JsonTape& tape_;
  const rapidjson::MemoryStream& stream_;
  std::vector<std::size_t> open_;
  std::vector<const JsonToken*> keys_;
  std::size_t closed_ = 0;
  std::size_t last_end_ = 0;
  bool too_deep_ = false;
  const JsonToken* duplicate_ = nullptr;
};

Answer<JsonTape> JsonTape::parse(std::string_view text, std::size_t* last_token) {
  JsonTape tape;
  tape.text_ = text;
  // The stream ends at a NUL, so one within the text would hide what follows.
  const std::size_t nul = text.find('\0');
  rapidjson::MemoryStream stream(text.data(), std::min(nul, text.size()));
  JsonTapeBuilder builder(tape, stream);
  rapidjson::Reader reader;
  constexpr unsigned k_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag |
                               rapidjson::kParseValidateEncodingFlag;
  reader.Parse<k_flags>(stream, builder);
  if (last_token != nullptr) *last_token = tape.tokens_.empty() ? 0 : tape.tokens_.back().begin;
  if (builder.too_deep()) return json_too_deep(text, stream.Tell());
  if (builder.duplicate() != nullptr) return json_duplicate_key(text, *builder.duplicate());
  if (reader.HasParseError())
    return json_syntax_error(text, tape, reader.GetErrorOffset(), reader.GetParseErrorCode());
  if (nul != std::string_view::npos)
    return json_syntax_error(text, tape, nul, rapidjson::kParseErrorTermination);
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
  using enum JsonToken::Kind;
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
  const Answer<JsonTape> tape = JsonTape::parse(text);
  if (!tape) return tape.error();
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag>(text.data(),
                                                                                      text.size());
  if (document.HasParseError()) {  // numbers too large for a double are all that the tape lets pass
    return json_syntax_error(text, *tape, document.GetErrorOffset(), document.GetParseError());
  }
  return document;
}

void append_json_string(std::string& out, std::string_view text) {
  static constexpr auto k_special = [] {
    std::array<bool, 256> special{};
    for (int c = 0; c < 0x20; ++c) special[static_cast<std::size_t>(c)] = true;
    special['"'] = special['\\'] = true;
    return special;
  }();
  static constexpr char k_hex[] = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;  // everything before it is written
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (!k_special[c]) continue;
    out += text.substr(plain, i - plain);
    plain = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        out += {'\\', 'u', '0', '0', k_hex[c >> 4], k_hex[c & 15]};
    }
  }
  out += text.substr(plain);
  out += '"';
}

}  // namespace sightline::elastic::rest
