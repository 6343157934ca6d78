#include "server/elastic/embedded/search/shard_view.h"

#include "base/number_text.h"

namespace sightline::elastic {

std::int64_t ShardView::number_setting(std::string_view name, std::int64_t otherwise) const {
  const auto text = index->setting(name);
  return text ? number_from<std::int64_t>(*text).value_or(otherwise) : otherwise;
}

void ShardView::count_clauses(std::size_t more) const {
  expanded += more;
  if (expanded > max_clauses) refuse_clauses(max_clauses);
}

void refuse_clauses(std::size_t limit) {
  refuse_query_because("maxClauseCount is set to " + std::to_string(limit) +
                           "; send a smaller query, or raise --elasticsearch-max-clauses",
                       "too_many_clauses");
}

void refuse_without_values(const ShardView& shard, const Field& field) {
  if (field.type == FieldType::text) {
    refuse_shard(
        "Fielddata is disabled on [" + field.path + "] in [" + shard.index->name() +
        "]. Text fields are not optimised for operations that require per-document field data like "
        "aggregations "
        "and sorting, so these operations are disabled by default. Please use a keyword field instead. "
        "Alternatively, set fielddata=true on [" +
        field.path +
        "] in order to load field data by uninverting the inverted index. Note that this can use significant "
        "memory.");
  }
  if (field.type == FieldType::dense_vector) {
    refuse_shard("Field [" + field.path + "] of type [dense_vector] doesn't support sort");
  }
  if (!field.doc_values || field.type == FieldType::binary) {
    refuse_shard("Can't load fielddata on [" + field.path +
                 "] because fielddata is unsupported on fields of type [" + to_string(field.type) +
                 "]. Use doc values instead.");
  }
}

}  // namespace sightline::elastic
