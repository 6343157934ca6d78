#include "server/cohere/embed_body.h"


#include "base/base64.h"
#include "base/json/writer.h"
#include "server/cohere/fitting_picture.h"

namespace sightline::cohere {
namespace {

using json::Writer;

void write_string(Writer& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_head(Writer& writer, const BodyHead& head, std::string_view input_type) {
  writer.StartObject();
  writer.Key("model");
  write_string(writer, head.model);
  writer.Key("input_type");
  write_string(writer, input_type);
  writer.Key("embedding_types");
  writer.StartArray();
  writer.String("float");
  writer.EndArray();
  if (!head.output_dimension) return;
  writer.Key("output_dimension");
  writer.Uint64(*head.output_dimension);
}

const char* word_of(models::Truncate truncate) {
  switch (truncate) {
    case models::Truncate::none:
      return "NONE";
    case models::Truncate::start:
      return "START";
    case models::Truncate::end:
      return "END";
  }
  return "END";
}

}  // namespace

std::string_view input_type_of_texts(std::string_view word) {
  if (word == "query" || word == "search" || word == "search_query") return "search_query";
  if (word == "classification" || word == "clustering") return word;
  return "search_document";
}

std::string text_body(const BodyHead& head, std::string_view input_type, models::Truncate truncate,
                      const std::vector<std::string_view>& texts) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  write_head(writer, head, input_type);
  writer.Key("truncate");
  writer.String(word_of(truncate));
  writer.Key("texts");
  writer.StartArray();
  for (const std::string_view text : texts) write_string(writer, text);
  writer.EndArray();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string picture_body(const BodyHead& head, std::string_view encoded) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  write_head(writer, head, "image");
  // Base64 needs no escapes, so the rest, which is large, is put together as it is.
  std::string body(buffer.GetString(), buffer.GetSize());
  body += ",\"images\":[\"data:";
  body += media_type(encoded);
  body += ";base64,";
  body += base64_encode(encoded);
  body += "\"]}";
  return body;
}

}  // namespace sightline::cohere
