#include "server/api/json.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "rapidjson/error/en.h"
#include "rapidjson/reader.h"

namespace sightline::api {
namespace {

constexpr unsigned k_parse_flags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag;
// The vectorised scan reads whole 16-byte blocks, the last one past the end.
constexpr std::size_t k_scan_padding = 16;
constexpr std::string_view k_replacement = "\xEF\xBF\xBD";

/// Hands events on to a document, and ends the parse where it would cost more memory than a request may, or
/// where a string is not UTF-8 (RapidJSON's own check would switch its vectorised scan off, and lets a lone
/// \uDC00 pass).
class BoundedHandler {
 public:
  BoundedHandler(rapidjson::Document& document, const JsonLimits& limits)
      : document_(document), limits_(limits) {}

  bool Null() { return value() && document_.Null(); }
  bool Bool(bool b) { return value() && document_.Bool(b); }
  bool Int(int i) { return value() && document_.Int(i); }
  bool Uint(unsigned i) { return value() && document_.Uint(i); }
  bool Int64(std::int64_t i) { return value() && document_.Int64(i); }
  bool Uint64(std::uint64_t i) { return value() && document_.Uint64(i); }
  bool Double(double d) { return value() && document_.Double(d); }
  bool RawNumber(const char* s, rapidjson::SizeType n, bool copy) {
    return value() && document_.RawNumber(s, n, copy);
  }
  bool String(const char* s, rapidjson::SizeType n, bool copy) {
    return value() && utf8({s, n}) && document_.String(s, n, copy);
  }
  bool Key(const char* s, rapidjson::SizeType n, bool copy) {
    return value() && utf8({s, n}) && document_.Key(s, n, copy);
  }
  bool StartObject() { return value() && deeper() && document_.StartObject(); }
  bool EndObject(rapidjson::SizeType members) { return --depth_, document_.EndObject(members); }
  bool StartArray() { return value() && deeper() && document_.StartArray(); }
  bool EndArray(rapidjson::SizeType elements) { return --depth_, document_.EndArray(elements); }

  /// Why the parse was ended here.
  Error error(std::size_t offset) const {
    const std::string place = " (at byte " + std::to_string(offset) + " of the body)";
    if (bad_string_at_) {
      return {ErrorCode::invalid_argument, "the body is not UTF-8: byte " + std::to_string(*bad_string_at_) +
                                               " of a string that ends before" + place};
    }
    if (depth_ > limits_.max_depth) {
      return {ErrorCode::too_large,
              "the body nests deeper than " + std::to_string(limits_.max_depth) + " levels" + place};
    }
    return {ErrorCode::too_large, "the body has more than " + std::to_string(limits_.max_values) +
                                      " JSON values" + place + ": send less"};
  }

 private:
  bool value() { return ++values_ <= limits_.max_values; }
  bool deeper() { return ++depth_ <= limits_.max_depth; }
  bool utf8(std::string_view text) {
    bad_string_at_ = find_invalid_utf8(text);
    return !bad_string_at_;
  }

  rapidjson::Document& document_;
  const JsonLimits& limits_;
  std::size_t depth_ = 0, values_ = 0;
  std::optional<std::size_t> bad_string_at_;
};

/// What Document::Populate wants: something that produces the events.
struct Generator {
  rapidjson::InsituStringStream& stream;
  const JsonLimits& limits;
  std::optional<Error> error = std::nullopt;

