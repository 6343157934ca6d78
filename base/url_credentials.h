// The user and the password that a URL contains.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sightline {

/// A URL for messages and requests, and what was in front of its host.
struct UrlCredentials {
  std::string url;             ///< without user and password
  std::string user, password;  ///< percent-decoded; empty: none
};

/// Splits `http://user:password@host/...`. The password may contain '@': the host begins after the last one. It may also
/// contain '?' and '#' if no '@' is before them; a '/' ends the host.
UrlCredentials split_credentials(std::string_view url);

/// The same for the address of a server that was set as `name`, so that no message shows what is secret in it. Errors:
/// invalid_argument (an '@' is left: perhaps the end of a password); the message does not show the URL.
Result<UrlCredentials> split_server_url(std::string_view url, const std::string& name);

/// `url` for a message: what may be a user and a password in it is left out, all up to the last '@'.
std::string without_credentials(std::string_view url);

}  // namespace sightline
