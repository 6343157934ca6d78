// Which names an index may have, and how index expressions are read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// Why no index or alias can have this name; nothing if one can.
std::optional<std::string> fault_of_name(const std::string& name);

/// How an index expression ("l", "a,b", "log-*", "_all", "") is read.
struct IndicesOptions {
  bool ignore_unavailable = false;  ///< names without an index are skipped
  bool allow_no_indices = true;     ///< wildcards may fit nothing
  bool expand_open = true;          ///< wildcards find indices
  bool expand_hidden = false;       ///< and hidden ones

  bool operator==(const IndicesOptions&) const = default;
};

/// Reads expand_wildcards: a comma list of `open`, `closed`, `hidden`, `none`, `all`. Refuses other words.
void read_wildcard_states(std::string_view states, IndicesOptions& options);

ElasticError invalid_index_name(const std::string& name, const std::string& why);
ElasticError index_not_found(const std::string& name);

/// The parts of a comma list.
std::vector<std::string> split_expression(std::string_view expression);
/// `*`, `_all`, "" or anything with a `*`.
bool is_wildcard(std::string_view part);
/// True if a part chooses `name`: by wildcards, or as `_all`.
bool part_fits(std::string_view part, std::string_view name);

}  // namespace sightline::elastic
