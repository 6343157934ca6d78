#include "server/elastic/inference/request_target.h"

namespace sightline::elastic {

std::optional<std::string> url_fault(std::string_view url) {
  for (std::size_t i = 0; i < url.size(); ++i) {
    const auto c = static_cast<unsigned char>(url[i]);
    if (c <= ' ' || c == 0x7f || std::string_view("\"<>\\^`{|}").find(url[i]) != std::string_view::npos) {
      const char* part = url.find('?') < i ? "query" : "path";
      return "Illegal character in " + std::string(part) + " at index " + std::to_string(i);
    }
  }
  const auto authority = url.find("://");
  const auto scheme = url.substr(0, authority);
  if (authority == std::string_view::npos || (scheme != "http" && scheme != "https")) {
    return "the url must begin with http:// or https://";
  }
  const auto host = url.substr(authority + 3, url.find_first_of("/?#", authority + 3) - (authority + 3));
  if (host.empty() || host.front() == ':') return "the url names no host";
  return {};
}

std::string_view server_of(std::string_view url) {
  return url.substr(0, url.find_first_of("/?#", url.find("://") + 3));
}

std::optional<std::string> header_fault(std::string_view name, std::string_view value) {
  const bool bad_name = name.empty() || name.find_first_of("\r\n: ") != std::string_view::npos;
  if (!bad_name && value.find_first_of("\r\n") == std::string_view::npos) return {};
  return "header [" + std::string(name) + "] holds a character that a header may not have";
}

}  // namespace sightline::elastic
