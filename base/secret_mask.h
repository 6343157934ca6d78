// Removes secrets from texts of other programs.
#pragma once

#include <string>
#include <string_view>

namespace sightline {

/// `text` with "[hidden]" wherever it repeats `secret`: unchanged, encoded as in JSON or a URL (in either case of its
/// hexadecimal digits, a space as '+'), or inside of something in base64, standard or for URLs. Secrets of less than 3
/// bytes are not masked; other encodings are not detected.
std::string without_secret(std::string text, std::string_view secret);

}  // namespace sightline
