#include "server/http/answer_budget.h"

#include <utility>

namespace sightline::http {
namespace {

thread_local AnswerScope* current_scope = nullptr;

}  // namespace

bool AnswerBudget::take(const std::string& client, std::size_t held, std::size_t more) {
  const std::lock_guard lock(mutex_);
  auto& of_client = by_client_[client];
  const bool alone = used_ == held;
  const bool fits = used_ + more <= max_bytes_ && of_client + more <= max_bytes_per_client_;
  if (!alone && !fits) {
    if (of_client == 0) by_client_.erase(client);
    return false;
  }
  used_ += more;
  of_client += more;
  return true;
}

void AnswerBudget::add(const std::string& client, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  used_ += bytes;
  by_client_[client] += bytes;
}

void AnswerBudget::give_back(const std::string& client, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  used_ -= bytes;
  const auto found = by_client_.find(client);
  if (found != by_client_.end() && (found->second -= bytes) == 0) by_client_.erase(found);
}

bool AnswerBudget::full(const std::string& client) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_client_.find(client);
  return used_ >= max_bytes_ || (found != by_client_.end() && found->second >= max_bytes_per_client_);
}

AnswerShare::AnswerShare(AnswerShare&& other) noexcept
    : budget_(std::move(other.budget_)), client_(std::move(other.client_)), bytes_(std::exchange(other.bytes_, 0)) {}

AnswerShare& AnswerShare::operator=(AnswerShare&& other) noexcept {
  std::swap(budget_, other.budget_);
  std::swap(client_, other.client_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

bool AnswerShare::grow_to(std::size_t bytes) {
  if (!budget_ || bytes <= k_small || bytes <= bytes_) return true;
  if (!budget_->take(client_, bytes_, bytes - bytes_)) return false;
  bytes_ = bytes;
  return true;
}

void AnswerShare::force_to(std::size_t bytes) {
  if (!budget_ || bytes <= k_small || bytes <= bytes_) return;
  budget_->add(client_, bytes - bytes_);
  bytes_ = bytes;
}

void AnswerShare::shrink_to(std::size_t bytes) {
  if (bytes <= k_small) return clear();
  if (bytes < bytes_) budget_->give_back(client_, std::exchange(bytes_, bytes) - bytes);
}

void AnswerShare::clear() {
  if (bytes_ != 0) budget_->give_back(client_, std::exchange(bytes_, 0));
}

void reserve_answer(std::size_t bytes) {
  if (current_scope == nullptr || current_scope->share_.grow_to(bytes)) return;
  // At once, not when the refusal has been sent: of answers that grow together the others go on.
  current_scope->share_.clear();
  throw AnswersFull{};
}

AnswerScope::AnswerScope(AnswerShare share) : share_(std::move(share)), outer_(current_scope) {
  current_scope = this;
}

AnswerScope::~AnswerScope() {
  current_scope = outer_;
}

AnswerShare AnswerScope::take_current() {
  return current_scope != nullptr ? std::move(current_scope->share_) : AnswerShare();
}

}  // namespace sightline::http
