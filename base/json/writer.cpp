#include "base/json/writer.h"

#include <algorithm>
#include <concepts>
#include <cstdint>

#include "base/json/document.h"
#include "base/json/plain_text.h"
#include "base/json/utf8.h"

namespace sightline::json {
namespace {

constexpr std::string_view k_replacement = "\xEF\xBF\xBD";

/// `\uD83D`, as Elasticsearch writes the half of a surrogate pair.
void append_surrogate(std::string& out, std::uint16_t unit) {
  constexpr char k_hex[] = "0123456789ABCDEF";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += k_hex[(unit >> shift) & 15];
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view k_plain = "\"\\\b\f\n\r\t", k_letters = "\"\\bfnrt";
  constexpr char k_hex[] = "0123456789ABCDEF";
  if (const std::size_t found = k_plain.find(c); found != std::string_view::npos) {
    out += {'\\', k_letters[found]};
    return;
  }
  const auto byte = static_cast<unsigned char>(c);
  out += {'\\', 'u', '0', '0', k_hex[byte >> 4], k_hex[byte & 15]};
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  // With room for what closes its object: a long text is not copied again to be made one byte longer.
  out.reserve(out.size() + text.size() + 2 + text.size() / 64);
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = plain_end(text, at);
    out += text.substr(at, end - at);
    at = end;
    if (at == text.size()) break;
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      append_escaped(out, text[at++]);
      continue;
    }
    if (const std::uint16_t unit = lone_surrogate(text.substr(at))) {
      append_surrogate(out, unit);
      at += k_surrogate_bytes;
      continue;
    }
    const std::size_t length = utf8_sequence(text.substr(at, 4));
    out += length == 0 ? k_replacement : text.substr(at, length);
    at += std::max<std::size_t>(1, length);
  }
  out += '"';
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

template <class Base>
bool Utf8Writer<Base>::String(const char* text, rapidjson::SizeType size, bool) {
  const auto raw = [this](std::string_view part) { part.copy(this->os_->Push(part.size()), part.size()); };
  const std::string_view view(text, size);
  if constexpr (std::same_as<Utf8Writer, PrettyWriter>) {
    this->PrettyPrefix(rapidjson::kStringType);
  } else {
    this->Prefix(rapidjson::kStringType);
  }
  if (plain_end(view, 0) == size) {
    raw("\""), raw(view), raw("\"");
  } else {
    raw(json_string(view));
  }
  return this->EndValue(true);
}

template class Utf8Writer<rapidjson::Writer<rapidjson::StringBuffer>>;
template class Utf8Writer<rapidjson::PrettyWriter<rapidjson::StringBuffer>>;

bool AsWrittenWriter::String(const char* text, rapidjson::SizeType size, bool copy) {
  const auto number = written_number(std::string_view(text, size));
  if (!number) return Utf8Writer::String(text, size, copy);
  return RawValue(number->data(), number->size(), rapidjson::kNumberType);
}

std::string text_of(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string text_as_written(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  AsWrittenWriter writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace sightline::json
