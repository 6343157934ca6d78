#include "server/web/pictures/document_pictures.h"

#include <rapidjson/document.h>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_kind.h"
#include "base/json/document.h"
#include "base/json/members.h"

namespace sightline::pictures {
namespace {

using rapidjson::Value;

std::string place_of(const PictureRequest& request) {
  return "document [" + request.id + "] of index [" + request.index + "]";
}

Refusal not_found(std::string message) {
  return {404, "not_found", std::move(message)};
}

Refusal unreadable(const PictureRequest& request) {
  return {502, "unavailable", "the answer of Elasticsearch for " + place_of(request) + " is malformed"};
}

std::string code_of_status(int status) {
  switch (status) {
    case 400:
      return "invalid_argument";
    case 401:
      return "unauthorized";
    case 403:
      return "forbidden";
    case 404:
      return "not_found";
    case 413:
      return "too_large";
    case 429:
      return "overloaded";
    default:
      return "unavailable";
  }
}

/// What an answer without a document means.
Refusal refusal_of(const PictureRequest& request, const http::Response& answer, const Value& body) {
  const Value& error = json::member(body, "error");
  const Value& reason = json::member(error, "reason");
  if (answer.status == 404 && error.IsNull())
    return not_found("index [" + request.index + "] has no document [" + request.id + "]");
  std::string message = place_of(request) + ": Elasticsearch answers " + std::to_string(answer.status);
  for (const Value* const text : {&reason, &error}) {
    if (text->IsString()) message.append(": ").append(json::text_or_empty(*text));
  }
  const int status = answer.status < 400 ? 502 : answer.status;
  return {status, code_of_status(status), std::move(message)};
}

json::Fault read_answer(const http::Response& answer, rapidjson::Document& body) {
  json::Limits limits;
  limits.lone_surrogates = true;  // as documents may have them
  return json::read_document(answer.body, body, limits, json::Strings::borrowed);
}

/// The answer's document, in `body`.
Result<DocumentVersion, Refusal> version_in(const PictureRequest& request, const http::Response& answer,
                                            rapidjson::Document& body) {
  const json::Fault fault = read_answer(answer, body);
  if (answer.status != 200) return refusal_of(request, answer, body);
  const Value& index = json::member(body, "_index");
  const Value& seq_no = json::member(body, "_seq_no");
  const Value& term = json::member(body, "_primary_term");
  if (fault || !index.IsString() || !seq_no.IsInt64() || !term.IsInt64()) return unreadable(request);
  return DocumentVersion{std::string(json::text_or_empty(index)), seq_no.GetInt64(), term.GetInt64()};
}

/// The values behind `path`, in order. Objects and dots are the same, and arrays count as what is in them, as
/// Elasticsearch has it.
void collect(const Value& value, std::string_view path, std::vector<const Value*>& found) {
  if (value.IsArray()) {
    for (const Value& element : value.GetArray()) collect(element, path, found);
  } else if (path.empty()) {
    if (!value.IsNull()) found.push_back(&value);
  } else if (value.IsObject()) {
    for (const auto& entry : value.GetObject()) {
      const std::string_view name = json::text_or_empty(entry.name);
      if (path == name) collect(entry.value, {}, found);
      if (path.size() > name.size() && path.starts_with(name) && path[name.size()] == '.')
        collect(entry.value, path.substr(name.size() + 1), found);
    }
  }
}

/// The field that may hold a link to the picture that `field` does not hold; empty: none.
std::string link_field(const std::string& field) {
  constexpr std::string_view k_ending = "_data";
  if (!field.ends_with(k_ending)) return {};
  return field.substr(0, field.size() - k_ending.size()) + "_url";
}

/// Other schemes are no links to pictures: only what the fetcher can fetch.
std::string link_in(const Value& source, const std::string& field, std::size_t position) {
  std::vector<const Value*> values;
  if (!field.empty()) collect(source, field, values);
  if (position >= values.size()) return {};
  const std::string_view link = json::text_or_empty(*values[position]);
  return link.starts_with("http://") || link.starts_with("https://") ? std::string(link) : std::string();
}

const char* kind_of(const Value& value) {
  if (value.IsObject()) return "an object";
  if (value.IsNumber()) return "a number";
  return "true or false";
}

}  // namespace

http::Response DocumentPictures::get(const PictureRequest& request, const std::string& path,
                                     const std::string& query) const {
  http::Request asked;
  asked.path = "/" + http::percent_encode(request.index) + path;
  asked.query = query;
  asked.headers = request.caller.headers;
  asked.headers.set("Accept", "application/json");
  return ask_(std::move(asked));
}

Result<DocumentVersion, Refusal> DocumentPictures::look(const PictureRequest& request) const {
  const std::string routing = request.routing.empty() ? "" : "&routing=" + http::percent_encode(request.routing);
  const http::Response answer = get(request, "/_doc/" + http::percent_encode(request.id), "_source=false" + routing);
  rapidjson::Document body;
  return version_in(request, answer, body);
}

std::string DocumentPictures::index_uuid(const PictureRequest& request, const std::string& index) const {
  const http::Response answer = get(request, "/_settings", "filter_path=*.settings.index.uuid");
  rapidjson::Document body;
  if (answer.status != 200 || read_answer(answer, body)) return {};
  return std::string(json::text_at(body, index, "settings", "index", "uuid"));
}

Result<DocumentPictures::Found, Refusal> DocumentPictures::read(const PictureRequest& request) const {
  const std::string routing = request.routing.empty() ? "" : "&routing=" + http::percent_encode(request.routing);
  const std::string links = link_field(request.field);
  const std::string fields =
      http::percent_encode(request.field) + (links.empty() ? "" : "," + http::percent_encode(links));
  const http::Response answer =
      get(request, "/_doc/" + http::percent_encode(request.id), "_source_includes=" + fields + routing);
  rapidjson::Document body;
  auto version = version_in(request, answer, body);
  if (!version) return version.error();
  const Value& source = json::member(body, "_source");
  if (source.IsNull())
    return not_found(place_of(request) + " has no _source to read a picture from: its index does not store it");
  std::vector<const Value*> values;
  collect(source, request.field, values);
  if (values.empty()) {
    if (std::string link = link_in(source, links, request.position); !link.empty())
      return Found{*std::move(version), {}, std::move(link)};
  }
  if (values.empty()) return not_found(place_of(request) + " has no value in field [" + request.field + "]");
  const std::string place = "field [" + request.field + "] of " + place_of(request);
  if (request.position >= values.size()) {
    return not_found(place + " has " + std::to_string(values.size()) + (values.size() == 1 ? " value" : " values") +
                     ", and none at position " + std::to_string(request.position) + ", counted from 0");
  }
  const Value& value = *values[request.position];
  if (!value.IsString()) return not_found(place + " holds " + kind_of(value) + ", not a picture");
  if (value.GetStringLength() == 0) return not_found(place + " is empty: there is no picture");
  auto picture = read_encoded_picture(json::text_or_empty(value), max_picture_bytes_);
  if (!picture && picture.error().code == ErrorCode::unsupported)
    return not_found(place + " contains a link to a picture, " + shown(json::text_or_empty(value)) +
                     ", not the picture itself");
  if (!picture) return Refusal{422, to_string(picture.error().code), place + ": " + picture.error().message};
  if (!picture_format(picture->bytes)) {
    const auto other = other_kind(picture->bytes);
    return Refusal{422, "unsupported",
                   place + " contains no " + std::string(k_picture_formats) + ": it " +
                       (other ? "is " + std::string(*other) : "begins with " + first_bytes(picture->bytes))};
  }
  return Found{*std::move(version), *std::move(picture)};
}

}  // namespace sightline::pictures
