// Characters as readers see them.
#pragma once

#include <cstddef>
#include <string_view>

namespace sightline::models {

/// The end of the extended grapheme cluster (Unicode Standard Annex 29) that begins at `at` < text.size(). `text` is
/// well-formed UTF-8. Rule GB9c, which joins conjuncts of Indic scripts since Unicode 15.1, is left out: clusters end where
/// such a conjunct goes on.
std::size_t grapheme_end(std::string_view text, std::size_t at);

}  // namespace sightline::models
