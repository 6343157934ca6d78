// The values of one field over all documents, in memory, arranged for searching; and all documents of one index.
//
// Every column has the same three members, called in the order of the documents:
//   append(doc, field)    the document's values; docs ascend, and may skip documents without the field
//   forget(doc)           the document was removed: statistics no longer count it (its values stay until `compact`)
//   compact(renumbered)   documents get new numbers; k_gone removes the document's values
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/sparse_numbers.h"
#include "base/string_map.h"
#include "server/elastic/embedded/document.h"
#include "server/elastic/embedded/search/bm25.h"
#include "server/elastic/embedded/search/doc_set.h"

namespace sightline::elastic {

inline constexpr Doc k_gone = std::numeric_limits<Doc>::max();

/// The new number for each old one, or k_gone. New numbers keep the order of the old.
using Renumbered = std::vector<Doc>;

/// Lists of values by document, one after the other in memory.
template <class T>
class ValueLists {
 public:
  void append(Doc doc, std::span<const T> values) {
    if (values.empty()) return;
    starts_.append(doc, static_cast<std::uint32_t>(values_.size()));
    values_.insert(values_.end(), values.begin(), values.end());
  }
  /// The document's values in the order of its source; empty if it has none.
  std::span<const T> of(Doc doc) const {
    const std::size_t slot = starts_.slot(doc);
    if (slot >= starts_.slots()) return {};
    const std::size_t end = slot + 1 < starts_.slots() ? starts_[slot + 1] : values_.size();
    return std::span<const T>(values_).subspan(starts_[slot], end - starts_[slot]);
  }
  /// The documents that have values.
  const SparseNumbers& documents() const { return starts_; }
  void compact(const Renumbered& renumbered) {
    ValueLists kept;
    starts_.each([&](Doc doc) {
      if (renumbered[doc] != k_gone) kept.append(renumbered[doc], of(doc));
    });
    *this = std::move(kept);
  }

 private:
  SparseNumbers starts_;
  std::vector<T> values_;
};

struct Posting {
  Doc doc = 0;
  std::uint32_t frequency = 0;
};

/// For text: postings by term, and lengths.
class TextColumn {
 public:
  void append(Doc doc, const FieldValues& field);
  void forget(Doc doc);
  void compact(const Renumbered& renumbered);

  /// In ascending order of documents; null if no document ever had the term.
  const std::vector<Posting>* find(std::string_view term) const;
  const StringMap<std::vector<Posting>>& terms() const { return terms_; }
  /// Of live documents.
  FieldStatistics statistics() const { return statistics_; }
  /// Tokens of the field in a document that has it.
  std::uint32_t length(Doc doc) const { return lengths_[lengths_.slot(doc)]; }
  const SparseNumbers& documents() const { return lengths_; }

 private:
  StringMap<std::vector<Posting>> terms_;
  SparseNumbers lengths_;
  FieldStatistics statistics_;
};

/// For keyword: documents by value, and values by document.
class KeywordColumn {
 public:
  using Term = std::uint32_t;

  void append(Doc doc, const FieldValues& field);
  void forget(Doc doc);
  void compact(const Renumbered& renumbered);

  /// Documents with that value, in ascending order; null if no document ever had it.
  const std::vector<Doc>* find(std::string_view value) const;
  std::size_t term_count() const { return texts_.size(); }
  const std::string& text(Term term) const { return *texts_[term]; }
  const std::vector<Doc>& documents(Term term) const { return documents_[term]; }
  const SparseNumbers& documents() const { return values_.documents(); }
  std::span<const Term> of(Doc doc) const { return values_.of(doc); }
  /// Of live documents. A value counts as one token of its document, even if it occurs there several times.
  FieldStatistics statistics() const { return statistics_; }

 private:
  std::size_t distinct(Doc doc) const;

  StringMap<Term> terms_;
  std::vector<const std::string*> texts_;
  std::vector<std::vector<Doc>> documents_;
  ValueLists<Term> values_;
  FieldStatistics statistics_;
};

/// For numbers, dates and booleans.
template <class T, std::vector<T> FieldValues::*Values>
class NumberColumn {
 public:
  void append(Doc doc, const FieldValues& field) { values_.append(doc, field.*Values); }
  void forget(Doc) {}
  void compact(const Renumbered& renumbered) { values_.compact(renumbered); }

  std::span<const T> of(Doc doc) const { return values_.of(doc); }
  const SparseNumbers& documents() const { return values_.documents(); }

 private:
  ValueLists<T> values_;
};
using IntegerColumn = NumberColumn<std::int64_t, &FieldValues::integers>;
using DoubleColumn = NumberColumn<double, &FieldValues::doubles>;

/// Rows of floats whose addresses never change. One thread adds rows; other threads may read existing rows meanwhile.
class VectorRows {
 public:
  explicit VectorRows(std::size_t dims);
  const float* add(std::span<const float> row);
  const float* operator[](std::size_t row) const {
    return chunks_[row / rows_per_chunk_].get() + row % rows_per_chunk_ * dims_;
  }
  std::size_t dims() const { return dims_; }
  std::size_t size() const { return size_; }

 private:
  std::size_t dims_, rows_per_chunk_, size_ = 0;
  std::vector<std::unique_ptr<float[]>> chunks_;
};

/// For dense_vector: one row per document that has the field. With cosine the rows have length one.
class VectorColumn {
 public:
  VectorColumn(VectorSimilarity similarity, std::size_t dims);

  void append(Doc doc, const FieldValues& field);
  void forget(Doc) {}
  void compact(const Renumbered& renumbered);

  VectorSimilarity similarity() const { return similarity_; }
  std::size_t dims() const { return rows_.dims(); }
  std::size_t size() const { return docs_.size(); }
  const float* row(std::size_t row) const { return rows_[row]; }
  Doc doc(std::size_t row) const { return docs_[row]; }
  const std::vector<Doc>& documents() const { return docs_; }

 private:
  VectorSimilarity similarity_;
  VectorRows rows_;
  std::vector<Doc> docs_;  // by row, ascending
};

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
