#include "base/url_credentials.h"

#include <algorithm>

#include "base/percent.h"

namespace sightline {
namespace {

/// Where the host begins, or a user in front of it.
std::size_t authority_begin(std::string_view url) {
  const std::size_t scheme = url.find("://");
  return scheme == std::string_view::npos ? 0 : scheme + 3;
}

}  // namespace

UrlCredentials split_credentials(std::string_view url) {
  const std::size_t begin = authority_begin(url);
  std::string_view authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  if (authority.find('@') == std::string_view::npos) authority = url.substr(begin, url.find('/', begin) - begin);
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return {std::string(url), {}, {}};
  const std::string_view user = authority.substr(0, std::min(authority.find(':'), at));
  const std::string_view password = user.size() < at ? authority.substr(user.size() + 1, at - user.size() - 1) : "";
  return {std::string(url.substr(0, begin)).append(url.substr(begin + at + 1)), percent_decode(user),
          percent_decode(password)};
}

Result<UrlCredentials> split_server_url(std::string_view url, const std::string& name) {
  UrlCredentials split = split_credentials(url);
  if (split.url.find('@') == std::string::npos) return split;
  return Error{ErrorCode::invalid_argument,
               name + " has an @ after the host: write / in a password as %2F, and @ in a path as %40"};
}

std::string without_credentials(std::string_view url) {
  const std::size_t at = url.rfind('@');
  if (at == std::string_view::npos) return std::string(url);
  const std::size_t begin = std::min(authority_begin(url), at);
  return std::string(url.substr(0, begin)).append(url.substr(at + 1));
}

}  // namespace sightline
