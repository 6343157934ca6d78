// Percent-encoding, RFC 3986.
#pragma once

#include <string>
#include <string_view>

namespace sightline {

/// `%41` becomes `A`; everything else is unchanged.
std::string percent_decode(std::string_view text, bool plus_is_blank = false);

}  // namespace sightline
