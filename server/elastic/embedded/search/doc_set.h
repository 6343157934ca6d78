// Sets of documents as bits.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sightline::elastic {

/// A document's position in memory: 0, 1, 2, ... in the order of the writes.
using Doc = std::uint32_t;

/// A set of documents out of 0 .. size()-1. Operands of the binary operations must be of the same size.
class DocSet {
 public:
  DocSet() = default;
  explicit DocSet(std::size_t size, bool full = false)
      : size_(size), words_((size + 63) / 64, full ? ~std::uint64_t{0} : 0) {
    trim();
  }

  std::size_t size() const { return size_; }
  bool test(Doc doc) const { return (words_[doc / 64] >> (doc % 64) & 1) != 0; }
  void set(Doc doc) { words_[doc / 64] |= std::uint64_t{1} << (doc % 64); }
  void reset(Doc doc) { words_[doc / 64] &= ~(std::uint64_t{1} << (doc % 64)); }
  /// Adds a document at the end.
  void push_back(bool member) {
    if (size_ % 64 == 0) words_.push_back(0);
    if (member) words_.back() |= std::uint64_t{1} << (size_ % 64);
    ++size_;
  }

  std::size_t count() const {
    std::size_t total = 0;
    for (const std::uint64_t word : words_) total += static_cast<std::size_t>(std::popcount(word));
    return total;
  }

  DocSet& operator&=(const DocSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
    return *this;
  }
  DocSet& operator|=(const DocSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }
  /// Removes the members of `other`.
  DocSet& operator-=(const DocSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
    return *this;
  }

  /// Calls `visit(Doc)` for every member in ascending order.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
        visit(static_cast<Doc>(i * 64 + static_cast<std::size_t>(std::countr_zero(word))));
      }
    }
  }

 private:
  void trim() {
    if (size_ % 64 != 0 && !words_.empty()) words_.back() &= (std::uint64_t{1} << (size_ % 64)) - 1;
  }

  std::size_t size_ = 0;
  std::vector<std::uint64_t> words_;
};

}  // namespace sightline::elastic
