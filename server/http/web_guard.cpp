#include "server/http/web_guard.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <unistd.h>

#include "base/ascii_lower.h"

namespace sightline::http {
namespace {

constexpr std::string_view k_private_domains[] = {".localhost", ".local", ".internal", ".svc", ".home.arpa"};
constexpr const char* k_readable_fields =
    "X-Request-Id, X-Opaque-Id, X-elastic-product, Location, Retry-After, Warning, WWW-Authenticate";
constexpr const char* k_methods = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";

/// "name", or "[::1]", of "name:8080".
std::string_view without_port(std::string_view authority) {
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  const auto colon = authority.find(':');
  return colon == authority.rfind(':') ? authority.substr(0, colon) : authority;  // an IPv6 has several
}

/// Of a place as two fields may write it: lower case, without the port that goes without saying.
std::string plain_authority(std::string_view authority) {
  std::string made = ascii_lower(authority);
  for (const std::string_view port : {":80", ":443"}) {
    if (made.ends_with(port) && without_port(made).size() + port.size() == made.size()) {
      made.resize(made.size() - port.size());
      break;
    }
  }
  return made;
}

bool is_address(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string text(host.substr(0, host.find('%')));
  std::array<unsigned char, 16> bytes{};
  return ::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

/// "*", "*.example.com" (not example.com itself), or the text as it is; both in lower case.
bool fits(std::string_view pattern, std::string_view text) {
  if (pattern == "*") return true;
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  const auto head = pattern.substr(0, star);
  const auto tail = pattern.substr(star + 1);
  return text.size() > head.size() + tail.size() && text.starts_with(head) && text.ends_with(tail);
}

std::string machine_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? ascii_lower(name.data()) : std::string();
}

std::string shown(std::string_view text) {
  return "[" + std::string(text.substr(0, 200)) + "]";
}

/// `text` is one of the origins in an option's list.
bool is_origin(std::string_view text) {
  if (text == "*" || text == "null") return true;
  const auto colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto host = text.substr(colon + 3);
  return !host.empty() && host.find_first_of("/?# ") == std::string_view::npos;
}

}  // namespace

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost") || host == "::1" || host == "[::1]") return true;
  return host.starts_with("127.") && is_address(host);
}

Result<WebGuard> WebGuard::create(const std::string& own_host, const std::vector<std::string>& allowed_hosts,
                                  const std::vector<std::string>& allowed_origins) {
  WebGuard guard;
  for (const std::string& host : allowed_hosts) {
    if (host.empty() || host.find_first_of("/ ") != std::string::npos) {
      return Error{ErrorCode::invalid_argument,
                   "--allowed-hosts: " + shown(host) +
                       " is not a host name; write search.example.com, *.example.com, or * for all"};
    }
    guard.hosts_.push_back(ascii_lower(host));
  }
  for (const std::string& origin : allowed_origins) {
    if (!is_origin(origin)) {
      return Error{ErrorCode::invalid_argument,
                   "--allowed-origins: " + shown(origin) +
                       " is not an origin; write https://app.example.com, http://10.0.0.7:3000, or * for all"};
    }
    guard.origins_.push_back(ascii_lower(origin));
  }
  guard.hosts_.push_back(ascii_lower(own_host));
  guard.hosts_.push_back(machine_name());
  return guard;
}

bool WebGuard::serves_host(std::string_view host) const {
  const std::string place = ascii_lower(host);
  std::string_view name = without_port(place);
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.find('.') == std::string_view::npos || is_address(name)) return true;
  for (const auto domain : k_private_domains) {
    if (name.ends_with(domain)) return true;
  }
  return std::any_of(hosts_.begin(), hosts_.end(),
                     [&](const std::string& pattern) { return fits(pattern, name) || fits(pattern, place); });
}

bool WebGuard::serves_origin(std::string_view origin) const {
  const std::string site = ascii_lower(origin);
  const auto scheme = site.find("://");
  if (scheme != std::string::npos && is_loopback(without_port(std::string_view(site).substr(scheme + 3)))) return true;
  return std::any_of(origins_.begin(), origins_.end(), [&](const std::string& pattern) { return fits(pattern, site); });
}

namespace {

/// The page came from this server: Origin and Host name the same place.
bool is_own_page(const Request& head, std::string_view origin) {
  const auto scheme = origin.find("://");
  const auto host = head.headers.get("Host");
  return host && scheme != std::string_view::npos &&
         plain_authority(origin.substr(scheme + 3)) == plain_authority(*host);
}

/// A link to a page of ours: the only thing that may lead here from elsewhere without an Origin.
bool is_link(const Request& head) {
  return head.method == Method::get && (head.path == "/" || head.path == "/docs") && head.query.empty() &&
         head.headers.get("Sec-Fetch-Mode").value_or("") == "navigate" &&
         head.headers.get("Sec-Fetch-Dest").value_or("") == "document";
}

}  // namespace

std::optional<std::string> WebGuard::refusal(const Request& head) const {
  const auto host = head.headers.get("Host").value_or("");
  if (!serves_host(host)) {
    return "the Host " + shown(host) + " is neither an address nor an accepted name; add it to --allowed-hosts";
  }
  if (const auto origin = head.headers.get("Origin")) {
    if (is_own_page(head, *origin) || serves_origin(*origin)) return {};
    return "web pages of the Origin " + shown(*origin) +
           " are not accepted; add it to --allowed-origins if they may send requests";
  }
  const auto site = head.headers.get("Sec-Fetch-Site").value_or("none");
  if (site == "none" || site == "same-origin" || is_link(head)) return {};
  return "a web page of another site must not send this request; to allow its site, add it to "
         "--allowed-origins, and send an Origin (fetch with mode cors)";
}

std::string WebGuard::page_of(const Request& head) const {
  const auto origin = head.headers.get("Origin");
  return origin && !is_own_page(head, *origin) && serves_origin(*origin) ? std::string(*origin) : std::string();
}

bool is_preflight(const Request& head) {
  return head.method == Method::options && head.headers.get("Origin") &&
         head.headers.get("Access-Control-Request-Method");
}

Response preflight_answer(const Request& head) {
  Response answer;
  answer.status = 204;
  answer.headers.set("Access-Control-Allow-Methods", k_methods);
  if (const auto fields = head.headers.get("Access-Control-Request-Headers"))
    answer.headers.set("Access-Control-Allow-Headers", std::string(*fields));
  if (head.headers.get("Access-Control-Request-Private-Network").value_or("") == "true")
    answer.headers.set("Access-Control-Allow-Private-Network", "true");
  answer.headers.set("Access-Control-Max-Age", "600");
  return answer;
}

void allow_page(Headers& headers, const std::string& origin) {
  headers.set("Access-Control-Allow-Origin", origin);
  headers.set("Access-Control-Expose-Headers", k_readable_fields);
  headers.add("Vary", "Origin");
}

}  // namespace sightline::http
