// A limit on the memory of all request bodies together.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace sightline::http {

/// Counts bytes against a limit. Thread safe.
class BufferBudget {
 public:
  explicit BufferBudget(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  bool take(std::size_t bytes) {
    if (used_.fetch_add(bytes) + bytes <= max_bytes_) return true;
    used_.fetch_sub(bytes);
    return false;
  }
  void give_back(std::size_t bytes) { used_.fetch_sub(bytes); }

 private:
  const std::size_t max_bytes_;
  std::atomic<std::size_t> used_{0};
};

/// One body's share of a budget, given back when it is destroyed.
class BufferShare {
 public:
  explicit BufferShare(std::shared_ptr<BufferBudget> budget) : budget_(std::move(budget)) {}
  BufferShare(BufferShare&& other) noexcept
      : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
  BufferShare& operator=(BufferShare&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~BufferShare() { clear(); }

  /// Makes the share `bytes` large; false, and unchanged, if the budget has not enough left.
  bool grow_to(std::size_t bytes) {
    if (bytes <= bytes_) return true;
    if (!budget_->take(bytes - bytes_)) return false;
    bytes_ = bytes;
    return true;
  }
  /// Gives back what is above `bytes`.
  void shrink_to(std::size_t bytes) {
    if (bytes < bytes_) budget_->give_back(std::exchange(bytes_, bytes) - bytes);
  }
  void clear() {
    if (bytes_ != 0) budget_->give_back(std::exchange(bytes_, 0));
  }

 private:
  std::shared_ptr<BufferBudget> budget_;
  std::size_t bytes_ = 0;
};

}  // namespace sightline::http
