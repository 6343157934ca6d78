// Keeping secrets out of texts that others have written.
#pragma once

#include <string>
#include <string_view>

namespace sightline {

/// `text` with "[hidden]" wherever it repeats `secret`: as it is, as JSON or a URL writes it (in either case
/// of its hexadecimal digits, a blank as '+'), or inside of something in base64, standard or for URLs.
/// Secrets of less than 3 bytes are no secrets, and are left; other encodings are not known here.
std::string without_secret(std::string text, std::string_view secret);

}  // namespace sightline
