#include "server/web/page.h"

#include <algorithm>
#include <string>

#include "base/trimmed.h"
#include "server/http/entity_tag.h"
#include "server/web/page_file.h"

namespace sightline::web {
namespace {

constexpr const char* k_content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr std::string_view k_blanks = " \t";

/// The piece in front of the first `mark`, taken off `rest` together with the mark.
std::string_view next_piece(std::string_view& rest, char mark) {
  const auto end = std::min(rest.find(mark), rest.size());
  const auto piece = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return trimmed(piece, k_blanks);
}

/// Whether a weight of RFC 9110 12.4.2 ("0", "0.000") is nothing.
bool is_nothing(std::string_view weight) {
  return !weight.empty() && weight.find_first_not_of("0.") == std::string_view::npos;
}

/// True if a list of Accept or Accept-Encoding names `wanted`, and not with the weight 0.
bool names(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    std::string_view member = next_piece(list, ',');
    if (!http::equal_ignoring_case(next_piece(member, ';'), wanted)) continue;
    while (!member.empty()) {
      std::string_view weight = next_piece(member, ';');
      if (http::equal_ignoring_case(next_piece(weight, '='), "q") && is_nothing(trimmed(weight, k_blanks)))
        return false;
    }
    return true;
  }
  return false;
}

}  // namespace

bool wants_page(const http::Request& request) {
  return names(http::field_list(request.headers, "Accept"), "text/html");
}

std::optional<http::Response> page_file_answer(const http::Request& request, std::string_view path) {
  const PageFile* const file = find_page_file(path);
  if (!file) return {};
  const bool packed = !file->packed.empty() && names(http::field_list(request.headers, "Accept-Encoding"), "gzip");
  // The packed bytes are others, and a strong tag speaks of bytes.
  const std::string tag = "\"" + file->tag + (packed ? "-gzip\"" : "\"");

  http::Response response;
  response.headers.set("ETag", tag);
  response.headers.set("Cache-Control", "no-cache");
  response.headers.set("Vary", path == "index.html" ? "Accept, Accept-Encoding" : "Accept-Encoding");
  response.headers.set("Content-Security-Policy", k_content_security_policy);
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Referrer-Policy", "no-referrer");
  response.headers.set("Cross-Origin-Opener-Policy", "same-origin");
  if (http::names_tag(http::field_list(request.headers, "If-None-Match"), tag)) {
    response.status = 304;
    return response;
  }
  if (packed) response.headers.set("Content-Encoding", "gzip");
  response.content_type = file->content_type;
  response.body = packed ? file->packed : file->plain;
  return response;
}

}  // namespace sightline::web
