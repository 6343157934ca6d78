// Which names an index may have, and how index expressions are read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// Why an index or alias cannot have this name; nothing if it can.
std::optional<std::string> fault_of_name(const std::string& name);

/// How an index expression ("l", "a,b", "log-*", "_all", "") is read.
struct IndicesOptions {
  bool ignore_unavailable = false;  ///< names without an index are skipped
  bool allow_no_indices = true;     ///< wildcards may match nothing
  bool expands = true;              ///< wildcards match names; otherwise they are names
  bool expand_open = true;          ///< wildcards match indices
  bool expand_hidden = false;       ///< wildcards also match hidden indices

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
/// True if a part matches `name`: by wildcards, or as `_all`.
bool part_fits(std::string_view part, std::string_view name);

}  // namespace sightline::elastic
