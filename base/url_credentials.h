// The user and the password that a URL contains.
#pragma once

#include <string>
#include <string_view>

namespace sightline {

/// A URL for messages and requests, and what was in front of its host.
struct UrlCredentials {
  std::string url;             ///< without user and password
  std::string user, password;  ///< percent-decoded; empty: none
};

/// Splits `http://user:password@host/...`. The password may contain '@': the host begins after the last one.
UrlCredentials split_credentials(std::string_view url);

}  // namespace sightline
