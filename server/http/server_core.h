// Shared by the event loops, the workers and the replies of one server.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/http/answer_budget.h"
#include "server/http/buffer_budget.h"
#include "server/http/connection.h"
#include "server/http/gauge.h"
#include "server/http/listening_socket.h"
#include "server/http/response_text.h"
#include "server/http/server.h"
#include "server/http/web_guard.h"
#include "server/http/worker_pool.h"

namespace sightline::http {

class IoLoop;

/// Tasks for one event loop, from any thread. Outlives the loop, as late replies hold it.
class LoopMailbox {
 public:
  using Task = std::function<void(IoLoop&)>;

  LoopMailbox();
  ~LoopMailbox();
  LoopMailbox(const LoopMailbox&) = delete;
  LoopMailbox& operator=(const LoopMailbox&) = delete;

  int descriptor() const { return descriptor_; }  ///< readable when there are tasks
  void post(Task task);
  std::vector<Task> take();
  /// The loop has ended: drops the tasks that wait and all that come (they hold what holds this).
  void close();

 private:
  const int descriptor_;
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<Task> tasks_;
};

struct ServerCore {
  ServerCore(const Server::Options& chosen, WebGuard web_guard)
      : options(chosen),
        guard(std::move(web_guard)),
        bodies(chosen.max_buffered_bytes, chosen.max_buffered_bytes_per_client),
        apart_bodies(chosen.max_buffered_bytes, chosen.max_buffered_bytes_per_client),
        answers(std::make_shared<AnswerBudget>(chosen.max_answer_bytes, chosen.max_answer_bytes_per_client)) {}

  bool is_apart(const Request& head) const { return options.is_apart && options.is_apart(head); }
  /// Where this request is worked on. Options::Workshop itself, or its `apart`.
  const Workshop& workshop_of(const Request& head) const {
    return is_apart(head) ? options.apart : static_cast<const Workshop&>(options);
  }
  /// What the body of that client's request is charged to.
  std::shared_ptr<BufferBudget> budget_of(const Request& head, const std::string& network) {
    return (is_apart(head) ? apart_bodies : bodies).of(network);
  }

  /// An error in the shape of that workshop's clients; never throws.
  Response error(const Workshop& workshop, int status, const std::string& message) const;
  /// Hands a call to the workers, or answers that there are too many.
  void submit(HandlerCall& call) const;
  /// Runs `task` on every loop and waits until all have run it. From no loop's own thread.
  void run_on_loops(const LoopMailbox::Task& task);

  /// What the book of requests says of a request.
  RequestFacts facts_of(const Request& request) const;

  /// The answer to a request that is decided by its head.
  std::optional<HeadAnswer> judge(const Request& head) const;

  const Server::Options options;
  const WebGuard guard;
  std::optional<ListeningSocket> listening;  ///< opened before the loops run, closed after them
  ClientBudgets bodies;
  ClientBudgets apart_bodies;
  const std::shared_ptr<AnswerBudget> answers;
  Gauge in_flight;
  Gauge connections;
  std::atomic<bool> draining{false};
  WorkerPool* pool = nullptr;
  WorkerPool* apart_pool = nullptr;                     ///< for Options::is_apart
  WorkerPool* urgent_pool = nullptr;                    ///< for Options::urgent
  WorkerPool* unpackers = nullptr;                      ///< for bodies that take long to unpack
  std::vector<std::shared_ptr<LoopMailbox>> mailboxes;  ///< one per loop; filled before the loops run
};

/// One request's line in the access log.
class AccessNote {
 public:
  /// For a request that was never read whole.
  AccessNote() = default;
  AccessNote(const Server::Options& options, const Request& request);
  /// Writes the line. Only the first call does. `sent`: does so instead (Response::sent), unless it is empty.
  void write(const Server::Options& options, int status, std::size_t bytes_out,
             const std::function<void(int, std::size_t)>& sent = {});

 private:
  std::optional<AccessRecord> record_;  ///< empty: there is no log, or the line is written
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

/// The way from a Reply to its connection: the text is made on the sender's thread and written by the
/// connection's loop.
class Reply::Channel {
 public:
  /// From the connection's own loop.
  Channel(std::shared_ptr<ServerCore> core, std::shared_ptr<LoopMailbox> mailbox,
          std::shared_ptr<Connection> connection, const Request& request, Framing framing);

  /// Never throws: where there is no memory to pass the answer on, the connection ends without one.
  void send(Response response);
  void hold(BufferShare share) { share_ = std::move(share); }
  void keep_of_body(std::size_t bytes) { share_.shrink_to(bytes); }
  std::shared_ptr<ReplyStream::Channel> stream(const ResponseHead& head);
  /// The answer to a client whose Reply was dropped.
  void send_fault();
  bool client_left() const { return connection_->gone; }

 private:
  void pass_on(Response response);
  bool must_close() const { return framing_.close || connection_->must_close || core_->draining; }

  std::shared_ptr<ServerCore> core_;
  std::shared_ptr<LoopMailbox> mailbox_;
  std::shared_ptr<Connection> connection_;
  const std::shared_ptr<Cancellation> work_;   ///< for the request that is to be answered
  std::shared_ptr<RequestBook::Entry> entry_;  ///< of that request; may be null
  Framing framing_;
  AccessNote note_;
  const Workshop& workshop_;
  const bool may_refuse_;   ///< 429 may take the place of a large answer
  const std::string page_;  ///< the origin of another site's page that may read the answer; empty: none
  BufferShare share_;       ///< of that request
};

/// The way from a ReplyStream to its connection. It took over a Reply's place in the count of those in
/// flight.
class ReplyStream::Channel {
 public:
  /// `close`: the connection ends after this answer.
  Channel(std::shared_ptr<ServerCore> core, std::shared_ptr<LoopMailbox> mailbox,
          std::shared_ptr<Connection> connection, const std::shared_ptr<Cancellation>& work, const ResponseHead& head,
          Framing framing, AccessNote note, std::shared_ptr<RequestBook::Entry> entry);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  bool write(std::string_view bytes);
  void finish();
  StreamBuffer& buffer() { return *buffer_; }

 private:
  bool pass_on(std::initializer_list<std::string_view> parts, bool last);
  void end(bool complete);

  const std::shared_ptr<ServerCore> core_;
  const std::shared_ptr<LoopMailbox> mailbox_;
  const std::shared_ptr<Connection> connection_;
  const BodyFraming body_framing_;
  std::uint64_t room_;  ///< bytes that the body may still have
  bool whole_;          ///< all of it was passed on
  AccessNote note_;
  std::shared_ptr<RequestBook::Entry> entry_;  ///< may be null
  const int status_;
  std::size_t bytes_out_ = 0;
  bool ended_ = false;
  std::shared_ptr<StreamBuffer> buffer_;
  Cancellation::Registration abandonment_;  ///< of the buffer, until the answer is whole
};

}  // namespace sightline::http
