#include "server/elastic/embedded/stored_index.h"

#include <cstring>

#include "base/json/builder.h"

namespace sightline::elastic {
namespace {

std::vector<float> floats_of(std::string_view bytes, const std::string& where) {
  if (bytes.size() % sizeof(float) != 0)
    throw StorageFailed{{ErrorCode::corrupt_data, where + ": a vector of " + std::to_string(bytes.size()) + " bytes"}};
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace

std::string aliases_json(const Aliases& aliases) {
  json::Builder out;
  out.object();
  for (const auto& [name, alias] : aliases) {
    out.object(name);
    if (alias.is_write_index) out.member("is_write_index", *alias.is_write_index);
    out.end();
  }
  return out.text();
}

const rest::MemberTable<Alias> k_alias{
    "alias",
    "alias",
    rest::k_argument_error,
    {{"is_write_index", rest::k_flag, rest::into<&Alias::is_write_index, read_bool>}}};

Aliases parse_aliases(const JsonView& body) {
  if (!body.is_object()) refuse({400, "parse_exception", "key [aliases] must be an object"});
  Aliases aliases;
  body.each_member([&](const JsonView& name, const JsonView& value) {
    if (!value.is_object())
      refuse({400, "parse_exception", "alias [" + shortened(name.text()) + "] must be an object"});
    k_alias.read(value, aliases[std::string(name.text())]);
  });
  return aliases;
}

std::string StoredIndex::schema(std::int64_t number) {
  const std::string n = std::to_string(number);
  return "CREATE TABLE documents_" + n +
         "(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, source TEXT NOT NULL);"
         "CREATE TABLE vectors_" +
         n +
         "(document INTEGER NOT NULL, ordinal INTEGER NOT NULL, path TEXT NOT NULL, position INTEGER NOT NULL,"
         " before TEXT NOT NULL, after TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY(document, ordinal))"
         " WITHOUT ROWID;"
         "CREATE TABLE deleted_" +
         n + "(id TEXT PRIMARY KEY, version INTEGER NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID;" +
         SearchIndex::schema(number);
}

StoredIndex::StoredIndex(Definition definition, sqlite::ReaderPool& readers, sqlite::Connection& writer)
    : next_seq_no(definition.next_seq_no),
      number_(definition.number),
      name_(std::move(definition.name)),
      uuid_(std::move(definition.uuid)),
      readers_(readers),
      search_(writer, number_),
      size_{writer.number("SELECT COUNT(*) FROM " + documents_table()), definition.source_bytes},
      mapping_(std::move(definition.mapping)),
      settings_(std::move(definition.settings)),
      aliases_(std::move(definition.aliases)) {
  if (size_.source_bytes < 0) size_.source_bytes = writer.bytes_of(documents_table(), "source");
}

std::optional<std::string> StoredIndex::setting(std::string_view name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = settings_.find(name);
  return found == settings_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<StoredDocument> StoredIndex::fetch(std::int64_t number, bool with_vectors) const {
  return fetch_where("number=?1", number, with_vectors);
}

std::optional<StoredDocument> StoredIndex::fetch_by_id(std::string_view id, bool with_vectors) const {
  return fetch_where("id=?1", id, with_vectors);
}

template <class Key>
std::optional<StoredDocument> StoredIndex::fetch_where(const char* condition, Key key, bool vectors_too) const {
  const auto reader = readers_.borrow();
  auto rows =
      reader->query("SELECT number, id, version, source FROM " + documents_table() + " WHERE " + condition, key);
  // While this query has a row, the connection reads one moment of the store, including the vectors' table.
  if (!rows.step()) return std::nullopt;
  StoredDocument document{std::string(rows.text(1)), std::string(rows.text(3)), rows.integer(2), rows.integer(0)};
  if (vectors_too) {
    const auto vectors = read_vectors(*reader, document.seq_no);
    if (!vectors.empty()) document.source = with_vectors(document.source, vectors);
  }
  return document;
}

std::optional<std::int64_t> StoredIndex::find(std::string_view id) const {
  const auto reader = readers_.borrow();
  auto rows = reader->query("SELECT number FROM " + documents_table() + " WHERE id=?1", id);
  return rows.step() ? std::optional(rows.integer(0)) : std::nullopt;
}

rest::SourceFilter StoredIndex::settled(rest::SourceFilter filter) const {
  if (!filter.known) filter.known = std::make_shared<rest::KnownVerdicts>();
  filter.exclude_vectors = filter.includes.empty() && filter.exclude_vectors.value_or(cuts_vectors());
  if (!*filter.exclude_vectors) return filter;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (vectors_of_ != mapping_) {
    auto vectors = std::make_shared<rest::PathSet>();
    for (const FieldPtr& field : mapping_->expand("*")) {
      if (field->type == FieldType::dense_vector) vectors->insert(field->path);
    }
    vectors_ = std::move(vectors);
    vectors_of_ = mapping_;
  }
  filter.hidden_vectors = vectors_;
  return filter;
}

std::vector<CutVector> StoredIndex::read_vectors(sqlite::Connection& connection, std::int64_t number) const {
  auto rows = connection.query(
      "SELECT path, position, before, after, vector FROM " + vectors_table() + " WHERE document=?1 ORDER BY ordinal",
      number);
  std::vector<CutVector> vectors;
  while (rows.step()) {
    vectors.push_back({std::string(rows.text(0)), static_cast<std::size_t>(rows.integer(1)), std::string(rows.text(2)),
                       std::string(rows.text(3)),
                       floats_of(rows.text(4), vectors_table() + ", document " + std::to_string(number))});
  }
  return vectors;
}

}  // namespace sightline::elastic
