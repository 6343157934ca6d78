// The key by which clients are counted.
#pragma once

#include <string>

namespace sightline::http {

/// Its address; for IPv6 the first 64 bits, because the owner of one address of a /64 has all of them.
std::string network_of(const std::string& address);

}  // namespace sightline::http
