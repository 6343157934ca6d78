// URLs of pictures, as requests give them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightline {

constexpr std::size_t k_longest_picture_url = 4096;  ///< bytes

/// True if `text` begins with http:// or https://, whitespace before it and the case of letters aside.
bool is_web_link(std::string_view text);

/// The URL in `link` (see is_web_link), without whitespace around it and without a fragment, its host in lower case.
/// Errors: invalid_argument (credentials, characters that no URL has, no host, more than k_longest_picture_url bytes);
/// they show neither path nor query.
Result<std::string> picture_url(std::string_view link);

/// "example.com:8080" of a URL, for messages.
std::string host_of(std::string_view url);

}  // namespace sightline
