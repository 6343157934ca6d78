// Removes secrets from texts of other programs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sightline {

/// Puts "[hidden]" wherever a text repeats one of several secrets: unchanged, encoded as in JSON or a URL (in either case
/// of its hexadecimal digits, a space as '+'), or inside of something in base64, standard or for URLs. Where
/// occurrences overlap, as of a secret that begins another one, all of them are one "[hidden]". Secrets of less than 3
/// bytes are not masked; other encodings are not detected.
class SecretMask {
 public:
  explicit SecretMask(const std::vector<std::string_view>& secrets);

  /// The first `max_bytes` of `text`, masked; a secret that begins in them is masked even if it ends behind them. Takes
  /// time in proportion to `max_bytes`, not to the text.
  std::string masked(std::string_view text, std::size_t max_bytes = std::string_view::npos) const;

 private:
  std::vector<std::string> forms_;
  std::size_t longest_ = 0;  ///< of the forms, in bytes
};

/// SecretMask of one secret.
std::string without_secret(std::string_view text, std::string_view secret,
                           std::size_t max_bytes = std::string_view::npos);

}  // namespace sightline
