// Reading `sort`.
#pragma once

#include <string_view>
#include <vector>

#include "server/elastic/embedded/search/search_body.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {

/// "price", {"price":"desc"}, {"price":{"order":"desc",...}}, or a list of these. Throws Refused.
std::vector<SortKey> parse_sort(const JsonView& value, const Limits& limits);
/// The URL's form: "price:desc,_score". Throws Refused.
std::vector<SortKey> parse_sort_parameter(std::string_view text, const Limits& limits);

}  // namespace sightline::elastic
