// Parameters that many routes of the store share, defined once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/embedded/store_core.h"
#include "server/elastic/rest/parameter_table.h"
#include "server/elastic/rest/source_parameters.h"

namespace sightline::elastic {

/// For routes without parameters.
struct NoParameters {};

struct IndicesParameters {
  IndicesOptions indices = {};
};

template <bool IndicesOptions::*Option, class Target>
void read_indices_option(std::string_view name, const std::string& text, Target& target) {
  target.indices.*Option = rest::parameter::plain_flag(name, text);
}

/// ignore_unavailable, allow_no_indices, expand_wildcards. `Target` has IndicesParameters as a base.
template <class Target>
std::vector<rest::Parameter<Target>> indices_rows() {
  return {{"ignore_unavailable", "flag", read_indices_option<&IndicesOptions::ignore_unavailable, Target>,
           "names without an index are skipped"},
          {"allow_no_indices", "flag", read_indices_option<&IndicesOptions::allow_no_indices, Target>,
           "wildcards may fit nothing"},
          {"expand_wildcards", "list: open, closed, hidden, none, all",
           [](std::string_view, const std::string& text, Target& target) {
             if (!text.empty()) read_wildcard_states(text, target.indices);
           },
           "no index here is closed"}};
}

/// master_timeout, and for requests that change something (`changes`) also timeout.
template <class Target>
std::vector<rest::Parameter<Target>> timeout_rows(bool changes) {
  using namespace rest::parameter;
  constexpr std::string_view k_at_once = "nothing is waited for: one machine decides at once";
  std::vector<rest::Parameter<Target>> rows = {no_effect("master_timeout", "time", check_time, k_at_once)};
  if (changes) rows.emplace_back(no_effect("timeout", "time", check_time, k_at_once));
  return rows;
}

/// `refresh` of writes.
struct RefreshParameters {
  bool forced_refresh = false;  ///< the answer has `forced_refresh`
  bool wants_refresh = false;   ///< searches see the write when it is answered
};

template <class Target>
std::vector<rest::Parameter<Target>> refresh_rows() {
  return {{"refresh", "true, false or wait_for",
           [](std::string_view, const std::string& text, Target& target) {
             if (!text.empty() && text != "true" && text != "false" && text != "wait_for")
               refuse(illegal_argument("Unknown value for refresh: [" + shortened(text) + "]."));
             target.forced_refresh = text.empty() || text == "true";
             target.wants_refresh = text != "false";
           },
           "`wait_for` refreshes at once"}};
}

constexpr std::string_view k_one_copy = "there is one copy of each shard";

}  // namespace sightline::elastic
