// SQLite. Failures are thrown as StorageFailed.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/elastic/embedded/failures.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sightline::elastic::sqlite {

class Connection;

/// One run of a prepared statement. The destructor resets the statement, which stays in its connection's cache.
class Query {
 public:
  Query(Connection& connection, sqlite3_stmt* statement) : connection_(&connection), statement_(statement) {}
  Query(Query&& other) noexcept : connection_(other.connection_), statement_(other.statement_) {
    other.statement_ = nullptr;
  }
  Query& operator=(Query&&) = delete;
  ~Query();

  /// Parameters start at 1. Texts and blobs must outlive the run.
  void bind(int parameter, std::int64_t value);
  void bind(int parameter, std::string_view text);
  void bind(int parameter, std::span<const std::byte> blob);

  /// True: there is a row. False: the end. Throws WorkCancelled while reading for a cancelled request.
  bool step();

  /// Columns of the row start at 0. Views are valid until the next step.
  std::int64_t integer(int column) const;
  std::string_view text(int column) const;

 private:
  Connection* connection_;
  sqlite3_stmt* statement_;
};

/// One connection; used by one thread at a time.
class Connection {
 public:
  enum class Mode { read_write, read_only };
  /// Opens the file in WAL mode, with every commit forced to disk. Throws StorageFailed: corrupt_data if it is not a
  /// database, internal.
  static std::unique_ptr<Connection> open(const std::string& file, Mode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Prepares a statement once, then caches it. Binds `values`, which must outlive the run, to its parameters in order.
  template <class... Values>
  Query query(const std::string& sql, const Values&... values) {
    Query made = prepare(sql);
    [[maybe_unused]] int parameter = 0;
    (made.bind(++parameter, values), ...);
    return made;
  }
  /// Runs a statement without result rows.
  template <class... Values>
  void run(const std::string& sql, const Values&... values) {
    query(sql, values...).step();
  }
  /// Runs statements without parameters or rows, which are not cached.
  void execute(const std::string& sql);
  /// No effect outside a transaction. Does not fail.
  void roll_back();
  /// The single number that a statement returns; 0 if it returns no row.
  std::int64_t number(const std::string& sql);
  /// The bytes of a column of texts in all rows of a table together. Reads only the beginning of a long row.
  std::int64_t bytes_of(const std::string& table, const std::string& column);
  /// Deletes cached statements whose text contains `part`: those of a table that will be dropped.
  void forget(std::string_view part);

  /// Throws SQLite's last error. `action`: what was tried.
  [[noreturn]] void fail(const std::string& action) const;

 private:
  Connection() = default;
  Query prepare(const std::string& sql);

  sqlite3* handle_ = nullptr;
  std::string file_;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
};

/// A pool of read connections; grows to as many as are used at once.
class ReaderPool {
 public:
  explicit ReaderPool(std::string file) : file_(std::move(file)) {}

  struct GiveBack {
    ReaderPool* pool;
    std::uint64_t generation;
    void operator()(Connection* connection) const {
      pool->give_back(std::unique_ptr<Connection>(connection), generation);
    }
  };
  /// A connection whose destructor returns it to the pool.
  using Loan = std::unique_ptr<Connection, GiveBack>;
  Loan borrow();
  /// Closes the connections: idle ones now, borrowed ones when they come back. To be called after tables were dropped,
  /// because connections keep their statements.
  void forget_all();

 private:
  void give_back(std::unique_ptr<Connection> connection, std::uint64_t generation);

  std::string file_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::uint64_t generation_ = 0;  // of the connections that are kept
};

}  // namespace sightline::elastic::sqlite
