// All documents of one index in memory, field by field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "server/elastic/embedded/search/columns.h"

namespace sightline::elastic {

/// Documents and their values. Removed documents stay in memory, but are not searched, until `compact`. Thread safety:
/// const members may run in parallel with each other.
class MemoryIndex {
 public:
  /// True if a document's fields have the types, similarities and dims that the columns have.
  bool fits(const ParsedDocument& document) const;
  /// Adds a document that fits; `number` must be greater than all before it. `origin`: see below.
  void append(std::int64_t number, ParsedDocument document, std::int64_t origin);
  void append(std::int64_t number, ParsedDocument document) { append(number, std::move(document), number); }
  /// False if there is no live document of that number.
  bool remove(std::int64_t number);
  /// Deletes removed documents from memory and renumbers the rest.
  void compact();

  /// Number of documents including removed ones; valid Docs are 0 .. size()-1.
  std::size_t size() const { return numbers_.size(); }
  const DocSet& live() const { return live_; }
  std::size_t live_count() const { return live_count_; }
  std::int64_t number(Doc doc) const { return numbers_[doc]; }
  const std::string& id(Doc doc) const { return ids_[doc]; }
  std::optional<Doc> find(std::int64_t number) const;
  /// The number of the first document in the chain of replacements that led to this one since the index was loaded. It
  /// stays the same when a document is replaced.
  std::int64_t origin(Doc doc) const { return origins_[doc]; }
  /// Live documents that have replaced others, by their origin.
  std::unordered_map<std::int64_t, Doc> replacements() const;
  /// The greatest number so far; -1 if there is none.
  std::int64_t last_number() const { return numbers_.empty() ? -1 : numbers_.back(); }
  /// The column of a field, if any document ever had a value for it.
  const TextColumn* text(std::string_view path) const { return column<TextColumn>(path); }
  const KeywordColumn* keyword(std::string_view path) const { return column<KeywordColumn>(path); }
  const IntegerColumn* integers(std::string_view path) const { return column<IntegerColumn>(path); }
  const DoubleColumn* doubles(std::string_view path) const { return column<DoubleColumn>(path); }
  const VectorColumn* vectors(std::string_view path) const { return column<VectorColumn>(path); }

 private:
  using Column = std::variant<TextColumn, KeywordColumn, IntegerColumn, DoubleColumn, VectorColumn>;

  static Column new_column(const FieldValues& field);
  template <class C>
  const C* column(std::string_view path) const {
    const auto found = columns_.find(path);
    return found == columns_.end() ? nullptr : std::get_if<C>(&found->second);
  }

  std::vector<std::int64_t> numbers_, origins_;
  std::vector<std::string> ids_;
  DocSet live_;
  std::size_t live_count_ = 0;
  StringMap<Column> columns_;
};

}  // namespace sightline::elastic
