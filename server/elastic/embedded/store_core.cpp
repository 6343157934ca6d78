#include "server/elastic/embedded/store_core.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <functional>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/cancellation.h"
#include "server/elastic/embedded/index_names.h"
#include "server/elastic/embedded/search/search_contexts.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

constexpr std::int64_t k_schema_version = 1;
constexpr std::int64_t k_application_id = 0x53474C54;  // "SGLT"
/// Larger files are not read through at start; SQLite still finds broken pages when it comes to them.
constexpr std::uintmax_t k_largest_checked_bytes = std::uintmax_t{1} << 30;

constexpr const char* k_schema = R"(
  CREATE TABLE store(key TEXT PRIMARY KEY, value TEXT NOT NULL);
  CREATE TABLE indices(number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, uuid TEXT NOT NULL,
                       settings TEXT NOT NULL, mapping TEXT NOT NULL, aliases TEXT NOT NULL, next_seq_no INTEGER NOT NULL);
)";

std::string index_schema(std::int64_t number) {
  const std::string n = std::to_string(number);
  return "CREATE TABLE documents_" + n +
         "(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, source TEXT NOT "
         "NULL);"
         "CREATE TABLE vectors_" +
         n +
         "(document INTEGER NOT NULL, ordinal INTEGER NOT NULL, path TEXT NOT NULL, position INTEGER NOT "
         "NULL, before TEXT NOT NULL,"
         " after TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY(document, ordinal)) WITHOUT ROWID;"
         "CREATE TABLE deleted_" +
         n + "(id TEXT PRIMARY KEY, version INTEGER NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID;";
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

namespace {

/// Ids must never meet, but may be guessed: seeded from the system once per thread, which is what takes time.
std::mt19937_64 seeded_generator() {
  std::random_device system;
  std::array<std::random_device::result_type, 32> words;  // 1,024 bits
  std::generate(words.begin(), words.end(), std::ref(system));
  std::seed_seq seed(words.begin(), words.end());
  return std::mt19937_64(seed);
}

}  // namespace

std::string random_name(std::size_t bytes) {
  thread_local std::mt19937_64 generator = seeded_generator();
  std::string random;
  while (random.size() < bytes) {
    const auto word = generator();
    random.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  random.resize(bytes);
  std::string text = base64_encode(std::string_view(random));
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  std::erase(text, '=');
  return text;
}

StoreCore::StoreCore(const std::filesystem::path& folder, std::unique_ptr<StoreFiles> files, Now now,
                     const Limits& limits, Warn warn)
    : limits_(limits),
      folder_(folder),
      files_(std::move(files)),
      file_(files_->database()),
      health_(std::move(warn)),
      readers_(file_),
      now_(std::move(now)),
      search_contexts_(std::make_unique<SearchContexts>(limits_, now_)) {}

StoreCore::~StoreCore() {
  indices_.clear();  // their search sides hold statements of the writer
  retired_.clear();
}

bool StoreCore::refresh_is_due() const {
  const auto due = refresh_due_.load();
  return due != std::chrono::steady_clock::time_point::max() && now_() >= due;
}

void StoreCore::refresh_all() const {
  const std::shared_lock<std::shared_mutex> lock(catalog_mutex_);
  for (const auto& [name, index] : indices_) index->search().refresh();
  refresh_due_ = std::chrono::steady_clock::time_point::max();
}

VisibilityLock::Reader StoreCore::read_lock() const {
  if (refresh_is_due()) {
    const std::unique_lock<TurnMutex> writing(write_mutex_, std::try_to_lock);
    if (writing) {
      const VisibilityLock::Writer alone = visibility_.write();
      refresh_all();
    }
  }
  return visibility_.read();
}

void StoreCore::refresh(const std::vector<IndexPtr>& indices) {
  const std::lock_guard<TurnMutex> writing(write_mutex_);
  const VisibilityLock::Writer alone = visibility_.write();
  for (const IndexPtr& index : indices) index->search().refresh();
}

Result<std::unique_ptr<StoreCore>> StoreCore::open(const std::filesystem::path& folder, Now now,
                                                   const Limits& limits, Warn warn) {
  auto files = StoreFiles::claim(folder, warn);
  if (!files) return files.error();
  std::unique_ptr<StoreCore> core(
      new StoreCore(folder, *std::move(files), std::move(now), limits, std::move(warn)));
  if (core->files_->is_new()) {
    if (Status status = core->create_database(); !status) return status.error();
  }
  auto writer = sqlite::Connection::open(core->file_, sqlite::Connection::Mode::read_write);
  if (!writer) return writer.error();
  core->writer_ = *std::move(writer);
  if (Status status = core->prepare_database(); !status) return status.error();
  if (Status status = core->load_indices(); !status) return status.error();
  core->files_->watch();
  return core;
}

/// Under another name until it is whole.
Status StoreCore::create_database() {
  const std::string unfinished = files_->unfinished();
  for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((unfinished + suffix).c_str());
  const int file = ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file >= 0) ::close(file);  // SQLite's own would be readable to others
  auto writer = sqlite::Connection::open(unfinished, sqlite::Connection::Mode::read_write);
  if (!writer) return writer.error();
  writer_ = *std::move(writer);
  const Status made = create_schema();
  writer_.reset();
  return made ? files_->finish() : made;
}

Status StoreCore::prepare_database() {
  const auto application = writer_->number("PRAGMA application_id");
  if (!application) return application.error();
  const auto version = writer_->number("PRAGMA user_version");
  if (!version) return version.error();
  if (*application != k_application_id) {
    return Error{ErrorCode::corrupt_data,
                 "store file " + file_ + ": is no Sightline store; name another folder"};
  }
  if (*version != k_schema_version) {
    return Error{ErrorCode::unsupported, "store file " + file_ + ": has schema version " +
                                             std::to_string(*version) + ", this program reads " +
                                             std::to_string(k_schema_version)};
  }
  std::error_code problem;
  if (std::filesystem::file_size(file_, problem) <= k_largest_checked_bytes) {
    auto check = writer_->query("PRAGMA quick_check(1)");
    if (!check) return check.error();
    const auto row = check->step();
    if (!row) return row.error();
    if (*row && check->text(0) != "ok") {
      return Error{ErrorCode::corrupt_data, "store file " + file_ +
                                                " is damaged: " + std::string(check->text(0)) +
                                                "; restore it from a copy, or start with an empty folder"};
    }
  }
  auto uuid = writer_->query("SELECT value FROM store WHERE key='cluster_uuid'");
  if (!uuid) return uuid.error();
  const auto row = uuid->step();
  if (!row) return row.error();
  if (*row) cluster_uuid_ = uuid->text(0);
  return files_->check_uuid(cluster_uuid_);
}

Status StoreCore::check_files() {
  auto fault = files_->fault();
  if (!fault) return {};
  std::string text = "store folder " + folder_.string() + ": " + *fault +
                     "; writes are refused, since they would be lost. Stop the server, put back what was "
                     "there or a copy of it, and start the server again";
  health_.found(text);
  return Error{ErrorCode::unavailable, std::move(text)};
}

void StoreCore::note(const Status& written) {
  if (written) return health_.works();
  if (written.error().code != ErrorCode::unavailable) health_.failed(written.error().message);
}

std::string StoreCore::problem() {
  if (check_files() && !health_.write_failed()) health_.works();
  return health_.problem();
}

void StoreCore::check() {
  search_contexts_->drop_expired();
  if (!check_files()) return;
  if (!health_.write_failed()) return health_.works();
  const std::unique_lock<TurnMutex> writing(write_mutex_, std::try_to_lock);
  if (writing) note(try_write());
}

Status StoreCore::try_write() {
  // As much as a small write takes: a full disk may still have a few bytes.
  constexpr const char* k_probe =
      "INSERT OR REPLACE INTO store(key, value) VALUES('probe', hex(zeroblob(65536)))";
  for (const char* sql : {k_probe, "DELETE FROM store WHERE key='probe'"}) {
    if (Status status = writer_->execute(sql); !status) return status;
  }
  return {};
}

template <class Work>
Status StoreCore::in_transaction(const Work& work) {
  Status status = check_files();
  if (status) status = writer_->execute("BEGIN IMMEDIATE");
  if (!status) return status;
  try {
    status = work();
  } catch (...) {
    (void)writer_->execute("ROLLBACK");
    throw;
  }
  if (status) status = writer_->execute("COMMIT");
  if (!status) (void)writer_->execute("ROLLBACK");
  note(status);
  return status;
}

Status StoreCore::create_schema() {
  cluster_uuid_ = random_name(16);
  return in_transaction([&]() -> Status {
    if (Status status = writer_->execute(k_schema); !status) return status;
    auto insert = writer_->query("INSERT INTO store(key, value) VALUES('cluster_uuid', ?1)");
    if (!insert) return insert.error();
    if (Status status = insert->bind(1, cluster_uuid_).run(); !status) return status;
    return writer_->execute("PRAGMA application_id=" + std::to_string(k_application_id) +
                            "; PRAGMA user_version=" + std::to_string(k_schema_version));
  });
}

Status StoreCore::load_indices() {
  std::vector<IndexPtr> loaded;
  {
    auto rows = writer_->query(
        "SELECT number, name, uuid, settings, mapping, aliases, next_seq_no FROM indices ORDER BY number");
    if (!rows) return rows.error();
    for (;;) {
      const auto row = rows->step();
      if (!row) return row.error();
      if (!*row) break;
      auto index = load_index(*rows);
      if (!index) return index.error();
      loaded.push_back(*index);
    }
  }
  for (const IndexPtr& index : loaded) {
    const auto count = writer_->number("SELECT COUNT(*) FROM " + index->documents_table());
    if (!count) return count.error();
    index->set_document_count(*count);
    if (Status status = index->open_search(*writer_); !status) return status;
    indices_[index->name()] = index;
  }
  return {};
}

Result<IndexPtr> StoreCore::load_index(sqlite::Query& row) {
  StoredIndex::Definition definition;
  definition.number = row.integer(0);
  definition.name = row.text(1);
  definition.uuid = row.text(2);
  definition.next_seq_no = row.integer(6);
  const auto broken = [&](const char* what) {
    return Error{ErrorCode::corrupt_data, "store file " + file_ + ": the " + what + " of index " +
                                              definition.name + " cannot be read"};
  };
  const auto settings = rest::JsonTape::parse(row.text(3));
  if (!settings || !JsonView(*settings, 0).is_object()) return broken("settings");
  JsonView(*settings, 0).each_member([&](const JsonView& key, const JsonView& value) {
    definition.settings.emplace(key.text(), value.text());
  });
  auto mapping = Mapping::parse_text(row.text(4));
  if (!mapping) return broken("mapping");
  definition.mapping = std::make_shared<const Mapping>(*std::move(mapping));
  const auto aliases_body = rest::JsonTape::parse(row.text(5));
  if (!aliases_body) return broken("aliases");
  try {
    definition.aliases = parse_aliases(JsonView(*aliases_body, 0));
  } catch (const Refused&) {
    return broken("aliases");
  }
  return std::make_shared<StoredIndex>(std::move(definition), readers_);
}

Answer<IndexPtr> StoreCore::create_index(const std::string& name, IndexCreation creation) {
  const std::lock_guard<TurnMutex> lock(write_mutex_);
  return create_index_locked(name, std::move(creation));
}

Refusal StoreCore::check_new_aliases(const Aliases& aliases, const std::string& index) const {
  for (const auto& [alias, properties] : aliases) {
    if (auto refusal = check_new_index_name(alias)) {
      return ElasticError{
          400, "invalid_alias_name_exception",
          "Invalid alias name [" + alias + "]: " + refusal->reason.substr(refusal->reason.find("], ") + 3)};
    }
    if (indices_.contains(alias) || alias == index) {
      return ElasticError{400, "invalid_alias_name_exception",
                          "Invalid alias name [" + alias +
                              "]: an index or data stream exists with the same name as the alias"};
    }
  }
  return std::nullopt;
}

Refusal StoreCore::check_definition(const IndexSettings& settings, const Mapping& mapping,
                                    const Aliases& aliases) const {
  if (aliases.size() > limits_.max_aliases) {
    return illegal_argument("an index may have [" + std::to_string(limits_.max_aliases) +
                            "] aliases but would have [" + std::to_string(aliases.size()) +
                            "]; remove some, or raise --elasticsearch-max-aliases");
  }
  const std::size_t bytes =
      flat_settings_json(settings).size() + mapping.to_json().size() + aliases_json(aliases).size();
  if (bytes > limits_.max_definition_bytes) return definition_too_large(bytes, limits_);
  return std::nullopt;
}

Refusal StoreCore::check_shards(std::int64_t more) const {
  std::int64_t open = 0;
  for (const auto& [name, index] : indices_) open += shards_of(index->settings());
  const auto most = static_cast<std::int64_t>(limits_.max_shards);
  if (more <= 0 || open + more <= most) return std::nullopt;
  return ElasticError{400, "validation_exception",
                      "Validation Failed: 1: this action would add [" + std::to_string(more) +
                          "] shards, but this cluster currently has [" + std::to_string(open) + "]/[" +
                          std::to_string(most) +
                          "] maximum normal shards open; delete indices, or raise "
                          "--elasticsearch-max-shards;"};
}

Result<std::int64_t> StoreCore::insert_index(const StoredIndex::Definition& definition) {
  auto insert = writer_->query(
      "INSERT INTO indices(name, uuid, settings, mapping, aliases, next_seq_no) VALUES(?1, ?2, ?3, ?4, ?5, "
      "0) RETURNING number");
  if (!insert) return insert.error();
  const std::string settings = flat_settings_json(definition.settings),
                    mapping = definition.mapping->to_json(), aliases = aliases_json(definition.aliases);
  insert->bind(1, definition.name)
      .bind(2, definition.uuid)
      .bind(3, settings)
      .bind(4, mapping)
      .bind(5, aliases);
  const auto row = insert->step();
  if (!row) return row.error();
  return insert->integer(0);
}

Answer<IndexPtr> StoreCore::create_index_locked(const std::string& name, IndexCreation creation) {
  if (auto refusal = check_new_index_name(name)) return *refusal;
  {
    const std::shared_lock<std::shared_mutex> lock(catalog_mutex_);
    if (const auto twin = indices_.find(name); twin != indices_.end()) {
      ElasticError error{400, "resource_already_exists_exception",
                         "index [" + name + "/" + twin->second->uuid() + "] already exists"};
      error.details = {{"index_uuid", twin->second->uuid()}, {"index", name}};
      return error;
    }
    for (const auto& [other, index] : indices_) {
      if (index->has_alias(name)) return invalid_index_name(name, "already exists as alias");
    }
    if (auto refusal = check_new_aliases(creation.aliases, name)) return *refusal;
    if (auto refusal = check_shards(shards_of(creation.settings))) return *refusal;
  }
  if (auto refusal = creation.mapping.check(mapping_limits_of(creation.settings))) return *refusal;
  if (auto refusal = check_definition(creation.settings, creation.mapping, creation.aliases)) return *refusal;
  StoredIndex::Definition definition;
  definition.name = name;
  definition.uuid = random_name(16);
  definition.settings = creation_settings(std::move(creation.settings), name, definition.uuid);
  definition.mapping = std::make_shared<const Mapping>(std::move(creation.mapping));
  definition.aliases = std::move(creation.aliases);
  const Status status = in_transaction([&]() -> Status {
    const auto number = insert_index(definition);
    if (!number) return number.error();
    definition.number = *number;
    return writer_->execute(index_schema(definition.number));
  });
  if (!status) return storage_error(status.error());
  auto index = std::make_shared<StoredIndex>(std::move(definition), readers_);
  if (Status opened = index->open_search(*writer_); !opened) {
    (void)writer_->execute("DELETE FROM indices WHERE number=" + std::to_string(index->number()));
    return storage_error(opened.error());
  }
  const std::unique_lock<std::shared_mutex> lock(catalog_mutex_);
  indices_[name] = index;
  return index;
}

void StoreCore::drop_retired() {
  std::erase_if(retired_, [](const IndexPtr& index) { return index.use_count() == 1; });
}

Refusal StoreCore::delete_indices(const std::vector<IndexPtr>& indices) {
  const std::lock_guard<TurnMutex> write_lock(write_mutex_);
  drop_retired();
  const VisibilityLock::Writer alone = visibility_.write();  // no search is under way
  std::vector<IndexPtr> live;
  {
    const std::shared_lock<std::shared_mutex> lock(catalog_mutex_);
    for (const IndexPtr& index : indices) {
      const auto found = indices_.find(index->name());
      if (found != indices_.end() && found->second == index) live.push_back(index);
    }
  }
  const Status status = in_transaction([&]() -> Status {
    for (const IndexPtr& index : live) {
      if (Status dropped = SearchIndex::drop(writer_->handle(), index->number()); !dropped) return dropped;
      for (const std::string& table :
           {index->documents_table(), index->vectors_table(), index->deleted_table()}) {
        writer_->forget(table);
        if (Status dropped = writer_->execute("DROP TABLE " + table); !dropped) return dropped;
      }
      if (Status removed =
              writer_->execute("DELETE FROM indices WHERE number=" + std::to_string(index->number()));
          !removed) {
        return removed;
      }
    }
    return {};
  });
  if (!status) return storage_error(status.error());
  const std::unique_lock<std::shared_mutex> lock(catalog_mutex_);
  for (const IndexPtr& index : live) {
    indices_.erase(index->name());
    retired_.push_back(index);
  }
  return std::nullopt;
}

Status StoreCore::save(const StoredIndex& index, const char* column, const std::string& value) {
  auto update = writer_->query(std::string("UPDATE indices SET ") + column + "=?1 WHERE number=?2");
  if (!update) return update.error();
  return update->bind(1, value).bind(2, index.number()).run();
}

Refusal StoreCore::merge_mapping(const std::vector<IndexPtr>& indices, const Mapping& mapping) {
  const std::lock_guard<TurnMutex> write_lock(write_mutex_);
  std::vector<std::shared_ptr<const Mapping>> merged;
  for (const IndexPtr& index : indices) {
    check_cancelled();
    auto result = index->mapping()->merged_with(mapping, index->mapping_limits());
    if (!result) return result.error();
    if (auto refusal = check_definition(index->settings(), *result, index->aliases())) return refusal;
    merged.push_back(std::make_shared<const Mapping>(*std::move(result)));
  }
  const Status status = in_transaction([&]() -> Status {
    for (std::size_t i = 0; i < indices.size(); ++i) {
      if (Status saved = save(*indices[i], "mapping", merged[i]->to_json()); !saved) return saved;
    }
    return {};
  });
  if (!status) return storage_error(status.error());
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i]->set_mapping(merged[i]);
  return std::nullopt;
}

