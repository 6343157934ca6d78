#include "server/elastic/rest/media_type.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic::rest {
namespace {

std::string lower_without_blanks(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' && c != '\t') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

/// One header: nothing but its version matters, and whether it is JSON.
struct MediaType {
  bool vendored = false;       // application/vnd.elasticsearch+...
  std::optional<int> version;  // compatible-with, of a vendored type
  bool json = false;           // JSON or NDJSON
};

ElasticError header_error(const char* headers, const char* type, std::string reason) {
  ElasticError error{400, "media_type_header_exception",
                     std::string("Invalid media-type value on headers [") + headers + "]"};
  error.cause_type = type;
  error.cause_reason = std::move(reason);
  return error;
}

/// A list ("a/b,c/d") or an empty header is no single media type: nothing is known of it.
Answer<MediaType> parse_media_type(std::string_view value, const char* header) {
  MediaType type;
  if (value.find(',') != std::string_view::npos) return type;
  const std::string text = lower_without_blanks(value);
  const std::string name = text.substr(0, text.find(';'));
  const std::size_t slash = name.find('/');
  if (slash == 0 || slash == std::string::npos || slash + 1 == name.size()) {
    return header_error(header, "illegal_argument_exception", "invalid media-type [" + std::string(value) + "]");
  }
  type.vendored = name.starts_with("application/vnd.elasticsearch+");
  type.json = name == "application/json" || name == "application/x-ndjson" ||
              name == "application/vnd.elasticsearch+json" || name == "application/vnd.elasticsearch+x-ndjson" ||
              name == "application/*" || name == "*/*";
  constexpr std::string_view k_version = ";compatible-with=";
  if (const std::size_t at = text.find(k_version); type.vendored && at != std::string::npos) {
    int version = 0;
    std::from_chars(text.data() + at + k_version.size(), text.data() + text.size(), version);
    type.version = version;
  }
  return type;
}

bool is_served(int version) {
  return version == 8 || version == 9;
}

}  // namespace

Answer<MediaTypes> check_media_types(const http::Request& request) {
  const auto content_header = request.headers.get("Content-Type");
  const auto accept_header = request.headers.get("Accept");
  MediaTypes types;
  MediaType content, accept;
  if (content_header && !content_header->empty()) {
    auto parsed = parse_media_type(*content_header, "Content-Type");
    if (!parsed) return parsed.error();
    content = *parsed;
  }
  if (accept_header && !accept_header->empty()) {
    auto parsed = parse_media_type(*accept_header, "Accept");
    if (!parsed) return parsed.error();
    accept = *parsed;
  }
  const bool has_body = !request.body.empty();
  const std::string accept_text =
      accept.vendored || accept.json ? std::string(accept_header.value_or("null")) : std::string("null");
  if (accept.version && !is_served(*accept.version)) {
    return header_error("Accept, Content-Type", "status_exception",
                        "Accept version must be either version 9 or 8, but found " + std::to_string(*accept.version) +
                            ". Accept=" + accept_text);
  }
  if (has_body && content.version && !is_served(*content.version)) {
    return header_error("Accept, Content-Type", "status_exception",
                        "Content-Type version must be either version 9 or 8, but found " +
                            std::to_string(*content.version) + ". Content-Type=" + std::string(*content_header));
  }
  if (has_body && accept.version != content.version) {
    const bool both = accept.version && content.version;
    return header_error("Accept, Content-Type", "status_exception",
                        std::string("A compatible version is required on both Content-Type and Accept headers if "
                                    "either one has requested a compatible version") +
                            (both ? " and the compatible versions must match" : "") + ". Accept=" + accept_text +
                            ", Content-Type=" + std::string(content_header.value_or("null")));
  }
  types.compatible_with = accept.version.value_or(0);
  if (has_body && !content.json) types.unsupported_content = content_header.value_or("");
  return types;
}

http::Response unsupported_content_type(const std::string& content_type) {
  http::Response response;
  response.status = 406;
  response.body = "{\"error\":";
  append_json_string(response.body, "Content-Type header [" + content_type + "] is not supported");
  response.body += ",\"status\":406}";
  return response;
}

}  // namespace sightline::elastic::rest
