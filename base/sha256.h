// Content hashes.
#pragma once

#include <string>
#include <string_view>

namespace sightline {

/// SHA-256 of `bytes` as 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace sightline
