// The `standard` analyzer: Lucene's StandardTokenizer followed by its lower-case filter.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sightline::elastic {

/// Longest token in UTF-16 code units; a longer one is cut into pieces of this length.
inline constexpr std::uint32_t k_max_token_length = 255;

/// Takes a token, lower-cased, in UTF-8.
using TakeToken = std::function<void(std::string&& token)>;

/// Gives the tokens of UTF-8 `text` one by one, in memory that does not grow with the text. Boundaries are
/// those of Unicode Standard Annex 29 with Lucene's three choices: a Han or Hiragana character is a token of
/// its own, a run of a script without blanks (Thai, Lao, Khmer, ...) is one token, and an emoji sequence is a
/// token. Bytes that are no UTF-8 count as U+FFFD, which separates words.
void each_token(std::string_view text, const TakeToken& take);

/// The text with every character lower-cased by itself, as Lucene's filter does (no context, no expansion).
std::string lower_case(std::string_view text);

}  // namespace sightline::elastic
