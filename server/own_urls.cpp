#include "server/own_urls.h"

#include <algorithm>

#include "base/ascii_lower.h"
#include "server/http/listening_socket.h"
#include "server/http/web_guard.h"

namespace sightline {
namespace {

bool is_wildcard(std::string_view host) {
  return host.empty() || host == "0.0.0.0" || host == "::" || host == "[::]";
}

}  // namespace

OwnUrls::OwnUrls(bool tls, std::string_view host, std::string_view machine, std::uint16_t port) {
  std::vector<std::string> hosts;
  const bool all = is_wildcard(host);
  if (!all) hosts.push_back(ascii_lower(http::url_host(std::string(host))));
  // Where only one address is listened on, the same port of others may be another program's.
  if (all || http::is_loopback(host)) hosts.insert(hosts.end(), {"127.0.0.1", "localhost", "[::1]"});
  if (all && !machine.empty()) hosts.push_back(ascii_lower(machine));
  const std::string scheme = tls ? "https://" : "http://";
  const bool usual_port = port == (tls ? 443 : 80);
  for (const std::string& name : hosts) {
    origins_.push_back(scheme + name + ":" + std::to_string(port));
    if (usual_port) origins_.push_back(scheme + name);
  }
}

bool OwnUrls::has(std::string_view url) const {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return false;
  const auto end = url.find_first_of("/?#\\", scheme + 3);
  const std::string origin = ascii_lower(url.substr(0, end));
  return std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
}

}  // namespace sightline
