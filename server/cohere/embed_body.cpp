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

std::string picture_body(const BodyHead& head, std::string_view encoded) {
  const std::string url = "data:" + std::string(media_type(encoded)) + ";base64," + base64_encode(encoded);
  return with_head(head, "image").array("images").value(url).text();
}

}  // namespace sightline::cohere
