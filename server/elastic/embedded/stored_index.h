// One index: its content in memory, and its rows on disk.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/embedded/document_parser.h"
#include "server/elastic/embedded/search/search_index.h"
#include "server/elastic/embedded/sqlite.h"
#include "server/elastic/limits.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {

/// Settings by their full dotted name ("index.number_of_shards"), with values as text, as Elasticsearch stores them.
using IndexSettings = std::map<std::string, std::string, std::less<>>;

/// Reads settings that are flat, dotted or nested, with or without `index.`. A null value becomes "\0" (see
/// updated_settings). Throws Refused: illegal_argument_exception for unknown names, bad values, and values beyond
/// `limits`.
IndexSettings parse_settings(const JsonView& body, const Limits& limits = {});

/// `settings` with `changes` applied; a null removes a setting. Refuses changes of settings that are fixed after
/// creation.
IndexSettings updated_settings(const IndexSettings& settings, const IndexSettings& changes, const std::string& index);

/// The settings of a new index: the given ones, and shards, replicas, name, uuid, dates.
IndexSettings creation_settings(IndexSettings given, const std::string& name, const std::string& uuid);

/// `{"index":{...}}`, as requests show it.
std::string settings_json(const IndexSettings& settings);
/// `{"index.number_of_shards":"1"}`, as it is stored.
std::string flat_settings_json(const IndexSettings& settings);

MappingLimits mapping_limits_of(const IndexSettings& settings);
int replicas_of(const IndexSettings& settings);
/// The shards of the index, replicas included, as Elasticsearch counts them.
std::int64_t shards_of(const IndexSettings& settings);
bool is_hidden(const IndexSettings& settings);

/// Another name of an index.
struct Alias {
  std::optional<bool> is_write_index = {};
};
using Aliases = std::map<std::string, Alias, std::less<>>;

std::string aliases_json(const Aliases& aliases);
/// The members of one alias, as PUT /{index}/_alias/{name} has them.
extern const rest::MemberTable<Alias> k_alias;
/// The `aliases` object of index creation, or what aliases_json wrote. Throws Refused.
Aliases parse_aliases(const JsonView& body);

/// A document as it is stored.
struct StoredDocument {
  std::string id;
  std::string source;  ///< JSON text as it was sent, without dense vectors unless requested
  std::int64_t version = 0;
  std::int64_t seq_no = 0;
};

/// What an index holds.
struct IndexSize {
  std::int64_t documents = 0;
  std::int64_t source_bytes = 0;  ///< of all sources together; negative: unknown, in stores of earlier versions
};

/// One index. Its number is unique in the store and never used again.
///
/// A document's number is its sequence number: unique in the index, growing with every write, new when a document is
/// replaced. Ties in score are broken by it, as in Lucene.
///
/// Thread safety: const members may be called from any thread; StoreCore::read_lock describes which of them are
/// consistent with each other. Reading throws StorageFailed.
class StoredIndex {
 public:
  struct Definition {
    std::int64_t number = 0;
    std::string name, uuid;
    IndexSettings settings;
    std::shared_ptr<const Mapping> mapping;
    Aliases aliases;
    std::int64_t next_seq_no = 0, source_bytes = 0;
  };

  /// Loads the searchable content from the index's tables, which must exist (`schema`).
  StoredIndex(Definition definition, sqlite::ReaderPool& readers, sqlite::Connection& writer);

  const std::string& name() const { return name_; }
  const std::string& uuid() const { return uuid_; }
  std::int64_t number() const { return number_; }
  /// The current mapping. The returned object does not change.
  std::shared_ptr<const Mapping> mapping() const { return locked(mapping_); }
  /// A setting by its full dotted name ("index.max_result_window") as text; nothing if it is not set.
  std::optional<std::string> setting(std::string_view name) const;
  IndexSize size() const { return locked(size_); }
  SearchIndex& search() { return search_; }
  const SearchIndex& search() const { return search_; }
  /// A live document; nothing if there is none with that number. `with_vectors` puts dense vectors back into the
  /// source.
  std::optional<StoredDocument> fetch(std::int64_t number, bool with_vectors) const;
  /// The live document with that _id.
  std::optional<StoredDocument> fetch_by_id(std::string_view id, bool with_vectors) const;
  /// The number of the live document with that _id.
  std::optional<std::int64_t> find(std::string_view id) const;
  /// The vectors of one document, ready to be put back.
  std::vector<CutVector> read_vectors(sqlite::Connection& connection, std::int64_t number) const;

  IndexSettings settings() const { return locked(settings_); }
  Aliases aliases() const { return locked(aliases_); }
  bool has_alias(std::string_view name) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return aliases_.contains(name);
  }
  /// True if `fits(name)` for one of its aliases.
  template <class Fits>
  bool any_alias(const Fits& fits) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::any_of(aliases_.begin(), aliases_.end(), [&](const auto& alias) { return fits(alias.first); });
  }
  bool hidden() const { return is_hidden(settings()); }
  /// True if vectors are stored outside the source (index.mapping.exclude_source_vectors).
  bool cuts_vectors() const { return setting("index.mapping.exclude_source_vectors") != "false"; }
  /// `filter` as it applies to this index: with a value of exclude_vectors, and with the vectors that it hides.
  rest::SourceFilter settled(rest::SourceFilter filter) const;
  MappingLimits mapping_limits() const { return mapping_limits_of(settings()); }

  // Only for the store's writer, which makes one call at a time:
  void set_mapping(std::shared_ptr<const Mapping> mapping) { set(mapping_, std::move(mapping)); }
  void set_settings(IndexSettings settings) { set(settings_, std::move(settings)); }
  void set_aliases(Aliases aliases) { set(aliases_, std::move(aliases)); }
  void set_size(IndexSize size) { set(size_, size); }
  std::int64_t next_seq_no = 0;

  /// SQL that creates the tables of an index.
  static std::string schema(std::int64_t number);
  /// Names of its tables.
  std::string documents_table() const { return "documents_" + std::to_string(number_); }
  std::string vectors_table() const { return "vectors_" + std::to_string(number_); }
  std::string deleted_table() const { return "deleted_" + std::to_string(number_); }

 private:
  template <class T>
  T locked(const T& value) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return value;
  }
  template <class T>
  void set(T& value, T to) {
    const std::lock_guard<std::mutex> lock(mutex_);
    value = std::move(to);
  }
  template <class Key>
  std::optional<StoredDocument> fetch_where(const char* condition, Key key, bool with_vectors) const;

  const std::int64_t number_;
  const std::string name_, uuid_;
  sqlite::ReaderPool& readers_;
  SearchIndex search_;
  mutable std::mutex mutex_;  // guards the members below
  IndexSize size_;
  std::shared_ptr<const Mapping> mapping_;
  IndexSettings settings_;
  Aliases aliases_;
  mutable std::shared_ptr<const Mapping> vectors_of_;  // the mapping that vectors_ was made from
  mutable std::shared_ptr<const rest::PathSet> vectors_;
};

using IndexPtr = std::shared_ptr<StoredIndex>;

}  // namespace sightline::elastic
