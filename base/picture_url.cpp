#include "base/picture_url.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/ascii_lower.h"
#include "base/data_url.h"

namespace sightline {
namespace {

constexpr std::size_t k_shown_host = 100;

std::size_t scheme_bytes(std::string_view url) {
  const std::string begin = ascii_lower(url.substr(0, 8));
  return begin.starts_with("http://") ? 7 : begin == "https://" ? 8 : 0;
}

/// What is between the scheme and the path.
std::string_view authority_of(std::string_view url) {
  url.remove_prefix(scheme_bytes(url));
  return url.substr(0, url.find_first_of("/?#"));
}

Error bad(std::string message) {
  return {ErrorCode::invalid_argument, std::move(message)};
}

}  // namespace

bool is_web_link(std::string_view text) {
  return scheme_bytes(without_outer_blanks(text)) > 0;
}

Result<std::string> picture_url(std::string_view link) {
  link = without_outer_blanks(link);
  if (link.size() > k_longest_picture_url) {
    return bad("the URL of the picture has " + std::to_string(link.size()) + " bytes, the limit is " +
               std::to_string(k_longest_picture_url));
  }
  link = link.substr(0, link.find('#'));
  const bool plain =
      std::all_of(link.begin(), link.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F && c != '\\'; });
  if (!plain) return bad("the URL of the picture has characters that must be percent-encoded");
  const std::string_view authority = authority_of(link);
  if (authority.find('@') != authority.npos)
    return bad("the URL of the picture contains a user or password: send a URL without");
  if (authority.empty() || authority.front() == ':') return bad("the URL of the picture has no host");
  // The limits count by host, which has no case.
  const std::size_t begin = scheme_bytes(link) + authority.size();
  return ascii_lower(link.substr(0, begin)).append(link.substr(begin));
}

std::string host_of(std::string_view url) {
  return std::string(authority_of(url).substr(0, k_shown_host));
}

}  // namespace sightline
