#include "server/elastic/embedded/store_core.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unordered_set>

#include "base/base64.h"
#include "base/cancellation.h"
#include "server/elastic/embedded/search/search_contexts.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

constexpr std::int64_t k_schema_version = 1;
constexpr std::int64_t k_application_id = 0x53474C54;  // "SGLT"
constexpr std::size_t k_most_entropy_bytes = 256;      // that getentropy provides at once
/// Larger files are not checked at start. SQLite still finds broken pages when it reads them.
constexpr std::uintmax_t k_largest_checked_bytes = std::uintmax_t{1} << 30;

constexpr const char* k_schema = R"(
  CREATE TABLE store(key TEXT PRIMARY KEY, value TEXT NOT NULL);
  CREATE TABLE indices(number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, uuid TEXT NOT NULL,
                       settings TEXT NOT NULL, mapping TEXT NOT NULL, aliases TEXT NOT NULL,
                       next_seq_no INTEGER NOT NULL, source_bytes INTEGER NOT NULL DEFAULT -1);
)";

/// All columns of an index's row, for read_definition.
constexpr const char* k_definitions =
    "SELECT number, name, uuid, settings, mapping, aliases, next_seq_no, source_bytes FROM indices";

/// Wildcards do not match hidden indices, unless options request them, or the pattern and the name both start with a
/// dot.
bool shown_by(const std::string& pattern, const std::string& name, bool hidden, const IndicesOptions& options) {
  if (!hidden) return options.expand_open;
  return options.expand_hidden || (options.expand_open && pattern.starts_with('.') && name.starts_with('.'));
}

}  // namespace

ElasticError definition_too_large(std::size_t bytes, const Limits& limits) {
  return {413, "content_too_long_exception",
          "settings, mapping and aliases of an index would take [" + std::to_string(bytes) +
              "] bytes, more than the limit of [" + std::to_string(limits.max_definition_bytes) +
              "]; send less, or raise --elasticsearch-max-definition-bytes"};
}

ElasticError storage_error(const Error& error) {
  if (error.code == ErrorCode::unavailable)
    return {503, "cluster_block_exception", "blocked by: [SERVICE_UNAVAILABLE/store]: " + error.message};
  return {500, "i_o_exception", error.message};
}

std::string random_name(std::size_t bytes) {
  thread_local std::string random;  // the system is asked for several names at once
  if (random.size() < bytes) {
    std::string more(k_most_entropy_bytes, '\0');
    if (::getentropy(more.data(), more.size()) != 0)
      throw StorageFailed{{ErrorCode::internal, "the system provides no random numbers"}};
    random = std::move(more);
  }
  std::string text = base64_encode(std::string_view(random).substr(random.size() - bytes));
  random.resize(random.size() - bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  std::erase(text, '=');
  return text;
}

StoreCore::StoreCore(const std::filesystem::path& folder, Now now, const Limits& limits, Warn warn)
    : limits_(limits),
      folder_(folder),
      files_(folder, warn),
      health_(std::move(warn)),
      readers_(file_),
      now_(std::move(now)),
      search_contexts_(std::make_unique<SearchContexts>(limits_, now_)) {
  if (files_.is_new()) create_database();
  writer_ = sqlite::Connection::open(file_, sqlite::Connection::Mode::read_write);
  prepare_database();
  load_indices();
  files_.watch();
}

StoreCore::~StoreCore() = default;

bool StoreCore::refresh_is_due() const {
  const auto due = refresh_due_.load();
  return due != std::chrono::steady_clock::time_point::max() && now_() >= due;
}

void StoreCore::refresh_all() const {
  const std::shared_lock<std::shared_mutex> lock(catalog_mutex_);
  for (const auto& [name, index] : indices_) index->search().refresh();
  refresh_due_ = std::chrono::steady_clock::time_point::max();
}

WriterFirstLock::Reader StoreCore::read_lock() const {
  if (refresh_is_due()) {
    const std::unique_lock<FairMutex> writing(write_mutex_, std::try_to_lock);
    if (writing) {
      const WriterFirstLock::Writer alone = visibility_.write();
      refresh_all();
    }
  }
  return visibility_.read();
}

void StoreCore::refresh(const std::vector<IndexPtr>& indices) {
  const std::lock_guard<FairMutex> writing(write_mutex_);
  const WriterFirstLock::Writer alone = visibility_.write();
  for (const IndexPtr& index : indices) index->search().refresh();
}

Result<std::unique_ptr<StoreCore>> StoreCore::open(const std::filesystem::path& folder, Now now, const Limits& limits,
                                                   Warn warn) {
  try {
    return std::unique_ptr<StoreCore>(new StoreCore(folder, std::move(now), limits, std::move(warn)));
  } catch (StorageFailed& failed) {
    return std::move(failed.error);
  }
}

/// The database has another name until it is complete.
void StoreCore::create_database() {
  const std::string unfinished = files_.unfinished();
  for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((unfinished + suffix).c_str());
  const int file = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file >= 0) ::close(file);  // created here because SQLite's file would be readable to others
  auto database = sqlite::Connection::open(unfinished, sqlite::Connection::Mode::read_write);
  database->execute(std::string("BEGIN;") + k_schema + "INSERT INTO store(key, value) VALUES('cluster_uuid', '" +
                    random_name(16) + "'); PRAGMA application_id=" + std::to_string(k_application_id) +
                    "; PRAGMA user_version=" + std::to_string(k_schema_version) + "; COMMIT");
  database.reset();
  files_.finish();
}

