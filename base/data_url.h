// Data URLs, RFC 2397, as people write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightline {

/// A data URL. Its parts point into the text that was read.
struct DataUrl {
  std::string_view header;   ///< "data:image/jpeg;base64": all before the comma
  std::string_view payload;  ///< all after it, encoded; empty if there is no comma
  bool is_base64 = false;    ///< according to the header
  bool has_comma = true;     ///< false: the URL is broken
};

/// Reads `text` as a data URL; nullopt: it is an ordinary text.
///
/// Whitespace and a byte order mark around it and the case of letters are ignored. It begins with `data:`, and
///   1. a header that ends in `;base64` before a comma, whatever else the header holds (parameters of any
///      number and length, whitespace around them, commas in them);
///   2. or a header of RFC 2397's form before a comma: nothing, or a registered type with a subtype
///      (`image/...`, `text/...`), then parameters without whitespace, quoted or not;
///   3. or, without a comma: `;base64` in a text without whitespace, or bare base64 of a picture.
/// "data: the house has two rooms, a garden" is none of these.
std::optional<DataUrl> read_data_url(std::string_view text);

/// The payload, decoded: percent-encoding first, then base64 if the header has it (see
/// base64_decode_leniently). Errors: invalid_argument.
Result<std::string> decode_payload(const DataUrl& url);

/// "[data:image/jpeg;base64]", cut where it is long, for messages.
std::string shown_header(const DataUrl& url);

/// Without the whitespace around it, and without a byte order mark before it.
std::string_view without_outer_blanks(std::string_view text);

}  // namespace sightline
