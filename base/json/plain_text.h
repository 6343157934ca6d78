// Finds characters that need escapes in a JSON string.
#pragma once

#include <cstddef>
#include <string_view>

namespace sightline::json {

/// Offset of the first byte of `text` from `at` on that is a quote, a backslash, a control character or not ASCII; the
/// size of the text if there is none.
std::size_t plain_end(std::string_view text, std::size_t at);

}  // namespace sightline::json
