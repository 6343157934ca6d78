// What the store tells the search side of one index: the border between writing and searching.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>

#include "base/result.h"
#include "server/elastic/embedded/document.h"

struct sqlite3;

namespace sightline::elastic {

/// Everything that makes one index searchable.
///
/// Writing: 1. Within the store's write transaction `add` and `remove` are called in the order of the writes;
/// searches do not see them yet.
///          2. Just after the transaction is on disk comes `commit`, or `rollback` if it failed.
///          3. `refresh` makes what is committed seen. A commit that removed anything does so itself: the
///          rows of what searches found before are gone.
/// `add` and `remove` come from one thread at a time while others search; the others come while no search
/// runs (the writer holds IndexLookup::read_lock's other side), so heavy work belongs into `add`. Searching:
/// through the search side's own members, under IndexLookup::read_lock.
class SearchIndex {
 public:
  using Visit = std::function<Status(std::int64_t doc, const ParsedDocument& document)>;
  /// Calls `visit` for every live document of the index, by growing number, vectors included; stops at its
  /// first error.
  using Documents = std::function<Status(const Visit& visit)>;

  /// Makes the index ready: from what it keeps in tables of its own (named with `index_number`) if it keeps
  /// any, else from `documents`. `connection` is the store's writing connection, valid as long as the
  /// SearchIndex, used by one thread at a time; during `open` no transaction is open on it. Errors:
  /// corrupt_data, internal.
  static Result<std::unique_ptr<SearchIndex>> open(sqlite3* connection, std::int64_t index_number,
                                                   const Documents& documents);
  /// Removes what `open` or later writes put into the database for that index, within the store's
  /// transaction.
  static Status drop(sqlite3* connection, std::int64_t index_number);

  virtual ~SearchIndex() = default;

  /// Takes in a document under a number that was never used. Errors: too_large if it has more than
  /// `max_words` in its text fields; nothing has changed then. Any other error fails the whole transaction
  /// (rollback follows).
  virtual Status add(std::int64_t doc, const ParsedDocument& document,
                     std::size_t max_words = std::numeric_limits<std::size_t>::max()) = 0;
  /// Takes out a document: one that is committed, or one added in the same transaction.
  virtual Status remove(std::int64_t doc) = 0;
  virtual void commit() = 0;
  virtual void rollback() = 0;
  virtual void refresh() = 0;
  /// True while a committed document is not seen yet.
  virtual bool needs_refresh() const = 0;
  /// Documents that searches see. Under IndexLookup::read_lock.
  virtual std::int64_t visible_count() const = 0;
};

}  // namespace sightline::elastic
