// Which names an index may have, and how index expressions are read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// Nothing if an index may be made under this name; else invalid_index_name_exception.
Refusal check_new_index_name(const std::string& name);

ElasticError invalid_index_name(const std::string& name, const std::string& why);
ElasticError index_not_found(const std::string& name);

/// The parts of a comma list.
std::vector<std::string> split_expression(std::string_view expression);
/// `*`, `_all`, "" or anything with a `*`.
bool is_wildcard(std::string_view part);
/// True if a part chooses `name`: by wildcards, or as `_all`.
bool part_fits(std::string_view part, std::string_view name);

}  // namespace sightline::elastic