void StoreCore::prepare_database() {
  const auto refuse_file = [&](ErrorCode code, const std::string& what) {
    throw StorageFailed{{code, "store file " + file_ + ": " + what}};
  };
  if (writer_->number("PRAGMA application_id") != k_application_id)
    refuse_file(ErrorCode::corrupt_data, "is no Sightline store; name another folder");
  if (const auto version = writer_->number("PRAGMA user_version"); version != k_schema_version) {
    refuse_file(ErrorCode::unsupported, "has schema version " + std::to_string(version) + ", this program reads " +
                                            std::to_string(k_schema_version));
  }
  std::error_code problem;
  if (std::filesystem::file_size(file_, problem) <= k_largest_checked_bytes) {
    auto check = writer_->query("PRAGMA quick_check(1)");
    if (check.step() && check.text(0) != "ok") {
      refuse_file(ErrorCode::corrupt_data, "is damaged: " + std::string(check.text(0)) +
                                               "; restore it from a copy, or start with an empty folder");
    }
  }
  // Stores of earlier versions lack this column.
  if (writer_->number("SELECT COUNT(*) FROM pragma_table_info('indices') WHERE name='source_bytes'") == 0)
    writer_->execute("ALTER TABLE indices ADD COLUMN source_bytes INTEGER NOT NULL DEFAULT -1");
  auto uuid = writer_->query("SELECT value FROM store WHERE key='cluster_uuid'");
  if (uuid.step()) cluster_uuid_ = uuid.text(0);
  files_.check_uuid(cluster_uuid_);
}

void StoreCore::check_files() {
  auto fault = files_.fault();
  if (!fault) return;
  std::string text = "store folder " + folder_.string() + ": " + *fault +
                     "; writes are refused, since they would be lost. Stop the server, put back what was "
                     "there or a copy of it, and start the server again";
  health_.found(text);
  throw StorageFailed{{ErrorCode::unavailable, std::move(text)}};
}

void StoreCore::note(const StorageFailed& failed) {
  if (failed.error.code != ErrorCode::unavailable) health_.failed(failed.error.message);
}

std::string StoreCore::problem() {
  try {
    check_files();
    if (!health_.write_failed()) health_.works();
  } catch (const StorageFailed&) {  // health_ has it
  }
  return health_.problem();
}

void StoreCore::check() {
  search_contexts_->drop_expired();
  const bool failed = !problem().empty() && health_.write_failed();
  const std::unique_lock<FairMutex> writing(write_mutex_, std::try_to_lock);
  if (!writing) return;
  drop_retired();
  if (failed) try_write();
}

