// The values of one field over all documents, in memory, arranged for searching.
//
// Every column has the same three members, called in the order of the documents:
//   append(doc, field)    the document's values; docs ascend, and may skip documents without the field
//   forget(doc)           the document was removed: statistics no longer count it (its values stay until `compact`)
//   compact(renumbered)   documents get new numbers; k_gone removes the document's values
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
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
template <class T>
class NumberColumn {
 public:
  void append(Doc doc, const FieldValues& field) { values_.append(doc, values_in(field)); }
  void forget(Doc) {}
  void compact(const Renumbered& renumbered) { values_.compact(renumbered); }

  std::span<const T> of(Doc doc) const { return values_.of(doc); }
  const SparseNumbers& documents() const { return values_.documents(); }

 private:
  static std::span<const T> values_in(const FieldValues& field) {
    if constexpr (std::is_same_v<T, double>) {
      return field.doubles;
    } else {
      return field.integers;
    }
  }
  ValueLists<T> values_;
};
using IntegerColumn = NumberColumn<std::int64_t>;
using DoubleColumn = NumberColumn<double>;

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

}  // namespace sightline::elastic