  bool operator()(rapidjson::Document& document) {
    BoundedHandler handler(document, limits);
    rapidjson::Reader reader;
    const rapidjson::ParseResult result = reader.Parse<k_parse_flags>(stream, handler);
    if (!result) {
      error = result.Code() == rapidjson::kParseErrorTermination
                  ? handler.error(stream.Tell())
                  : Error{ErrorCode::invalid_argument,
                          std::string("the body is not JSON: ") + rapidjson::GetParseError_En(result.Code()) +
                              " (at byte " + std::to_string(result.Offset()) + ")"};
    }
    return !error;
  }
};

/// Length of the UTF-8 sequence at the beginning of `text` (which is not ASCII); 0: there is none.
std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  std::size_t length = 0;
  unsigned char low = 0x80, high = 0xBF;  // of the second byte
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;   // overlong
    if (lead == 0xED) high = 0x9F;  // surrogates
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;   // overlong
    if (lead == 0xF4) high = 0x8F;  // beyond U+10FFFF
  }
  if (length == 0 || text.size() < length || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    std::uint64_t block;
    if (i + sizeof block <= text.size()) {
      std::memcpy(&block, text.data() + i, sizeof block);
      if ((block & 0x8080808080808080u) == 0) {
        i += sizeof block;
        continue;
      }
    }
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = utf8_sequence(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

Result<rapidjson::Document> parse_json(std::string& text, const JsonLimits& limits) {
  const std::size_t size = text.size();
  text.append(k_scan_padding, '\0');
  rapidjson::InsituStringStream stream(text.data());
  Generator generator{stream, limits};
  rapidjson::Document document;
  document.Populate(generator);
  if (generator.error) return *std::move(generator.error);
  if (stream.Tell() != size) {
    return Error{ErrorCode::invalid_argument,
                 "the body is not JSON: a zero byte stands at byte " + std::to_string(stream.Tell())};
  }
  return document;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr char k_hex[] = "0123456789abcdef";
  out.push_back('"');
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80) {
      const std::size_t length = utf8_sequence(text.substr(i));
      out.append(length == 0 ? k_replacement : text.substr(i, length));
      i += std::max<std::size_t>(1, length);
      continue;
    }
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(text[i]);
    } else if (c == '\n') {
      out.append("\\n");
    } else if (c == '\t') {
      out.append("\\t");
    } else if (c < 0x20 || c == 0x7F) {
      out.append("\\u00");
      out.push_back(k_hex[c >> 4]);
      out.push_back(k_hex[c & 15]);
    } else {
      out.push_back(text[i]);
    }
    ++i;
  }
  out.push_back('"');
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

const char* type_name(const rapidjson::Value& value) {
  switch (value.GetType()) {
    case rapidjson::kNullType:
      return "null";
    case rapidjson::kFalseType:
    case rapidjson::kTrueType:
      return "a boolean";
    case rapidjson::kObjectType:
      return "an object";
    case rapidjson::kArrayType:
      return "an array";
    case rapidjson::kStringType:
      return "a string";
    case rapidjson::kNumberType:
      return "a number";
  }
  return "something unknown";
}

FieldReader::FieldReader(const rapidjson::Value& body) : body_(body) {
  if (!body.IsObject()) {
    fail("", {ErrorCode::invalid_argument,
              std::string("the body must be a JSON object, not ") + type_name(body)});
    return;
  }
  std::vector<std::string_view> names;
  for (const auto& member : body.GetObject()) names.push_back(as_view(member.name));
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return;
  fail(std::string(*twice),
       {ErrorCode::invalid_argument, "[" + std::string(*twice) + "] stands twice in the body"});
}

const rapidjson::Value* FieldReader::any(const char* name) const {
  if (!body_.IsObject()) return nullptr;
  const auto member = body_.FindMember(name);
  return member == body_.MemberEnd() || member->value.IsNull() ? nullptr : &member->value;
}

const rapidjson::Value* FieldReader::typed(const char* name, bool (rapidjson::Value::*is_type)() const,
                                           const char* type) {
  const rapidjson::Value* const value = any(name);
  if (!value || (value->*is_type)()) return value;
  fail(name, {ErrorCode::invalid_argument,
              std::string("[") + name + "] must be " + type + ", not " + type_name(*value)});
  return nullptr;
}

std::optional<std::string_view> FieldReader::string(const char* name) {
  const rapidjson::Value* const value = typed(name, &rapidjson::Value::IsString, "a string");
  return value ? std::optional(as_view(*value)) : std::nullopt;
}

std::optional<bool> FieldReader::boolean(const char* name) {
  const rapidjson::Value* const value = typed(name, &rapidjson::Value::IsBool, "true or false");
  return value ? std::optional(value->GetBool()) : std::nullopt;
}

const rapidjson::Value* FieldReader::array(const char* name) {
  return typed(name, &rapidjson::Value::IsArray, "an array");
}

const rapidjson::Value* FieldReader::object(const char* name) {
  return typed(name, &rapidjson::Value::IsObject, "an object");
}

std::optional<std::vector<std::string_view>> FieldReader::strings(const char* name) {
  const rapidjson::Value* const value = array(name);
  if (!value || value->Empty()) return std::nullopt;
  std::vector<std::string_view> all;
  for (const rapidjson::Value& one : value->GetArray()) {
    if (!one.IsString()) {
      fail(name, {ErrorCode::invalid_argument, std::string("[") + name + "] must hold strings only; at " +
                                                   std::to_string(all.size()) + " stands " + type_name(one)});
      return std::nullopt;
    }
    all.push_back(as_view(one));
  }
  return all;
}

std::optional<std::int64_t> FieldReader::integer(const char* name) {
  const rapidjson::Value* value = any(name);
  if (!value) return std::nullopt;
  if (value->IsInt64()) return value->GetInt64();
  fail(name, {ErrorCode::invalid_argument, std::string("[") + name + "] must be a whole number"});
  return std::nullopt;
}

void FieldReader::fail(std::string field, Error error) {
  if (error_) return;
  error_ = std::move(error);
  field_ = std::move(field);
}

}  // namespace sightline::api
