#include "base/url_credentials.h"

#include <algorithm>

#include "base/percent.h"

namespace sightline {

UrlCredentials split_credentials(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::string_view authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return {std::string(url), {}, {}};
  const std::string_view user = authority.substr(0, std::min(authority.find(':'), at));
  const std::string_view password = user.size() < at ? authority.substr(user.size() + 1, at - user.size() - 1) : "";
  return {std::string(url.substr(0, begin)).append(url.substr(begin + at + 1)), percent_decode(user),
          percent_decode(password)};
}

}  // namespace sightline
