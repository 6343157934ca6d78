// The view of one index during a search, and the errors that can occur there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/number_text.h"
#include "server/elastic/embedded/search/search_index.h"
#include "server/elastic/embedded/stored_index.h"
#include "server/elastic/rest/json_filter.h"

namespace sightline::elastic {

/// A failure while one index is searched, as Elasticsearch reports it of a shard. Thrown inside this folder,
/// like Refused.
struct ShardRefused {
  std::string type;
  std::string reason;
};

/// query_shard_exception: the query does not fit the mapping.
[[noreturn]] inline void refuse_query(std::string reason) {
  throw ShardRefused{"query_shard_exception", std::move(reason)};
}
/// illegal_argument_exception on the shard.
[[noreturn]] inline void refuse_shard(std::string reason) {
  throw ShardRefused{"illegal_argument_exception", std::move(reason)};
}

/// One index during one search, under StoreCore::read_lock.
struct ShardView {
  IndexPtr index;
  std::shared_ptr<const Mapping> mapping;
  const SearchIndex* search = nullptr;
  std::size_t max_clauses = 0;           ///< Limits::max_clauses
  mutable std::size_t expanded = 0;      ///< clauses that words and field patterns expanded to
  std::optional<DocSet> at_moment = {};  ///< of a point in time: the documents from when it was opened that still exist

  /// Counts the clauses that a query expands to in this index, besides those that were sent. Throws ShardRefused.
  void count_clauses(std::size_t more) const {
    expanded += more;
    if (expanded <= max_clauses) return;
    refuse_query("the words and patterns of the query become more than [" + std::to_string(max_clauses) +
                 "] clauses; send a smaller query, or raise --elasticsearch-max-clauses");
  }
  /// Mapping::expand, counted as clauses: each pattern is compared with all fields.
  std::vector<FieldPtr> expand(std::string_view pattern) const {
    constexpr std::size_t k_fields_per_clause = 128;
    if (pattern.find('*') != std::string_view::npos) count_clauses(mapping->size() / k_fields_per_clause);
    return mapping->expand(rest::compact_pattern(pattern));
  }
  const MemoryIndex& memory() const { return search->memory(); }
  /// The documents that the search may find.
  const DocSet& searchable() const { return at_moment ? *at_moment : memory().live(); }
  /// The position of a document among the others. Within a point in time a replaced document keeps its position.
  std::int64_t place(Doc doc) const { return at_moment ? memory().origin(doc) : static_cast<std::int64_t>(doc); }
  /// A setting of the index that was checked to be a number when it was set.
  std::int64_t number_setting(std::string_view name, std::int64_t otherwise) const {
    const auto text = index->setting(name);
    return text ? number_from<std::int64_t>(*text).value_or(otherwise) : otherwise;
  }
};

/// Throws ShardRefused unless the field has values by document, which sorting and aggregations need.
inline void refuse_without_values(const ShardView& shard, const Field& field) {
  const bool has_values = field.doc_values && field.type != FieldType::dense_vector && field.type != FieldType::binary;
  if (has_values) return;
  refuse_shard("Fielddata is disabled on [" + field.path + "] in [" + shard.index->name() + "], which is of type [" +
               to_string(field.type) + "]: it has no values to sort or aggregate by; use a field with doc values");
}

}  // namespace sightline::elastic
