// What a client is counted by.
#pragma once

#include <string>

namespace sightline::http {

/// Its address; of IPv6 the first 64 bits, as whoever has one address of a /64 has all of them.
std::string network_of(const std::string& address);

}  // namespace sightline::http
