#include "server/elastic/embedded/search/shard_view.h"

#include "base/number_text.h"

namespace sightline::elastic {

std::int64_t ShardView::number_setting(std::string_view name, std::int64_t otherwise) const {
  const auto text = index->setting(name);
  return text ? number_from<std::int64_t>(*text).value_or(otherwise) : otherwise;
}

void ShardView::count_clauses(std::size_t more) const {
  expanded += more;
  if (expanded <= max_clauses) return;
  refuse_query("the words and patterns of the query become more than [" + std::to_string(max_clauses) +
               "] clauses; send a smaller query, or raise --elasticsearch-max-clauses");
}

void refuse_without_values(const ShardView& shard, const Field& field) {
  const bool has_values =
      field.doc_values && field.type != FieldType::dense_vector && field.type != FieldType::binary;
  if (has_values) return;
  refuse_shard("Fielddata is disabled on [" + field.path + "] in [" + shard.index->name() + "], which is of type [" +
               to_string(field.type) + "]: it has no values to sort or aggregate by; use a field with doc values");
}

}  // namespace sightline::elastic
