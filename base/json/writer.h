// Writes JSON that is always UTF-8.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <string>
#include <string_view>

namespace sightline::json {

/// Appends `text` as a JSON string, quotes included. Half of a surrogate pair becomes an escape, other bytes
/// that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);
std::string json_string(std::string_view text);

/// One of RapidJSON's writers, but bytes that are not UTF-8 are replaced: see `append_json_string`.
template <class Base>
class Utf8Writer : public Base {
 public:
  using Base::Base;

  bool String(const char* text, rapidjson::SizeType size, bool copy = false);
  bool String(std::string_view text) { return String(text.data(), static_cast<rapidjson::SizeType>(text.size())); }
  bool String(const std::string& text) { return String(std::string_view(text)); }
  bool String(const char* text) { return String(std::string_view(text)); }
  bool Key(const char* text, rapidjson::SizeType size, bool copy = false) { return String(text, size, copy); }
  bool Key(std::string_view text) { return String(text); }
  bool Key(const std::string& text) { return String(text); }
  bool Key(const char* text) { return String(text); }
};

using Writer = Utf8Writer<rapidjson::Writer<rapidjson::StringBuffer>>;
/// With a line per value, indented.
using PrettyWriter = Utf8Writer<rapidjson::PrettyWriter<rapidjson::StringBuffer>>;
extern template class Utf8Writer<rapidjson::Writer<rapidjson::StringBuffer>>;
extern template class Utf8Writer<rapidjson::PrettyWriter<rapidjson::StringBuffer>>;

/// Writes documents that were read with Numbers::as_written: a number that is stored as text is written unchanged. Only
/// for such documents: other strings may begin with any byte.
class AsWrittenWriter : public Writer {
 public:
  using Utf8Writer::String;
  using Utf8Writer::Utf8Writer;

  bool String(const char* text, rapidjson::SizeType size, bool copy = false);
};

/// `value` as JSON.
std::string text_of(const rapidjson::Value& value);
/// The same for a value that was read with Numbers::as_written.
std::string text_as_written(const rapidjson::Value& value);

}  // namespace sightline::json
