#include "server/elastic/embedded/search/search_index.h"

#include <algorithm>
#include <iterator>
#include <sqlite3.h>
#include <string>
#include <unordered_map>

namespace sightline::elastic {
namespace {

/// Removed documents are dropped from memory when they outnumber the live ones, and are worth the work.
constexpr std::size_t k_compact_from = 1'000;

std::string table_name(std::int64_t index_number) {
  return "search_1_" + std::to_string(index_number);
}

Error sqlite_error(sqlite3* connection, const std::string& action) {
  return {ErrorCode::internal, action + ": " + sqlite3_errmsg(connection)};
}

Status run(sqlite3* connection, const std::string& sql) {
  if (sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return sqlite_error(connection, "search index, " + sql);
}

std::vector<const float*> rows_from(const VectorColumn& column, std::size_t first) {
  std::vector<const float*> rows;
  for (std::size_t row = first; row < column.size(); ++row) rows.push_back(column.row(row));
  return rows;
}

}  // namespace

struct SearchIndex::Statement {
  sqlite3_stmt* handle = nullptr;
  ~Statement() { sqlite3_finalize(handle); }

  static Result<std::unique_ptr<Statement>> prepare(sqlite3* connection, const std::string& sql) {
    auto statement = std::make_unique<Statement>();
    if (sqlite3_prepare_v2(connection, sql.c_str(), -1, &statement->handle, nullptr) == SQLITE_OK) {
      return statement;
    }
    return sqlite_error(connection, "search index, " + sql);
  }
  /// Runs it to its end, for statements that give no rows.
  Status run(sqlite3* connection) {
    const int code = sqlite3_step(handle);
    sqlite3_reset(handle);
    sqlite3_clear_bindings(handle);
    if (code == SQLITE_DONE) return {};
    return sqlite_error(connection, "search index, writing");
  }
};

Status SearchIndex::drop(sqlite3* connection, std::int64_t index_number) {
  return run(connection, "DROP TABLE IF EXISTS " + table_name(index_number));
}

SearchIndex::SearchIndex(sqlite3* connection, std::int64_t index_number)
    : connection_(connection), table_(table_name(index_number)) {}

SearchIndex::~SearchIndex() = default;

Result<std::unique_ptr<SearchIndex>> SearchIndex::open(sqlite3* connection,
                                                                 std::int64_t index_number,
                                                                 const Documents& documents) {
  std::unique_ptr<SearchIndex> index(new SearchIndex(connection, index_number));
  auto exists = Statement::prepare(
      connection, "SELECT 1 FROM sqlite_master WHERE type='table' AND name='" + index->table_ + "'");
  if (!exists) return std::move(exists).error();
  const bool kept = sqlite3_step((*exists)->handle) == SQLITE_ROW;
  exists->reset();
  if (Status status = kept ? index->load() : index->fill(documents); !status) return status.error();
  if (Status status = index->prepare(); !status) return status.error();
  return index;
}

Status SearchIndex::prepare() {
  auto insert = Statement::prepare(connection_, "INSERT INTO " + table_ + "(doc, record) VALUES(?, ?)");
  if (!insert) return insert.error();
  auto remove = Statement::prepare(connection_, "DELETE FROM " + table_ + " WHERE doc = ?");
  if (!remove) return remove.error();
  insert_ = *std::move(insert);
  delete_ = *std::move(remove);
  return {};
}

Status SearchIndex::load() {
  auto rows = Statement::prepare(connection_, "SELECT doc, record FROM " + table_ + " ORDER BY doc");
  if (!rows) return rows.error();
  sqlite3_stmt* row = (*rows)->handle;
  int code;
  while ((code = sqlite3_step(row)) == SQLITE_ROW) {
    const std::int64_t doc = sqlite3_column_int64(row, 0);
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(row, 1));
    auto document = decode(std::string_view(bytes, static_cast<std::size_t>(sqlite3_column_bytes(row, 1))));
    if (!document) return document.error();
    if (!memory_.fits(*document)) {
      return Error{ErrorCode::corrupt_data, table_ + ": document " + std::to_string(doc) +
                                                " does not fit the fields of those before it"};
    }
    memory_.append(doc, *std::move(document));
  }
  if (code != SQLITE_DONE) return sqlite_error(connection_, "reading " + table_);
  return {};
}

/// First opening: the table appears together with all records, or not at all.
Status SearchIndex::fill(const Documents& documents) {
  if (Status status = run(connection_, "BEGIN IMMEDIATE"); !status) return status;
  Status status =
      run(connection_, "CREATE TABLE " + table_ + "(doc INTEGER PRIMARY KEY, record BLOB NOT NULL)");
  if (status) status = prepare();
  if (status) {
    status = documents([&](std::int64_t doc, const ParsedDocument& document) { return add(doc, document); });
  }
  if (status) status = run(connection_, "COMMIT");
  if (!status) {
    rollback();
    insert_.reset();
    delete_.reset();
    sqlite3_exec(connection_, "ROLLBACK", nullptr, nullptr, nullptr);
    return status;
  }
  commit();
  refresh();
  return {};
}

Status SearchIndex::write(std::int64_t doc, const std::string& record) {
  sqlite3_bind_int64(insert_->handle, 1, doc);
  sqlite3_bind_blob64(insert_->handle, 2, record.data(), record.size(), SQLITE_STATIC);
  return insert_->run(connection_);
}

Status SearchIndex::add(std::int64_t doc, const ParsedDocument& document, std::size_t max_words) {
  auto analyzed = analyze(document, max_words);
  if (!analyzed) return std::move(analyzed).error();
  if (!memory_.fits(*analyzed)) {
    return Error{ErrorCode::internal,
                 "document [" + document.id + "] does not fit the fields of those before it"};
  }
  if (Status status = write(doc, encode(*analyzed)); !status) return status;
  added_.push_back({doc, *std::move(analyzed)});
  return {};
}

Status SearchIndex::remove(std::int64_t doc) {
  if (const auto added = find_in(added_, doc); added != added_.end()) {
    added_.erase(added);
  } else if (memory_.find(doc) || find_in(waiting_, doc) != waiting_.end()) {
    removed_.push_back(doc);
  } else {
    return Error{ErrorCode::internal,
                 table_ + ": there is no document " + std::to_string(doc) + " to remove"};
  }
  sqlite3_bind_int64(delete_->handle, 1, doc);
  return delete_->run(connection_);
}

std::vector<SearchIndex::Added>::iterator SearchIndex::find_in(std::vector<Added>& documents,
                                                                         std::int64_t doc) {
  const auto found =
      std::lower_bound(documents.begin(), documents.end(), doc,
                       [](const Added& added, std::int64_t number) { return added.doc < number; });
  return found != documents.end() && found->doc == doc ? found : documents.end();
}

void SearchIndex::commit() {
  std::move(added_.begin(), added_.end(), std::back_inserter(waiting_));
  added_.clear();
  if (!removed_.empty()) refresh();
}

void SearchIndex::refresh() {
  std::unordered_map<std::string, std::int64_t> origins;  // of documents that go, by their _id
  for (const std::int64_t number : removed_) {
    if (const auto doc = memory_.find(number)) origins.emplace(memory_.id(*doc), memory_.origin(*doc));
  }
  for (Added& added : waiting_) {
    const auto replaced = origins.find(added.document.id);
    memory_.append(added.doc, std::move(added.document),
                   replaced == origins.end() ? added.doc : replaced->second);
  }
  for (const std::int64_t doc : removed_) memory_.remove(doc);
  waiting_.clear();
  removed_.clear();
  const std::size_t gone = memory_.size() - memory_.live_count();
  if (gone >= k_compact_from && gone > memory_.live_count()) {
    memory_.compact();
    graphs_.clear();  // rows have moved; the next search starts anew
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
    graph = std::make_unique<VectorGraph>(column->similarity(), column->dims(), options);
    graph->extend(rows_from(*column, 0));
  }
  return graph.get();
}

void SearchIndex::extend_graphs() {
  for (auto& [path, graph] : graphs_) {
    if (const VectorColumn* column = memory_.vectors(path)) graph->extend(rows_from(*column, graph->given()));
  }
}

}  // namespace sightline::elastic
