#include "server/elastic/embedded/sqlite.h"

#include <sqlite3.h>

#include "base/cancellation.h"

namespace sightline::elastic::sqlite {
namespace {

constexpr int k_steps_between_checks = 10'000;  // steps of SQLite's virtual machine
constexpr int k_busy_milliseconds = 10'000;
constexpr std::size_t k_most_idle_readers = 32;

}  // namespace

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Query::bind(int parameter, std::int64_t value) {
  sqlite3_bind_int64(statement_, parameter, value);
}

void Query::bind(int parameter, std::string_view text) {
  // A null pointer would bind NULL, not an empty text.
  sqlite3_bind_text64(statement_, parameter, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Query::bind(int parameter, std::span<const std::byte> blob) {
  sqlite3_bind_blob64(statement_, parameter, blob.data(), blob.size(), SQLITE_STATIC);
}

bool Query::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  if (code == SQLITE_INTERRUPT) check_cancelled();
  connection_->fail("running a statement");
}

std::int64_t Query::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string_view Query::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr ? std::string_view()
                          : std::string_view(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

std::unique_ptr<Connection> Connection::open(const std::string& file, Mode mode) {
  std::unique_ptr<Connection> connection(new Connection());
  connection->file_ = file;
  const int access = mode == Mode::read_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  if (sqlite3_open_v2(file.c_str(), &connection->handle_, access | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK) {
    connection->fail("opening it");
  }
  sqlite3_extended_result_codes(connection->handle_, 1);
  sqlite3_busy_timeout(connection->handle_, k_busy_milliseconds);
  connection->execute("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY");
  if (mode == Mode::read_only) {
    // Only reads can be cancelled: writes are short, but a read may scan all rows.
    const auto cancelled = [](void*) {
      const auto& cancellation = current_cancellation();
      return cancellation && cancellation->requested() ? 1 : 0;
    };
    sqlite3_progress_handler(connection->handle_, k_steps_between_checks, cancelled, nullptr);
  }
  if (mode == Mode::read_write) connection->execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
  return connection;
}

Connection::~Connection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close_v2(handle_);
}

Query Connection::prepare(const std::string& sql) {
  const auto [place, is_new] = statements_.try_emplace(sql, nullptr);
  if (is_new && sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                   &place->second, nullptr) != SQLITE_OK) {
    statements_.erase(place);
    fail("preparing `" + sql + "`");
  }
  return Query(*this, place->second);
}

void Connection::execute(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail("running `" + sql + "`");
}

void Connection::roll_back() {
  sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

std::int64_t Connection::number(const std::string& sql) {
  Query rows = query(sql);
  return rows.step() ? rows.integer(0) : 0;
}

std::int64_t Connection::bytes_of(const std::string& table, const std::string& column) {
  std::int64_t bytes = 0;
  std::unique_ptr<sqlite3_blob, int (*)(sqlite3_blob*)> value(nullptr, sqlite3_blob_close);
  Query rows = query("SELECT rowid FROM " + table + " ORDER BY rowid");
  while (rows.step()) {
    const std::int64_t row = rows.integer(0);
    sqlite3_blob* opened = nullptr;
    const int code = value ? sqlite3_blob_reopen(value.get(), row)
                           : sqlite3_blob_open(handle_, "main", table.c_str(), column.c_str(), row, 0, &opened);
    if (code != SQLITE_OK) fail("reading the size of " + table + "." + column);
    if (opened) value.reset(opened);
    bytes += sqlite3_blob_bytes(value.get());
  }
  return bytes;
}

void Connection::forget(std::string_view part) {
  std::erase_if(statements_, [part](const auto& entry) {
    if (entry.first.find(part) == std::string::npos) return false;
    sqlite3_finalize(entry.second);
    return true;
  });
}

void Connection::fail(const std::string& action) const {
  const int code = handle_ == nullptr ? SQLITE_NOMEM : sqlite3_errcode(handle_);
  const bool broken = (code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB;
  const std::string why = handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_);
  throw StorageFailed{
      {broken ? ErrorCode::corrupt_data : ErrorCode::internal, "store file " + file_ + ", " + action + ": " + why}};
}

ReaderPool::Loan ReaderPool::borrow() {
  GiveBack give_back{this, 0};
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    give_back.generation = generation_;
    if (!idle_.empty()) {
      Loan loan(idle_.back().release(), give_back);
      idle_.pop_back();
      return loan;
    }
  }
  return Loan(Connection::open(file_, Connection::Mode::read_only).release(), give_back);
}

void ReaderPool::give_back(std::unique_ptr<Connection> connection, std::uint64_t generation) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (generation == generation_ && idle_.size() < k_most_idle_readers) idle_.push_back(std::move(connection));
}

void ReaderPool::forget_all() {
  std::vector<std::unique_ptr<Connection>> closed;  // without the lock
  const std::lock_guard<std::mutex> lock(mutex_);
  closed.swap(idle_);
  ++generation_;
}

}  // namespace sightline::elastic::sqlite
