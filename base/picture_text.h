// Whether a string is a text or a picture: the only place that decides this.
#pragma once

#include <string_view>

namespace sightline {

enum class TextKind {
  text,             ///< words
  data_url,         ///< a data URL: see read_data_url
  base64_picture,   ///< bare base64 whose first bytes are surely those of a file in one of our formats
  picture_address,  ///< a link to a picture: see is_picture_address
};

TextKind kind_of_text(std::string_view text);

/// True for a link to a picture, which is not a picture itself:
///   - a URL on its own: `https://x/house`, `s3://...`, `file:///...`, any scheme with `://` and no whitespace;
///   - a path that ends as a file of pictures does (`.jpg`, `.PNG`, `.heic` ...) and begins as paths do: `/`,
///     `./`, `../`, `~/`, `C:\`, `\\`;
///   - one word that ends so: `house.jpg`, `photos/house.jpg`.
bool is_picture_address(std::string_view text);

}  // namespace sightline
