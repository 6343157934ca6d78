// A limit on the memory of answers that are being built or not yet read by their clients.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace sightline::http {

/// Counts bytes of answers against a limit of each client and one of all. Thread safe.
class AnswerBudget {
 public:
  AnswerBudget(std::size_t max_bytes, std::size_t max_bytes_per_client)
      : max_bytes_(max_bytes), max_bytes_per_client_(max_bytes_per_client) {}

  /// Adds `more` to the `held` bytes of one answer. False, and nothing is changed, if there is no room; where
  /// no other answer is held there always is, so that the largest one can be had.
  bool take(const std::string& client, std::size_t held, std::size_t more);
  /// The same for bytes that are there already, whether there is room or not.
  void add(const std::string& client, std::size_t bytes);
  void give_back(const std::string& client, std::size_t bytes);
  /// True if this client, or all together, have reached their limit.
  bool full(const std::string& client) const;

 private:
  const std::size_t max_bytes_;
  const std::size_t max_bytes_per_client_;
  mutable std::mutex mutex_;
  std::size_t used_ = 0;
  std::unordered_map<std::string, std::size_t> by_client_;
};

/// One answer's share of a budget, given back when it is destroyed. Small answers have none: they are always
/// sent, errors and health among them.
class AnswerShare {
 public:
  static constexpr std::size_t k_small = 16u << 10;  ///< bytes

  AnswerShare() = default;
  AnswerShare(std::shared_ptr<AnswerBudget> budget, std::string client)
      : budget_(std::move(budget)), client_(std::move(client)) {}
  AnswerShare(AnswerShare&& other) noexcept;
  AnswerShare& operator=(AnswerShare&& other) noexcept;
  ~AnswerShare() { clear(); }

  /// False for a share of no budget.
  explicit operator bool() const { return budget_ != nullptr; }
  /// Makes the share at least `bytes` large; false, and unchanged, if there is no room.
  bool grow_to(std::size_t bytes);
  /// The same whether there is room or not.
  void force_to(std::size_t bytes);
  /// Makes it at most `bytes` large.
  void shrink_to(std::size_t bytes);
  void clear();

 private:
  std::shared_ptr<AnswerBudget> budget_;  ///< null: there is no limit
  std::string client_;
  std::size_t bytes_ = 0;
};

/// Thrown by `reserve_answer`. Code that builds an answer does not catch it; the client gets 429.
struct AnswersFull {};

/// The answer that the current thread builds now has, or soon will have, that many bytes. Called while it grows, so
/// that many large answers at once end early. Throws AnswersFull if there is no room for it. Outside of a
/// server's handler it does nothing.
void reserve_answer(std::size_t bytes);

/// The client's error in this case.
inline constexpr const char* k_answers_full =
    "too many bytes of answers are being built or wait to be read, for this client or for all "
    "(--max-answer-buffer-per-address, --max-answer-buffer); read them, then retry the request";

/// Sets whose answer the current thread builds, until it is destroyed.
class AnswerScope {
 public:
  explicit AnswerScope(AnswerShare share);
  ~AnswerScope();
  AnswerScope(const AnswerScope&) = delete;
  AnswerScope& operator=(const AnswerScope&) = delete;

  /// What the current thread has reserved, for the answer that is now sent; empty outside of a scope.
  static AnswerShare take_current();

 private:
  friend void reserve_answer(std::size_t bytes);
  AnswerShare share_;
  AnswerScope* const outer_;
};

}  // namespace sightline::http
