#include "server/elastic/embedded/stored_index.h"

#include <cstring>

namespace sightline::elastic {
namespace {

Result<std::vector<float>> floats_of(std::string_view bytes, const std::string& where) {
  if (bytes.size() % sizeof(float) != 0) {
    return Error{ErrorCode::corrupt_data, where + ": a vector of " + std::to_string(bytes.size()) + " bytes"};
  }
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace

std::string aliases_json(const Aliases& aliases) {
  std::string out = "{";
  for (const auto& [name, alias] : aliases) {
    if (out.size() > 1) out += ',';
    rest::append_json_string(out, name);
    out += ":{";
    if (alias.is_write_index)
      out += std::string("\"is_write_index\":") + (*alias.is_write_index ? "true" : "false");
    out += '}';
  }
  return out + "}";
}

const rest::MemberTable<Alias> k_alias{"alias", "alias", rest::k_argument_error,
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

StoredIndex::StoredIndex(Definition definition, sqlite::ReaderPool& readers)
    : next_seq_no(definition.next_seq_no),
      number_(definition.number),
      name_(std::move(definition.name)),
      uuid_(std::move(definition.uuid)),
      readers_(readers),
      mapping_(std::move(definition.mapping)),
      settings_(std::move(definition.settings)),
      aliases_(std::move(definition.aliases)) {}

std::shared_ptr<const Mapping> StoredIndex::mapping() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return mapping_;
}

std::optional<std::string> StoredIndex::setting(std::string_view name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = settings_.find(name);
  return found == settings_.end() ? std::nullopt : std::optional(found->second);
}

IndexSettings StoredIndex::settings() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return settings_;
}

Aliases StoredIndex::aliases() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return aliases_;
}

bool StoredIndex::has_alias(std::string_view name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return aliases_.contains(name);
}

bool StoredIndex::cuts_vectors() const {
  return setting("index.mapping.exclude_source_vectors") != "false";
}

MappingLimits StoredIndex::mapping_limits() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return mapping_limits_of(settings_);
}

void StoredIndex::set_mapping(std::shared_ptr<const Mapping> mapping) {
  const std::lock_guard<std::mutex> lock(mutex_);
  mapping_ = std::move(mapping);
}

void StoredIndex::set_settings(IndexSettings settings) {
  const std::lock_guard<std::mutex> lock(mutex_);
  settings_ = std::move(settings);
}

void StoredIndex::set_aliases(Aliases aliases) {
  const std::lock_guard<std::mutex> lock(mutex_);
  aliases_ = std::move(aliases);
}

Result<std::optional<StoredDocument>> StoredIndex::fetch(std::int64_t number, bool with_vectors) const {
  return fetch_where("number=?1", number, {}, with_vectors);
}

Result<std::optional<StoredDocument>> StoredIndex::fetch_by_id(std::string_view id, bool with_vectors) const {
  return fetch_where("id=?1", 0, id, with_vectors);
}

Result<std::optional<StoredDocument>> StoredIndex::fetch_where(const char* condition, std::int64_t number,
                                                              std::string_view id, bool vectors_too) const {
  auto reader = readers_.borrow();
  if (!reader) return reader.error();
  auto rows = (*reader)->query("SELECT number, id, version, source FROM " + documents_table() + " WHERE " +
                               condition);
  if (!rows) return rows.error();
  if (id.empty()) {
    rows->bind(1, number);
  } else {
    rows->bind(1, id);
  }
  // While this row stands the connection sees one moment of the store, the vectors' table included.
  const auto row = rows->step();
  if (!row) return row.error();
  if (!*row) return std::optional<StoredDocument>();
  StoredDocument document;
  document.number = document.seq_no = rows->integer(0);
  document.id = rows->text(1);
  document.version = rows->integer(2);
  document.source = rows->text(3);
  if (vectors_too) {
    auto vectors = read_vectors(*reader->operator->(), vectors_table(), document.number);
    if (!vectors) return vectors.error();
    if (!vectors->empty()) document.source = with_vectors(document.source, *vectors);
  }
  return std::optional(std::move(document));
}

Result<std::optional<std::int64_t>> StoredIndex::find(std::string_view id) const {
  auto reader = readers_.borrow();
  if (!reader) return reader.error();
  auto rows = (*reader)->query("SELECT number FROM " + documents_table() + " WHERE id=?1");
  if (!rows) return rows.error();
  const auto row = rows->bind(1, id).step();
  if (!row) return row.error();
  return *row ? std::optional(rows->integer(0)) : std::nullopt;
}

Result<std::vector<float>> StoredIndex::fetch_vector(std::int64_t number, std::string_view path) const {
  auto reader = readers_.borrow();
  if (!reader) return reader.error();
  auto rows = (*reader)->query("SELECT vector FROM " + vectors_table() + " WHERE document=?1 AND path=?2");
  if (!rows) return rows.error();
  const auto row = rows->bind(1, number).bind(2, path).step();
  if (!row) return row.error();
  if (!*row) return std::vector<float>();
  return floats_of(rows->text(0), "index " + name_ + ", document " + std::to_string(number));
}

Result<std::int64_t> StoredIndex::source_bytes() const {
  auto reader = readers_.borrow();
  if (!reader) return reader.error();
  auto rows = (*reader)->query("SELECT TOTAL(LENGTH(CAST(source AS BLOB))) FROM " + documents_table());
  if (!rows) return rows.error();
  const auto row = rows->step();
  if (!row) return row.error();
  return *row ? rows->integer(0) : 0;
}

Status StoredIndex::open_search(sqlite::Connection& writer) {
  const auto documents = [&](const SearchIndex::Visit& visit) -> Status {
    auto rows = writer.query("SELECT number, id, source FROM " + documents_table() + " ORDER BY number");
    if (!rows) return rows.error();
    for (;;) {
      const auto row = rows->step();
      if (!row) return row.error();
      if (!*row) return {};
      auto vectors = read_vectors(writer, vectors_table(), rows->integer(0));
      if (!vectors) return vectors.error();
      const std::string source = with_vectors(rows->text(2), *vectors);
      auto document = prepare_document(source, std::string(rows->text(1)), mapping(), false);
      if (!document) {
        return Error{ErrorCode::corrupt_data, "index " + name_ + ", document " + std::string(rows->text(1)) +
                                                  " no longer fits its mapping: " + document.error().reason};
      }
      if (Status status = visit(rows->integer(0), document->values); !status) return status;
    }
  };
  auto search = SearchIndex::open(writer.handle(), number_, documents);
  if (!search) return search.error();
  search_ = *std::move(search);
  return {};
}

Result<std::vector<CutVector>> read_vectors(sqlite::Connection& connection, const std::string& vectors_table,
                                            std::int64_t number) {
  auto rows = connection.query("SELECT path, position, before, after, vector FROM " + vectors_table +
                               " WHERE document=?1 ORDER BY ordinal");
  if (!rows) return rows.error();
  rows->bind(1, number);
  std::vector<CutVector> vectors;
  for (;;) {
    const auto row = rows->step();
    if (!row) return row.error();
    if (!*row) return vectors;
    auto values = floats_of(rows->text(4), vectors_table + ", document " + std::to_string(number));
    if (!values) return values.error();
    vectors.push_back({std::string(rows->text(0)), static_cast<std::size_t>(rows->integer(1)),
                       std::string(rows->text(2)), std::string(rows->text(3)), *std::move(values)});
  }
}

}  // namespace sightline::elastic
