// A limit on the memory of all request bodies together.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace sightline::http {

/// Counts bytes against a limit, and against that of `whole`, which this is a part of. Thread safe.
class BufferBudget {
 public:
  /// `whole` may be null.
  explicit BufferBudget(std::size_t max_bytes, std::shared_ptr<BufferBudget> whole = nullptr)
      : max_bytes_(max_bytes), whole_(std::move(whole)) {}

  bool take(std::size_t bytes) {
    if (used_.fetch_add(bytes) + bytes <= max_bytes_ && (!whole_ || whole_->take(bytes))) return true;
    used_.fetch_sub(bytes);
    return false;
  }
  void give_back(std::size_t bytes) {
    used_.fetch_sub(bytes);
    if (whole_) whole_->give_back(bytes);
  }

 private:
  const std::size_t max_bytes_;
  const std::shared_ptr<BufferBudget> whole_;
  std::atomic<std::size_t> used_{0};
};

/// The budgets of clients, parts of one of all. Thread safe.
class ClientBudgets {
 public:
  ClientBudgets(std::size_t max_bytes, std::size_t max_bytes_per_client)
      : whole_(std::make_shared<BufferBudget>(max_bytes)), max_bytes_per_client_(max_bytes_per_client) {}

  const std::shared_ptr<BufferBudget>& whole() const { return whole_; }
  std::shared_ptr<BufferBudget> of(const std::string& client) {
    const std::lock_guard lock(mutex_);
    if (by_client_.size() >= swept_at_) sweep();
    auto& known = by_client_[client];
    auto budget = known.lock();
    if (!budget) known = budget = std::make_shared<BufferBudget>(max_bytes_per_client_, whole_);
    return budget;
  }

 private:
  /// Forgets the clients that hold nothing.
  void sweep() {
    std::erase_if(by_client_, [](const auto& entry) { return entry.second.expired(); });
    swept_at_ = 2 * by_client_.size() + 64;
  }

  const std::shared_ptr<BufferBudget> whole_;
  const std::size_t max_bytes_per_client_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<BufferBudget>> by_client_;
  std::size_t swept_at_ = 64;
};

/// The client's error if there is no room for its body.
inline constexpr const char* k_bodies_full =
    "too many request bodies are in memory, of this client or of all (--max-request-buffer-per-address, "
    "--max-request-buffer); retry";

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
