// Which web pages may call the server.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/http/message.h"

namespace sightline::http {

/// A browser sends requests for any page that is open in it, also to ports that only its machine can reach.
/// Two fields name the sender, and a page cannot forge them:
///
/// - `Host` is the name in the URL. A page whose own name suddenly means this machine (DNS rebinding) may read
///   answers, but is recognised by this name. Accepted are addresses; names that nobody can register in the public DNS:
///   those without a dot (`localhost`, services of Compose and Kubernetes), `*.localhost`, `*.local`,
///   `*.internal`, `*.svc` and `*.home.arpa`; this machine's name; and `allowed_hosts`.
/// - `Origin` is the site of the page. Accepted are the page's own server (Origin and Host name the same place),
///   pages from this machine (`http://localhost:3000`), and `allowed_origins`; of these two the browser lets
///   the page read the answer (CORS). Where a browser sends no Origin, as for pictures, links and frames, it
///   sends `Sec-Fetch-Site`, and then only a link to `/` or `/docs` is followed.
///
/// Programs send neither Origin nor Sec-Fetch-Site.
class WebGuard {
 public:
  /// Hosts: `name`, `*.name`, `*` for all; with a port only with that port. Origins: `scheme://host:port`,
  /// `scheme://*.host`, `null`, `*` for all. Errors: invalid_argument.
  static Result<WebGuard> create(const std::string& own_host, const std::vector<std::string>& allowed_hosts,
                                 const std::vector<std::string>& allowed_origins);

  /// Why the request must not be served; empty: it may be.
  std::optional<std::string> refusal(const Request& head) const;
  /// The origin of another site's page that may read the answer; empty: there is none.
  std::string page_of(const Request& head) const;

 private:
  bool serves_host(std::string_view host) const;
  bool serves_origin(std::string_view origin) const;

  std::vector<std::string> hosts_;
  std::vector<std::string> origins_;
};

/// True if a browser asks whether a page may send a request (CORS preflight).
bool is_preflight(const Request& head);
/// The answer to it, for a page that may.
Response preflight_answer(const Request& head);
/// Lets a page of `origin` read the answer, and removes other fields about that.
void allow_page(Headers& headers, const std::string& origin);

/// Whether `host`, a name or an address in lower case, is only of this machine.
bool is_loopback(std::string_view host);

}  // namespace sightline::http