/// Tries to write as much as a small write needs: a full disk may still have a few bytes.
void StoreCore::try_write() {
  try {
    check_files();
    writer_->execute("INSERT OR REPLACE INTO store(key, value) VALUES('probe', hex(zeroblob(65536)))");
    writer_->execute("DELETE FROM store WHERE key='probe'");
    health_.works();
  } catch (const StorageFailed& failed) {
    note(failed);
  }
}

template <class Work>
void StoreCore::in_transaction(const Work& work) {
  check_files();
  writer_->execute("BEGIN IMMEDIATE");
  try {
    work();
    writer_->execute("COMMIT");
  } catch (const StorageFailed& failed) {
    writer_->roll_back();
    note(failed);
    throw;
  } catch (...) {
    writer_->roll_back();
    throw;
  }
  health_.works();
}

void StoreCore::load_indices() {
  std::vector<StoredIndex::Definition> definitions;
  {
    auto rows = writer_->query(std::string(k_definitions) + " ORDER BY number");
    while (rows.step()) {
      auto definition = answer_of([&] { return read_definition(rows); });
      if (!definition) {
        throw StorageFailed{
            {ErrorCode::corrupt_data, "store file " + file_ + ": the settings, mapping or aliases of index " +
                                          std::string(rows.text(1)) + " cannot be read: " + definition.error().reason}};
      }
      definitions.push_back(*std::move(definition));
    }
  }
  for (StoredIndex::Definition& definition : definitions) {
    // Earlier versions created this table after the index. It may be missing after a crash between the two.
    writer_->execute(SearchIndex::schema(definition.number));
    const bool is_sized = definition.source_bytes >= 0;
    auto index = std::make_shared<StoredIndex>(std::move(definition), readers_, *writer_);
    if (!is_sized) {
      writer_->run("UPDATE indices SET source_bytes=?1 WHERE number=?2", index->size().source_bytes, index->number());
    }
    indices_[index->name()] = std::move(index);
  }
}

StoredIndex::Definition StoreCore::read_definition(const sqlite::Query& row) {
  StoredIndex::Definition definition;
  definition.number = row.integer(0);
  definition.name = row.text(1);
  definition.uuid = row.text(2);
  definition.next_seq_no = row.integer(6);
  definition.source_bytes = row.integer(7);
  const auto settings = accepted(rest::JsonTape::parse(row.text(3)));
  if (!JsonView(settings, 0).is_object()) refuse({400, "parse_exception", "the settings are no object"});
  JsonView(settings, 0).each_member([&](const JsonView& key, const JsonView& value) {
    definition.settings.emplace(key.text(), value.text());
  });
  const auto mapping = accepted(rest::JsonTape::parse(row.text(4)));
  definition.mapping = std::make_shared<const Mapping>(Mapping::read_stored(JsonView(mapping, 0)));
  const auto aliases = accepted(rest::JsonTape::parse(row.text(5)));
  definition.aliases = parse_aliases(JsonView(aliases, 0));
  return definition;
}

void StoreCore::check_readable(std::int64_t number) {
  auto rows = writer_->query(std::string(k_definitions) + " WHERE number=?1", number);
  rows.step();
  const auto read = answer_of([&] { return read_definition(rows); });
  if (read) return;
  refuse(illegal_argument("the settings, mapping or aliases of index [" + std::string(rows.text(1)) +
                          "] could not be read again after a restart: " + read.error().reason));
}

IndexPtr StoreCore::create_index(const std::string& name, IndexCreation creation) {
  const std::lock_guard<FairMutex> lock(write_mutex_);
  return create_index_locked(name, std::move(creation));
}

void StoreCore::check_new_aliases(const Aliases& aliases, const std::string& index) const {
  for (const auto& [alias, properties] : aliases) {
    auto fault = fault_of_name(alias);
    if (!fault && (indices_.contains(alias) || alias == index))
      fault = "an index or data stream exists with the same name as the alias";
    if (fault) refuse({400, "invalid_alias_name_exception", "Invalid alias name [" + alias + "]: " + *fault});
  }
}

