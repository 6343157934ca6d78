// The parameters of URLs that choose the parts of a `_source`.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/parameter_table.h"

namespace sightline::elastic::rest {

/// The parameters of `_source` as they were sent. Together they replace the `_source` of the body.
struct SourceParameters {
  std::vector<std::pair<std::string, std::string>> source = {};
};

/// Throws Refused: for a value that is no flag, and for more than Limits::max_patterns patterns.
inline SourceFilter source_filter(const SourceParameters& parameters, const Limits& limits) {
  SourceFilter filter;
  for (const auto& [name, text] : parameters.source) {
    if (auto refusal = read_source_parameter(name, text, filter)) refuse(*std::move(refusal));
  }
  check_patterns(filter, limits);
  return filter;
}

/// `Target` has SourceParameters as a base.
template <class Target>
std::vector<Parameter<Target>> source_rows() {
  const auto read = [](std::string_view name, const std::string& text, Target& target) {
    target.source.emplace_back(name, text);
  };
  return {{"_source", "flag or list", read},
          {"_source_includes", "list", read},
          {"_source_excludes", "list", read},
          {"_source_exclude_vectors", "flag", read}};
}

}  // namespace sightline::elastic::rest
