// The `standard` analyzer: Lucene's StandardTokenizer followed by its lower-case filter.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sightline::elastic {

/// Maximum token length in UTF-16 code units. A longer token is split into pieces of this length.
inline constexpr std::uint32_t k_max_token_length = 255;

/// Receives a token, lower-cased, in UTF-8.
using TakeToken = std::function<void(std::string&& token)>;

/// Passes the tokens of UTF-8 `text` to `take` one by one. Memory does not grow with the text. Boundaries are those of
/// Unicode Standard Annex 29 with Lucene's three choices: a Han or Hiragana character is a separate token, a run of a
/// script without spaces (Thai, Lao, Khmer, ...) is one token, and an emoji sequence is one token. Invalid UTF-8 counts
/// as U+FFFD, which separates words.
void each_token(std::string_view text, const TakeToken& take);

}  // namespace sightline::elastic