/// `changed`: the new aliases of some indices, by the names of these. Only `added` is checked: stores of earlier
/// versions may have others with several write indices.
void StoreCore::check_write_indices(const std::map<std::string, Aliases>& changed, const Aliases& added) const {
  std::map<std::string, std::string> writers;
  const auto look_at = [&](const std::string& index, const Aliases& aliases) {
    for (const auto& [alias, properties] : aliases) {
      if (!properties.is_write_index.value_or(false) || !added.contains(alias)) continue;
      const auto [writer, is_first] = writers.emplace(alias, index);
      if (is_first) continue;
      refuse({500, "illegal_state_exception",
              "alias [" + alias + "] has more than one write index [" + std::min(writer->second, index) + "," +
                  std::max(writer->second, index) + "]"});
    }
  };
  if (added.empty()) return;
  for (const auto& [name, aliases] : changed) look_at(name, aliases);
  const std::shared_lock<std::shared_mutex> lock(catalog_mutex_);
  for (const auto& [name, index] : indices_) {
    check_cancelled();
    if (!changed.contains(name)) look_at(name, index->aliases());
  }
}

void StoreCore::check_definition(const IndexSettings& settings, const Mapping& mapping, const Aliases& aliases) const {
  check_limit("aliases of an index", aliases.size(), limits_.max_aliases, "--elasticsearch-max-aliases");
  const std::size_t bytes =
      flat_settings_json(settings).size() + mapping.to_json().size() + aliases_json(aliases).size();
  if (bytes > limits_.max_definition_bytes) refuse(definition_too_large(bytes, limits_));
}

void StoreCore::check_shards(std::int64_t more) const {
  std::int64_t open = 0;
  for (const auto& [name, index] : indices_) open += shards_of(index->settings());
  const auto most = static_cast<std::int64_t>(limits_.max_shards);
  if (more <= 0 || open + more <= most) return;
  refuse({400, "validation_exception",
          "Validation Failed: 1: this action would add [" + std::to_string(more) +
              "] shards, but this cluster currently has [" + std::to_string(open) + "]/[" + std::to_string(most) +
              "] maximum normal shards open; delete indices, or raise --elasticsearch-max-shards;"});
}

std::int64_t StoreCore::insert_index(const StoredIndex::Definition& definition) {
  const std::string settings = flat_settings_json(definition.settings), mapping = definition.mapping->to_json(),
                    aliases = aliases_json(definition.aliases);
  auto insert = writer_->query(
      "INSERT INTO indices(name, uuid, settings, mapping, aliases, next_seq_no, source_bytes) "
      "VALUES(?1, ?2, ?3, ?4, ?5, 0, 0) RETURNING number",
      definition.name, definition.uuid, settings, mapping, aliases);
  insert.step();
  check_readable(insert.integer(0));
  return insert.integer(0);
}

IndexPtr StoreCore::create_index_locked(const std::string& name, IndexCreation creation) {
  if (const auto fault = fault_of_name(name)) refuse(invalid_index_name(name, *fault));
  {
    const std::shared_lock<std::shared_mutex> lock(catalog_mutex_);
    if (const auto twin = indices_.find(name); twin != indices_.end()) {
      ElasticError error{400, "resource_already_exists_exception",
                         "index [" + name + "/" + twin->second->uuid() + "] already exists"};
      error.details = {{"index_uuid", twin->second->uuid()}, {"index", name}};
      refuse(std::move(error));
    }
    for (const auto& [other, index] : indices_) {
      if (index->has_alias(name)) refuse(invalid_index_name(name, "already exists as alias"));
    }
    check_new_aliases(creation.aliases, name);
    check_shards(shards_of(creation.settings));
  }
  check_write_indices({{name, creation.aliases}}, creation.aliases);
  creation.mapping.check(mapping_limits_of(creation.settings));
  check_definition(creation.settings, creation.mapping, creation.aliases);
  StoredIndex::Definition definition;
  definition.name = name;
  definition.uuid = random_name(16);
  definition.settings = creation_settings(std::move(creation.settings), name, definition.uuid);
  definition.mapping = std::make_shared<const Mapping>(std::move(creation.mapping));
  definition.aliases = std::move(creation.aliases);
  IndexPtr index;
  in_transaction([&] {
    definition.number = insert_index(definition);
    writer_->execute(StoredIndex::schema(definition.number));
    index = std::make_shared<StoredIndex>(std::move(definition), readers_, *writer_);
  });
  const std::unique_lock<std::shared_mutex> lock(catalog_mutex_);
  return indices_[name] = std::move(index);
}