Refusal StoreCore::change_settings(const std::vector<IndexPtr>& indices, const IndexSettings& changes) {
  const std::lock_guard<TurnMutex> write_lock(write_mutex_);
  std::vector<IndexSettings> updated;
  std::int64_t more_shards = 0;
  for (const IndexPtr& index : indices) {
    auto result = updated_settings(index->settings(), changes, index->name());
    if (!result) return result.error();
    if (auto refusal = check_definition(*result, *index->mapping(), index->aliases())) return refusal;
    more_shards += shards_of(*result) - shards_of(index->settings());
    updated.push_back(*std::move(result));
  }
  {
    const std::shared_lock<std::shared_mutex> lock(catalog_mutex_);
    if (auto refusal = check_shards(more_shards)) return refusal;
  }
  const Status status = in_transaction([&]() -> Status {
    for (std::size_t i = 0; i < indices.size(); ++i) {
      if (Status saved = save(*indices[i], "settings", flat_settings_json(updated[i])); !saved) return saved;
    }
    return {};
  });
  if (!status) return storage_error(status.error());
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i]->set_settings(updated[i]);
  return std::nullopt;
}

Refusal StoreCore::change_aliases(const std::vector<AliasChange>& changes) {
  const std::lock_guard<TurnMutex> write_lock(write_mutex_);
  std::map<IndexPtr, Aliases> updated;
  for (const AliasChange& change : changes) {
    Aliases& aliases = updated.try_emplace(change.index, change.index->aliases()).first->second;
    if (change.alias) {
      const std::shared_lock<std::shared_mutex> lock(catalog_mutex_);
      if (auto refusal = check_new_aliases({{change.name, *change.alias}}, "")) return refusal;
      aliases[change.name] = *change.alias;
    } else if (aliases.erase(change.name) == 0) {
      ElasticError error{404, "aliases_not_found_exception", "aliases [" + change.name + "] missing"};
      error.details = {{"resource.type", "aliases"}, {"resource.id", change.name}};
      return error;
    }
  }
  for (const auto& [index, aliases] : updated) {
    if (auto refusal = check_definition(index->settings(), *index->mapping(), aliases)) return refusal;
  }
  const Status status = in_transaction([&]() -> Status {
    for (const auto& [index, aliases] : updated) {
      if (Status saved = save(*index, "aliases", aliases_json(aliases)); !saved) return saved;
    }
    return {};
  });
  if (!status) return storage_error(status.error());
  for (const auto& [index, aliases] : updated) index->set_aliases(aliases);
  return std::nullopt;
}

}  // namespace sightline::elastic
