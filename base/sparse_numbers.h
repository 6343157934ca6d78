// Numbers by index in memory that follows how many there are, not how large the indices are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sightline {

/// A number for some of the indices 0, 1, 2, ..., appended in ascending order. While at least a quarter of the indices
/// have one, each number is in the slot of its index, and slots in between repeat the number after them. Else the slots
/// follow each other, and are found by a search. Thread safety: const members may run in parallel with each other.
class SparseNumbers {
 public:
  using Index = std::uint32_t;

  /// `index` must be greater than all before.
  void append(Index index, std::uint32_t number) {
    if (indices_.empty() && index >= k_cheap_slots + 4 * count_) {
      std::vector<std::uint32_t> kept;
      for (Index filled = 0; filled < filled_.size(); ++filled) {
        if (!filled_[filled]) continue;
        indices_.push_back(filled);
        kept.push_back(numbers_[filled]);
      }
      numbers_ = std::move(kept);
      filled_ = {};
      indices_.push_back(index);
    } else if (!indices_.empty()) {
      indices_.push_back(index);
    } else {
      filled_.resize(index);
      filled_.push_back(true);
    }
    numbers_.resize(indices_.empty() ? filled_.size() : indices_.size(), number);
    ++count_;
  }

  bool contains(Index index) const {
    return indices_.empty() ? index < filled_.size() && filled_[index] : slot(index) < slots();
  }
  /// The slot of an index that has a number. Of another: slots(), or a slot that repeats the number of the next.
  std::size_t slot(Index index) const {
    if (indices_.empty()) return std::min<std::size_t>(index, slots());
    if (index > indices_.back()) return slots();
    // An index is at most as far from its slot as there are indices without a number.
    const std::size_t missing = indices_.back() + std::size_t{1} - slots();
    const Index* const first = indices_.data() + (index > missing ? index - missing : 0);
    const Index* const last = indices_.data() + std::min<std::size_t>(index, slots() - 1);
    const Index* const found = std::lower_bound(first, last, index);
    return *found == index ? static_cast<std::size_t>(found - indices_.data()) : slots();
  }
  /// The number of slots, which is what the memory follows.
  std::size_t slots() const { return numbers_.size(); }
  /// The number in a slot.
  std::uint32_t operator[](std::size_t slot) const { return numbers_[slot]; }
  /// Calls `visit(Index)` for each index that has a number, in ascending order.
  template <class Visit>
  void each(const Visit& visit) const {
    for (Index index = 0; index < filled_.size(); ++index) {
      if (filled_[index]) visit(index);
    }
    std::for_each(indices_.begin(), indices_.end(), visit);
  }

 private:
  static constexpr std::size_t k_cheap_slots = 1'024;  // so few are not saved

  std::vector<std::uint32_t> numbers_;  // by slot
  std::size_t count_ = 0;               // of indices with a number
  std::vector<bool> filled_;            // by index, while slots are indices
  std::vector<Index> indices_;          // by slot, if the slots follow each other
};

}  // namespace sightline