void StoreCore::drop_retired() {
  std::erase_if(retired_, [](const IndexPtr& index) { return index.use_count() == 1; });
}

void StoreCore::delete_indices(const std::vector<IndexPtr>& indices) {
  const std::lock_guard<FairMutex> write_lock(write_mutex_);
  drop_retired();
  const WriterFirstLock::Writer alone = visibility_.write();  // no search is under way
  std::vector<IndexPtr> live;
  {
    const std::shared_lock<std::shared_mutex> lock(catalog_mutex_);
    for (const IndexPtr& index : indices) {
      const auto found = indices_.find(index->name());
      if (found != indices_.end() && found->second == index) live.push_back(index);
    }
  }
  in_transaction([&] {
    for (const IndexPtr& index : live) {
      for (const std::string& table :
           {index->documents_table(), index->vectors_table(), index->deleted_table(), index->search().table()}) {
        writer_->forget(table);
        writer_->execute("DROP TABLE " + table);
      }
      writer_->execute("DELETE FROM indices WHERE number=" + std::to_string(index->number()));
    }
  });
  readers_.forget_all();
  const std::unique_lock<std::shared_mutex> lock(catalog_mutex_);
  for (const IndexPtr& index : live) {
    indices_.erase(index->name());
    retired_.push_back(index);
  }
}

void StoreCore::save(const StoredIndex& index, const char* column, const std::string& value) {
  writer_->run(std::string("UPDATE indices SET ") + column + "=?1 WHERE number=?2", value, index.number());
  check_readable(index.number());
}

void StoreCore::merge_mapping(const std::vector<IndexPtr>& indices, const Mapping& mapping) {
  const std::lock_guard<FairMutex> write_lock(write_mutex_);
  std::vector<std::shared_ptr<const Mapping>> merged;
  for (const IndexPtr& index : indices) {
    check_cancelled();
    merged.push_back(std::make_shared<const Mapping>(index->mapping()->merged_with(mapping, index->mapping_limits())));
    check_definition(index->settings(), *merged.back(), index->aliases());
  }
  in_transaction([&] {
    for (std::size_t i = 0; i < indices.size(); ++i) save(*indices[i], "mapping", merged[i]->to_json());
  });
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i]->set_mapping(merged[i]);
}

void StoreCore::change_settings(const std::vector<IndexPtr>& indices, const IndexSettings& changes) {
  const std::lock_guard<FairMutex> write_lock(write_mutex_);
  std::vector<IndexSettings> updated;
  std::int64_t more_shards = 0;
  for (const IndexPtr& index : indices) {
    updated.push_back(updated_settings(index->settings(), changes, index->name()));
    check_definition(updated.back(), *index->mapping(), index->aliases());
    more_shards += shards_of(updated.back()) - shards_of(index->settings());
  }
  {
    const std::shared_lock<std::shared_mutex> lock(catalog_mutex_);
    check_shards(more_shards);
  }
  in_transaction([&] {
    for (std::size_t i = 0; i < indices.size(); ++i) save(*indices[i], "settings", flat_settings_json(updated[i]));
  });
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i]->set_settings(updated[i]);
}

