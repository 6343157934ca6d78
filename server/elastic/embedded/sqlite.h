// SQLite with results as values.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sightline::elastic::sqlite {

class Connection;

/// One run of a prepared statement: bind, then step. Given back to its connection's cache, reset, at the end
/// of its life.
class Query {
 public:
  Query(Connection& connection, sqlite3_stmt* statement) : connection_(&connection), statement_(statement) {}
  Query(Query&& other) noexcept : connection_(other.connection_), statement_(other.statement_) {
    other.statement_ = nullptr;
  }
  Query& operator=(Query&&) = delete;
  ~Query();

  /// Parameters from 1. Texts and blobs must outlive the run.
  Query& bind(int parameter, std::int64_t value);
  Query& bind(int parameter, std::string_view text);
  Query& bind_blob(int parameter, const void* bytes, std::size_t size);

  /// True: a row is there. False: the end. Throws WorkCancelled while reading for a request that is.
  Result<bool> step();
  /// Runs a statement that gives no rows.
  Status run();

  /// Columns of the row, from 0. Views are good until the next step.
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
  /// Opens the file in WAL mode, with every commit forced to disk. Errors: corrupt_data if it is no database,
  /// internal.
  static Result<std::unique_ptr<Connection>> open(const std::string& file, Mode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Prepared once, then kept.
  Result<Query> query(const std::string& sql);
  /// Runs statements without parameters or rows.
  Status execute(const std::string& sql);
  /// The single number that a statement gives; 0 if it gives no row.
  Result<std::int64_t> number(const std::string& sql);
  /// Forgets kept statements whose text contains `part`: those of a table that goes.
  void forget(std::string_view part);

  sqlite3* handle() const { return handle_; }
  /// The last failure, with what was tried.
  Error error(const std::string& action) const;

 private:
  Connection() = default;

  sqlite3* handle_ = nullptr;
  std::string file_;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
};

/// Read connections for whoever needs one; grows to as many as are used at once.
class ReaderPool {
 public:
  explicit ReaderPool(std::string file) : file_(std::move(file)) {}

  /// A connection on loan; back in the pool at the end of its life.
  class Loan {
   public:
    Loan(ReaderPool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Loan(Loan&&) = default;
    Loan& operator=(Loan&&) = delete;
    ~Loan() {
      if (connection_) pool_->give_back(std::move(connection_));
    }
    Connection* operator->() const { return connection_.get(); }

   private:
    ReaderPool* pool_;
    std::unique_ptr<Connection> connection_;
  };
  Result<Loan> borrow();

 private:
  void give_back(std::unique_ptr<Connection> connection);

  std::string file_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace sightline::elastic::sqlite
