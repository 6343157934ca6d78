// What in a search needs inference.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace sightline::elastic {

/// A member `query_vector_builder` where Elasticsearch takes one: in a `knn` (of the search itself, of a
/// query at any depth, of a retriever) or in a `diversify` retriever.
struct BuilderPlace {
  std::size_t begin = 0;        ///< offset of the member's name
  std::size_t value_begin = 0;  ///< offset of its value
  std::size_t end = 0;          ///< offset behind its value
  std::size_t values = 0;       ///< JSON values in it, itself too
  bool beside_vector = false;   ///< a `query_vector` is in the same object
};

struct SearchScan {
  std::vector<BuilderPlace> builders;  ///< in the order of the text; none within another
  /// A query that the store answers only with its own inference: "semantic", "sparse_vector",
  /// "text_expansion". Empty: there is none.
  std::string_view inference_query;
};

/// False if `body` surely holds nothing that `scan_search` finds. Costs a few passes of memmem.
bool may_need_inference(std::string_view body);

/// Reads a search, or any other body that holds queries. Names that users choose (fields, aggregations,
/// filters) and free data (script parameters, leaf queries) are never taken for queries. Nothing if `body` is
/// no JSON.
std::optional<SearchScan> scan_search(std::string_view body);

}  // namespace sightline::elastic
