// How many documents go into one bulk.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace sightline::ingest {

/// A bulk is answered when its last picture is embedded, so its size decides how often there is news, and how
/// much is lost when it breaks off. Begins small; doubles while bulks are answered quickly, halves when one
/// takes long. Not thread-safe.
class BulkSize {
 public:
  static constexpr std::size_t k_first = 8;
  static constexpr std::chrono::milliseconds k_quick{1000}, k_long{4000};

  explicit BulkSize(std::size_t most) : most_(most), documents_(std::min(most, k_first)) {}

  std::size_t documents() const { return documents_; }

  /// A bulk of `documents` was answered after `elapsed`.
  void answered(std::size_t documents, std::chrono::milliseconds elapsed) {
    if (elapsed > k_long) documents_ = std::max<std::size_t>(1, std::min(documents_, documents) / 2);
    if (elapsed < k_quick && documents >= documents_) documents_ = std::min(most_, documents_ * 2);
  }

 private:
  const std::size_t most_;
  std::size_t documents_;
};

}  // namespace sightline::ingest
