#include "server/security/address_guard.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstring>
#include <ifaddrs.h>
#include <memory>
#include <optional>
#include <sys/socket.h>

#include "base/number_text.h"

namespace sightline::security {
namespace {

/// An address of either family as one of IPv6; IPv4 is mapped. Empty for another family.
std::optional<in6_addr> ipv6_of(const sockaddr& address) {
  if (address.sa_family == AF_INET6) return reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  if (address.sa_family != AF_INET) return {};
  in6_addr mapped{};
  mapped.s6_addr[10] = mapped.s6_addr[11] = 0xff;
  std::memcpy(mapped.s6_addr + 12, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
  return mapped;
}

std::uint16_t port_of(const sockaddr& address) {
  return ntohs(address.sa_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

bool is_within(const in6_addr& address, const in6_addr& network, unsigned bits) {
  const std::size_t whole = bits / 8;
  if (std::memcmp(address.s6_addr, network.s6_addr, whole) != 0) return false;
  const unsigned rest = bits % 8;
  const auto mask = static_cast<unsigned char>(0xff00u >> rest);
  return rest == 0 || ((address.s6_addr[whole] ^ network.s6_addr[whole]) & mask) == 0;
}

struct Range {
  std::string_view network;
  unsigned bits;
};

/// IANA IPv4 Special-Purpose Address Registry, and multicast.
constexpr std::array k_special_ipv4{Range{"0.0.0.0", 8},       Range{"10.0.0.0", 8},     Range{"100.64.0.0", 10},
                                    Range{"127.0.0.0", 8},     Range{"169.254.0.0", 16}, Range{"172.16.0.0", 12},
                                    Range{"192.0.0.0", 24},    Range{"192.0.2.0", 24},   Range{"192.31.196.0", 24},
                                    Range{"192.52.193.0", 24}, Range{"192.88.99.0", 24}, Range{"192.168.0.0", 16},
                                    Range{"192.175.48.0", 24}, Range{"198.18.0.0", 15},  Range{"198.51.100.0", 24},
                                    Range{"203.0.113.0", 24},  Range{"224.0.0.0", 4},    Range{"240.0.0.0", 4}};

/// Of 2000::/3, the only part of IPv6 that is assigned to hosts: IANA IPv6 Special-Purpose Address Registry.
constexpr std::array k_special_ipv6{Range{"2001::", 23}, Range{"2001:db8::", 32}, Range{"2620:4f:8000::", 48},
                                    Range{"3fff::", 20}};

in6_addr parsed_ipv6(std::string_view text) {
  in6_addr address{};
  ::inet_pton(AF_INET6, std::string(text).c_str(), &address);
  return address;
}

bool is_public_ipv4(const unsigned char* bytes) {
  return std::none_of(k_special_ipv4.begin(), k_special_ipv4.end(), [&](const Range& range) {
    std::array<unsigned char, 4> network{};
    ::inet_pton(AF_INET, std::string(range.network).c_str(), network.data());
    const auto number = [](const unsigned char* b) {
      return static_cast<std::uint32_t>(b[0]) << 24 | static_cast<std::uint32_t>(b[1]) << 16 |
             static_cast<std::uint32_t>(b[2]) << 8 | b[3];
    };
    return (number(bytes) ^ number(network.data())) >> (32 - range.bits) == 0;
  });
}

bool is_public(const in6_addr& address) {
  if (is_within(address, parsed_ipv6("::ffff:0:0"), 96) || is_within(address, parsed_ipv6("64:ff9b::"), 96))
    return is_public_ipv4(address.s6_addr + 12);
  if (is_within(address, parsed_ipv6("2002::"), 16)) return is_public_ipv4(address.s6_addr + 2);
  if (!is_within(address, parsed_ipv6("2000::"), 3)) return false;
  return std::none_of(k_special_ipv6.begin(), k_special_ipv6.end(),
                      [&](const Range& range) { return is_within(address, parsed_ipv6(range.network), range.bits); });
}

/// Loopback, or an address of one of this machine's interfaces.
bool is_of_this_machine(const in6_addr& address) {
  if (is_within(address, parsed_ipv6("::ffff:127.0.0.0"), 104) || is_within(address, parsed_ipv6("::1"), 128))
    return true;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return false;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> interfaces(first, &::freeifaddrs);
  for (const ifaddrs* at = first; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr) continue;
    const auto own = ipv6_of(*at->ifa_addr);
    if (own && is_within(address, *own, 128)) return true;
  }
  return false;
}

Error invalid(std::string_view text) {
  return {ErrorCode::invalid_argument, "[" + std::string(text.substr(0, 200)) +
                                           "] is no address or network; write 10.1.2.3, 10.0.0.0/8, 10.1.2.3:8080, "
                                           "fd00::/8, [fd00::1]:8080, or * for all"};
}

}  // namespace

Result<AddressGuard::Network> AddressGuard::network_from(std::string_view text) {
  const Error wrong = invalid(text);
  Network network;
  // ADDRESS[/BITS][:PORT], with brackets around IPv6 with a port.
  const auto closing = text.find(']');
  const bool bracketed = text.starts_with('[') && closing != text.npos;
  const bool ipv6 = bracketed || std::count(text.begin(), text.end(), ':') > 1;
  const auto colon = ipv6 && !bracketed ? text.npos : text.find(':', bracketed ? closing : 0);
  if (colon != text.npos) {
    const auto port = number_from<std::uint16_t>(text.substr(colon + 1));
    if (!port || *port == 0) return wrong;
    network.port = *port;
    text = text.substr(0, colon);
  }
  unsigned given_bits = ipv6 ? 128 : 32;
  if (const auto slash = text.find('/'); slash != text.npos) {
    const auto bits = number_from<unsigned>(text.substr(slash + 1));
    if (!bits || *bits > given_bits) return wrong;
    given_bits = *bits;
    text = text.substr(0, slash);
  }
  if (bracketed) {
    if (text.back() != ']') return wrong;
    text = text.substr(1, text.size() - 2);
  }
  const std::string address = (ipv6 ? "" : "::ffff:") + std::string(text);
  if (::inet_pton(AF_INET6, address.c_str(), &network.address) != 1) return wrong;
  network.bits = ipv6 ? given_bits : 96 + given_bits;
  return network;
}

Result<AddressGuard> AddressGuard::create(const std::vector<std::string>& allowed, std::uint16_t own_port) {
  AddressGuard guard;
  guard.own_port_ = own_port;
  for (const std::string& text : allowed) {
    if (text == "*") {
      guard.allows_all_ = true;
      continue;
    }
    auto network = network_from(text);
    if (!network) return network.error();
    guard.allowed_.push_back(*network);
  }
  return guard;
}

bool AddressGuard::allows(const sockaddr& address) const {
  if (allows_all_) return true;
  const auto target = ipv6_of(address);
  if (!target) return false;
  if (is_public(*target)) return true;
  const std::uint16_t port = port_of(address);
  if (own_port_ != 0 && port == own_port_ && is_of_this_machine(*target)) return true;
  return std::any_of(allowed_.begin(), allowed_.end(), [&](const Network& network) {
    return (network.port == 0 || network.port == port) && is_within(*target, network.address, network.bits);
  });
}

std::string text_of(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool ipv6 = address.sa_family == AF_INET6;
  const void* const bytes = ipv6 ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr)
                                 : &reinterpret_cast<const sockaddr_in&>(address).sin_addr;
  if (!::inet_ntop(ipv6 ? AF_INET6 : AF_INET, bytes, text.data(), text.size())) return "an unknown address";
  return (ipv6 ? "[" + std::string(text.data()) + "]" : text.data()) + ":" + std::to_string(port_of(address));
}

}  // namespace sightline::security
