#include "server/elastic/elastic_error.h"

#include "base/json/utf8.h"
#include "base/json/writer.h"

namespace sightline::elastic {
namespace {

using json::Writer;

constexpr std::size_t k_longest_text_bytes = 8192;
/// What the note of a cut takes at most, so that a text that was cut is not cut again.
constexpr std::size_t k_note_bytes = 40;

void write_fields(Writer& writer, const ElasticError& error) {
  writer.Key("type");
  writer.String(error.type);
  writer.Key("reason");
  writer.String(shortened(error.reason));
  if (error.line > 0) {
    writer.Key("line");
    writer.Int(error.line);
    writer.Key("col");
    writer.Int(error.column);
  }
  for (const auto& [name, value] : error.details) {
    writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    writer.String(shortened(value));
  }
}

void write_cause(Writer& writer, const ElasticError& error) {
  if (error.causes.empty() && error.cause_type.empty()) return;
  writer.Key("caused_by");
  writer.StartObject();
  if (!error.causes.empty()) {
    write_fields(writer, error.causes.front());
    write_cause(writer, error.causes.front());
  } else {
    writer.Key("type");
    writer.String(error.cause_type);
    writer.Key("reason");
    writer.String(shortened(error.cause_reason));
  }
  writer.EndObject();
}

const ElasticError& root_of(const ElasticError& error) {
  return error.root_is_cause && !error.causes.empty() ? root_of(error.causes.front()) : error;
}

}  // namespace

std::string ElasticError::item_json() const {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  write_fields(writer, *this);
  write_cause(writer, *this);
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string ElasticError::envelope_json() const {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("error");
  writer.StartObject();
  writer.Key("root_cause");
  writer.StartArray();
  writer.StartObject();
  write_fields(writer, root_of(*this));
  writer.EndObject();
  writer.EndArray();
  write_fields(writer, *this);
  write_cause(writer, *this);
  writer.EndObject();
  writer.Key("status");
  writer.Int(status);
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

http::Response ElasticError::response() const {
  http::Response response;
  response.status = status;
  response.body = envelope_json();
  return response;
}

std::string shortened(std::string_view text) {
  std::size_t end = text.size();
  if (end > k_longest_text_bytes) {
    end = k_longest_text_bytes - k_note_bytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  }
  std::string shown;
  json::append_valid_utf8(shown, text.substr(0, end));
  return end == text.size() ? shown : shown + "... (" + std::to_string(text.size() - end) + " bytes more)";
}

ElasticError illegal_argument(std::string reason) {
  return {400, "illegal_argument_exception", std::move(reason)};
}

ElasticError not_a_number(std::string reason, const std::string& text) {
  ElasticError error = illegal_argument(std::move(reason));
  error.cause_type = "number_format_exception";
  error.cause_reason = "For input string: \"" + text + "\"";
  return error;
}

}  // namespace sightline::elastic