void StoreCore::change_aliases(const std::vector<AliasChange>& changes) {
  const std::lock_guard<FairMutex> write_lock(write_mutex_);
  std::map<IndexPtr, Aliases> updated;
  std::map<std::string, Aliases> by_name;
  Aliases written;
  for (const AliasChange& change : changes) {
    Aliases& aliases = updated.try_emplace(change.index, change.index->aliases()).first->second;
    if (change.alias) {
      const std::shared_lock<std::shared_mutex> lock(catalog_mutex_);
      check_new_aliases({{change.name, *change.alias}}, "");
      aliases[change.name] = *change.alias;
      if (change.alias->is_write_index.value_or(false)) written.emplace(change.name, *change.alias);
    } else if (aliases.erase(change.name) == 0 && !change.index->has_alias(change.name)) {
      ElasticError error{404, "aliases_not_found_exception", "aliases [" + change.name + "] missing"};
      error.details = {{"resource.type", "aliases"}, {"resource.id", change.name}};
      refuse(std::move(error));
    }
  }
  for (const auto& [index, aliases] : updated) {
    check_definition(index->settings(), *index->mapping(), aliases);
    by_name.emplace(index->name(), aliases);
  }
  check_write_indices(by_name, written);
  in_transaction([&] {
    for (const auto& [index, aliases] : updated) save(*index, "aliases", aliases_json(aliases));
  });
  for (const auto& [index, aliases] : updated) index->set_aliases(aliases);
}

std::vector<IndexPtr> StoreCore::find_all(std::string_view expression, const IndicesOptions& options) const {
  const std::shared_lock<std::shared_mutex> lock(catalog_mutex_);
  std::vector<IndexPtr> chosen;
  std::unordered_set<const StoredIndex*> taken;         // the same
  std::unordered_set<std::string_view> done, excluded;  // parts that would change nothing
  const auto take = [&](const IndexPtr& index) {
    if (taken.insert(index.get()).second) chosen.push_back(index);
  };
  bool wildcard_seen = false;
  const auto parts = split_expression(expression);
  accepted(rest::check_pattern_count("index", parts.size(), limits_.max_patterns));
  for (const std::string& part : parts) {
    const bool excludes = wildcard_seen && part.starts_with('-');
    if (!(excludes ? excluded : done).insert(part).second) continue;
    (excludes ? done : excluded).clear();
    const std::string name = excludes ? part.substr(1) : part;
    bool any = excludes;
    const bool all = parts.size() == 1 && name == "_all";  // within a list it is a name
    if (name.starts_with('_') && !all) refuse(invalid_index_name(name, "must not start with '_'."));
    const bool expands = excludes || all || (options.expands && is_wildcard(name));
    wildcard_seen = wildcard_seen || expands;
    if (const auto index = indices_.find(name); !expands && index != indices_.end()) {
      take(index->second);
      continue;
    }
    const auto fits = [&](std::string_view known) { return part_fits(name, known); };
    for (const auto& [index_name, index] : indices_) {
      check_cancelled();
      if (expands ? !fits(index_name) && !index->any_alias(fits) : !index->has_alias(name)) continue;
      if (excludes) {
        taken.erase(index.get());
      } else if (!expands || taken.contains(index.get()) || shown_by(name, index_name, index->hidden(), options)) {
        take(index);
        any = true;
      }
    }
    if (excludes) std::erase_if(chosen, [&](const IndexPtr& index) { return !taken.contains(index.get()); });
    if (!any && !(expands ? options.allow_no_indices : options.ignore_unavailable)) refuse(index_not_found(name));
  }
  if (chosen.empty() && !options.allow_no_indices) refuse(index_not_found(std::string(expression)));
  return chosen;
}

std::vector<IndexPtr> StoreCore::find_named(const std::string& name) const {
  if (is_wildcard(name) || name.find(',') != std::string::npos) refuse(index_not_found(name));
  return find_all(name, {});
}

IndexPtr StoreCore::find_one(const std::string& name) const {
  const auto found = find_named(name);
  if (found.size() == 1) return found.front();
  std::string names;
  for (const IndexPtr& index : found) names += (names.empty() ? "" : ", ") + index->name();
  refuse(illegal_argument("alias [" + name + "] has more than one index associated with it [" + names +
                          "], can't execute a single index op"));
}

IndexPtr StoreCore::find_for_write(const std::string& name) const {
  const auto found = find_named(name);
  for (const IndexPtr& index : found) {
    const auto aliases = index->aliases();
    const auto alias = aliases.find(name);
    if (alias == aliases.end() || alias->second.is_write_index.value_or(found.size() == 1)) return index;
  }
  refuse(illegal_argument("no write index is defined for alias [" + name +
                          "]: one of its indices must have [is_write_index] set to true"));
}

}  // namespace sightline::elastic
