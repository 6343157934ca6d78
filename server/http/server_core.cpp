#include "server/http/server_core.h"

#include <cstdint>
#include <latch>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/http/io_loop.h"

namespace sightline::http {

LoopMailbox::LoopMailbox() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

LoopMailbox::~LoopMailbox() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void LoopMailbox::post(Task task) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    was_empty = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (was_empty) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
  }
}

std::vector<LoopMailbox::Task> LoopMailbox::take() {
  // Cleared before the tasks are taken: a task posted in between wakes the loop once more, never not at all.
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(descriptor_, &count, sizeof count);
  std::vector<Task> tasks;
  const std::lock_guard lock(mutex_);
  tasks.swap(tasks_);
  return tasks;
}

void LoopMailbox::close() {
  std::vector<Task> dropped;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  closed_ = true;
  dropped.swap(tasks_);
}

Response ServerCore::error(int status, const std::string& message) const {
  Response response;
  try {
    response = options.error_response ? options.error_response(status, message)
                                      : plain_error_response(status, message);
  } catch (...) {
    response = plain_error_response(status, message);
  }
  if (status == 405) response.headers.set("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
  if (status == 415) response.headers.set("Accept-Encoding", "gzip, identity");
  return response;
}

void ServerCore::run_on_loops(const LoopMailbox::Task& task) {
  const auto done = std::make_shared<std::latch>(static_cast<std::ptrdiff_t>(mailboxes.size()));
  for (const auto& mailbox : mailboxes) {
    mailbox->post([&task, done](IoLoop& loop) {
      task(loop);
      done->count_down();
    });
  }
  done->wait();
}

Reply::Channel::Channel(std::shared_ptr<ServerCore> core, std::shared_ptr<LoopMailbox> mailbox,
                        std::shared_ptr<Connection> connection, Framing framing)
    : core_(std::move(core)),
      mailbox_(std::move(mailbox)),
      connection_(std::move(connection)),
      framing_(framing) {
  core_->in_flight.add();
}

void Reply::Channel::send(const Response& response) {
  Framing framing = framing_;
  framing.close = framing.close || connection_->must_close || core_->draining ||
                  list_has(response.headers.get("Connection").value_or(""), "close");
  std::string text = connection_->left ? std::string() : response_text(response, framing);
  mailbox_->post([core = core_, connection = connection_, text = std::move(text),
                  close = framing.close](IoLoop& loop) mutable {
    // Counted down before the first byte leaves: who has read the reply finds it gone from the count.
    core->in_flight.remove();
    loop.deliver(connection, std::move(text), close);
  });
}

Reply::Reply(std::shared_ptr<Channel> channel) : channel_(std::move(channel)) {}
Reply::Reply(Reply&&) noexcept = default;

Reply& Reply::operator=(Reply&& other) noexcept {
  Reply old(std::move(channel_));  // answers, if it was not yet
  channel_ = std::move(other.channel_);
  return *this;
}

Reply::~Reply() {
  if (!channel_) return;
  try {
    channel_->send_error(500, "internal error");
  } catch (const std::exception&) {
    // Out of memory; the client's own timeout ends its wait.
  }
}

void Reply::send(Response response) {
  if (const auto channel = std::move(channel_)) channel->send(response);
}

bool Reply::client_left() const {
  return !channel_ || channel_->client_left();
}

}  // namespace sightline::http
