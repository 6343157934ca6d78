// Which URLs lead to this server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sightline {

/// Recognises URLs of this server's inference port by their text alone: scheme, port, and a host that can only be this
/// machine. Without DNS, so another name of this machine is not recognised.
class OwnUrls {
 public:
  /// `host`: as in --host. `machine`: this machine's name; empty: none.
  OwnUrls(bool tls, std::string_view host, std::string_view machine, std::uint16_t port);
  bool has(std::string_view url) const;

 private:
  std::vector<std::string> origins_;  ///< in lower case: "http://127.0.0.1:8080"
};

}  // namespace sightline
