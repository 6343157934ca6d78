// The analyzers that a text field may name.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "server/elastic/embedded/search/standard_analyzer.h"

namespace sightline::elastic {

/// Gives the tokens of `text`, one by one, as the analyzer of that name makes them: standard, simple (runs of
/// letters, lower-cased), whitespace (between blanks, as they are), keyword (the whole text as one token),
/// stop (simple without English stop words). False if there is no analyzer of that name.
bool each_token(std::string_view analyzer, std::string_view text, const TakeToken& take);
/// All of them, or nothing if there is no analyzer of that name.
std::optional<std::vector<Token>> analyze_text(std::string_view analyzer, std::string_view text);

}  // namespace sightline::elastic
