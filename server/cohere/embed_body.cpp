#include "server/cohere/embed_body.h"

#include "base/base64.h"
#include "base/json/builder.h"
#include "server/cohere/fitting_picture.h"

namespace sightline::cohere {
namespace {

json::Builder with_head(const BodyHead& head, std::string_view input_type) {
  json::Builder body;
  body.object().member("model", head.model).member("input_type", input_type);
  body.array("embedding_types").value("float").end().member_if("output_dimension", head.output_dimension);
  return body;
}

constexpr std::string_view k_url_begin = "data:", k_url_middle = ";base64,";

std::string data_url(std::string_view encoded) {
  return std::string(k_url_begin) + std::string(media_type(encoded)) + std::string(k_url_middle) +
         base64_encode(encoded);
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
  return with_head(head, input_type).member("truncate", word_of(truncate)).member("texts", texts).text();
}

std::size_t url_bytes(std::string_view encoded) {
  return k_url_begin.size() + media_type(encoded).size() + k_url_middle.size() + (encoded.size() + 2) / 3 * 4;
}

std::string pictures_body(const BodyHead& head, const std::vector<const Parts*>& contents) {
  json::Builder body = with_head(head, "image");
  body.array("images");
  for (const Parts* parts : contents) body.value(data_url(parts->front().bytes));
  return body.text();
}

std::string contents_body(const BodyHead& head, std::string_view input_type, models::Truncate truncate,
                          const std::vector<const Parts*>& contents) {
  json::Builder body = with_head(head, input_type);
  body.member("truncate", word_of(truncate)).array("inputs");
  for (const Parts* parts : contents) {
    body.object().array("content");
    for (const Part& part : *parts) {
      body.object().member("type", part.is_picture ? "image_url" : "text");
      if (part.is_picture) {
        body.object("image_url").member("url", data_url(part.bytes)).end();
      } else {
        body.member("text", part.bytes);
      }
      body.end();
    }
    body.end().end();
  }
  return body.text();
}

}  // namespace sightline::cohere
