// The `q` parameter.
#pragma once

#include <string_view>

#include "server/elastic/embedded/search/query_parser.h"

namespace sightline::elastic {

/// Reads the plain part of Lucene's query language: words, `field:word`, `field:"one word"`,
/// `_exists_:field`, `*` for everything, AND, OR, NOT, and `+`, `-` in front. `default_field` (may be empty:
/// all fields) takes words without a field. Throws Refused for all else (phrases, ranges, wildcards, groups,
/// fuzziness, boosts), naming it.
/// `lenient`: words that do not fit a field's type match nothing there.
QueryPtr parse_query_string(std::string_view text, std::string_view default_field, bool and_by_default,
                            bool lenient, QueryBudget& budget);

}  // namespace sightline::elastic
