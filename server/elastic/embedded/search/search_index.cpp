#include "server/elastic/embedded/search/search_index.h"

#include <algorithm>
#include <iterator>

namespace sightline::elastic {
namespace {

/// Removed documents are deleted from memory when there are at least this many and they outnumber the live ones.
constexpr std::size_t k_compact_from = 1'000;

std::string table_name(std::int64_t index_number) {
  return "search_1_" + std::to_string(index_number);
}

std::vector<const float*> rows_from(const VectorColumn& column, std::size_t first) {
  std::vector<const float*> rows;
  for (std::size_t row = first; row < column.size(); ++row) rows.push_back(column.row(row));
  return rows;
}

}  // namespace

std::string SearchIndex::schema(std::int64_t index_number) {
  return "CREATE TABLE IF NOT EXISTS " + table_name(index_number) + "(doc INTEGER PRIMARY KEY, record BLOB NOT NULL);";
}

SearchIndex::SearchIndex(sqlite::Connection& connection, std::int64_t index_number)
    : connection_(connection), table_(table_name(index_number)) {
  auto rows = connection.query("SELECT doc, record FROM " + table_ + " ORDER BY doc");
  while (rows.step()) {
    const std::int64_t doc = rows.integer(0);
    ParsedDocument document = decode(rows.text(1));
    if (!memory_.fits(document)) {
      throw StorageFailed{{ErrorCode::corrupt_data, table_ + ": document " + std::to_string(doc) +
                                                        " does not fit the fields of those before it"}};
    }
    memory_.append(doc, std::move(document));
  }
}

void SearchIndex::add(std::int64_t doc, ParsedDocument document, std::size_t max_words) {
  analyze(document, max_words);
  if (!memory_.fits(document)) {
    throw StorageFailed{
        {ErrorCode::internal, "document [" + document.id + "] does not fit the fields of those before it"}};
  }
  const std::string record = encode(document);
  connection_.run("INSERT INTO " + table_ + "(doc, record) VALUES(?1, ?2)", doc, std::as_bytes(std::span(record)));
  added_.push_back({doc, std::move(document)});
}

void SearchIndex::remove(std::int64_t doc) {
  if (const auto added = find_in(added_, doc); added != added_.end()) {
    added_.erase(added);
  } else if (memory_.find(doc) || find_in(waiting_, doc) != waiting_.end()) {
    removed_.push_back(doc);
  } else {
    throw StorageFailed{{ErrorCode::internal, table_ + ": there is no document " + std::to_string(doc) + " to remove"}};
  }
  connection_.run("DELETE FROM " + table_ + " WHERE doc=?1", doc);
}

std::vector<SearchIndex::Added>::iterator SearchIndex::find_in(std::vector<Added>& documents, std::int64_t doc) {
  const auto found = std::lower_bound(documents.begin(), documents.end(), doc,
                                      [](const Added& added, std::int64_t number) { return added.doc < number; });
  return found != documents.end() && found->doc == doc ? found : documents.end();
}

void SearchIndex::commit() {
  std::move(added_.begin(), added_.end(), std::back_inserter(waiting_));
  added_.clear();
  if (!removed_.empty()) refresh();
}

void SearchIndex::refresh() {
  StringMap<std::int64_t> origins;  // of removed documents, by their _id
  for (const std::int64_t number : removed_) {
    if (const auto doc = memory_.find(number)) origins.emplace(memory_.id(*doc), memory_.origin(*doc));
  }
  for (Added& added : waiting_) {
    const auto replaced = origins.find(added.document.id);
    memory_.append(added.doc, std::move(added.document), replaced == origins.end() ? added.doc : replaced->second);
  }
  for (const std::int64_t doc : removed_) memory_.remove(doc);
  waiting_.clear();
  removed_.clear();
  const std::size_t gone = memory_.size() - memory_.live_count();
  if (gone >= k_compact_from && gone > memory_.live_count()) {
    graphs_.clear();  // rows will move; the next search builds a new graph
    memory_.compact();
  }
  extend_graphs();
}

void SearchIndex::rollback() {
  removed_.clear();
  added_.clear();
}

const VectorGraph* SearchIndex::graph(const Field& field) const {
  const VectorColumn* column = memory_.vectors(field.path);
  if (!column || column->size() < k_graph_from || !field.index_options || !field.index_options->is_graph()) {
    return nullptr;
  }
  const std::lock_guard lock(graphs_mutex_);
  auto& graph = graphs_[field.path];
  if (!graph) {
    const VectorGraph::Options options{static_cast<std::size_t>(field.index_options->m),
                                       static_cast<std::size_t>(field.index_options->ef_construction)};
    auto made = std::make_unique<VectorGraph>(column->similarity(), column->dims(), options);
    made->extend(rows_from(*column, 0));
    graph = std::move(made);
  }
  return graph.get();
}

void SearchIndex::extend_graphs() {
  for (auto& [path, graph] : graphs_) {
    const VectorColumn* const column = memory_.vectors(path);
    if (graph && column) graph->extend(rows_from(*column, graph->given()));
  }
}

}  // namespace sightline::elastic
