// The bytes of a streamed answer, between their writer and the loop that sends them.
#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "server/http/answer_budget.h"

namespace sightline::http {

/// Bytes are exchanged in blocks: the sender appends to one string while the loop sends the other.
/// Thread safe. Callbacks are called outside the lock, by the caller of the member that makes them due.
class StreamBuffer {
 public:
  /// `whole`: the head is all there is.
  StreamBuffer(std::string head, bool whole, std::shared_ptr<AnswerBudget> budget, std::string client)
      : budget_(std::move(budget)),
        client_(std::move(client)),
        taken_(std::move(head)),
        waiting_(taken_.size()),
        whole_(whole) {
    budget_->add(client_, waiting_);
  }
  ~StreamBuffer() { budget_->give_back(client_, waiting_); }
  StreamBuffer(const StreamBuffer&) = delete;
  StreamBuffer& operator=(const StreamBuffer&) = delete;

  // The sender's side.

  /// Takes the parts together; false once abandoned. `last`: they end the answer. `first`: nothing was here,
  /// so the loop must be notified.
  bool append(std::initializer_list<std::string_view> parts, bool last, bool& first);
  std::size_t waiting() const;
  bool should_pause() const;
  bool abandoned() const;
  void when_drained(std::size_t low, std::function<void()> callback);
  /// It is not called any more.
  void forget_callback();

  // The loop's side.

  /// Exchanges `out`, which must be empty, for all that was appended; false if that is nothing. `last`: with
  /// it the answer is whole.
  bool take(std::string& out, bool& last);
  /// So many of the bytes taken are with the socket.
  void sent(std::size_t bytes);
  /// Nothing more is sent: the connection is gone or cut.
  void abandon();

 private:
  const std::shared_ptr<AnswerBudget> budget_;  ///< is charged with `waiting_`
  const std::string client_;
  mutable std::mutex mutex_;
  std::string taken_;
  std::size_t waiting_;  ///< `taken_`, and what the loop has and has not sent
  bool whole_;           ///< nothing more will be appended
  bool abandoned_ = false;
  std::size_t low_ = 0;
  std::function<void()> drained_;
};

}  // namespace sightline::http
