// The lines of an _msearch, and what comes back for them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// One search of an _msearch: a line of metadata, which may be empty, and the search's own.
struct SearchLines {
  std::size_t begin = 0;         ///< offset of the metadata
  std::size_t search_begin = 0;  ///< offset of the search
  std::size_t search_end = 0;    ///< offset behind it, without the line break
  std::size_t end = 0;           ///< offset behind both
};

/// The searches of a body, `most` of them. What is at its end without a line break is none, as in
/// Elasticsearch.
std::vector<SearchLines> search_lines(std::string_view body, std::size_t most = std::string_view::npos);

/// `answer` (of an _msearch of the searches that did not fail) with the failures put in between, each in its
/// place; its own items stay byte by byte. Nothing if it has not as many items as there are searches without
/// a failure.
std::optional<std::string> merge_failures(std::string_view answer, const std::vector<Refusal>& failures);

}  // namespace sightline::elastic
