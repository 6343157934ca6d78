// Which addresses the server may connect to on behalf of its callers.
#pragma once

#include <cstdint>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct sockaddr;

namespace sightline::security {

/// Refuses connections to addresses that are not public, so that nobody reaches through this server what only it
/// can reach: services of its machine and network, metadata services of clouds.
///
/// The address that is about to be connected to is judged, not the text of a URL: it does not matter how it is
/// spelled, or what a name resolved to before. IPv4 within IPv6 (mapped, NAT64, 6to4) is judged as IPv4. Not public is
/// what IANA's special-purpose registries list (RFC 6890 and its updates), multicast, and of IPv6 all outside 2000::/3.
/// Thread safety: all members may be called from any thread.
class AddressGuard {
 public:
  /// `allowed`: addresses that are allowed though they are not public, each as ADDRESS or NETWORK/BITS, IPv6 in brackets
  /// if a port follows, with :PORT for that port alone; `*`: all. `own_port`: this server's, which is allowed at all
  /// addresses of this machine; 0: none. Errors: invalid_argument.
  static Result<AddressGuard> create(const std::vector<std::string>& allowed, std::uint16_t own_port);

  /// Whether a connection to `address`, IPv4 or IPv6, may be opened.
  bool allows(const sockaddr& address) const;

 private:
  struct Network {
    in6_addr address{};  ///< IPv4 as ::ffff:a.b.c.d
    unsigned bits = 128;
    std::uint16_t port = 0;  ///< 0: any
  };
  static Result<Network> network_from(std::string_view text);

  std::vector<Network> allowed_;
  bool allows_all_ = false;
  std::uint16_t own_port_ = 0;
};

/// "10.0.0.7:80", "[fe80::1]:80".
std::string text_of(const sockaddr& address);

}  // namespace sightline::security
