#include "server/http/server_core.h"

#include <charconv>
#include <cstdint>
#include <latch>
#include <limits>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/http/io_loop.h"

namespace sightline::http {

namespace {

/// Packed bytes that any worker may unpack: at most 16 MB of them come out.
constexpr std::size_t k_quickly_unpacked = 16u << 10;
constexpr std::size_t k_copied_body_bytes = 64u << 10;

}  // namespace

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

Response ServerCore::error(const Workshop& workshop, int status, const std::string& message) const {
  Response response;
  try {
    response =
        workshop.error_response ? workshop.error_response(status, message) : plain_error_response(status, message);
  } catch (...) {
    response = plain_error_response(status, message);
  }
  if (status == 405) response.headers.set("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
  if (status == 415) response.headers.set("Accept-Encoding", "gzip, identity");
  return response;
}

std::optional<HeadAnswer> ServerCore::judge(const Request& head) const {
  try {
    if (auto why = guard.refusal(head)) return HeadAnswer{error(workshop_of(head), 403, *why)};
    const std::string page = guard.page_of(head);
    std::optional<HeadAnswer> answer;
    if (!page.empty() && is_preflight(head)) {
      answer = HeadAnswer{preflight_answer(head)};
    } else if (options.check_head) {
      answer = options.check_head(head);
    }
    if (answer && !page.empty()) allow_page(answer->response.headers, page);
    return answer;
  } catch (...) {
    return HeadAnswer{error(options, 500, "internal error")};
  }
}

void ServerCore::submit(HandlerCall& call) const {
  const bool packed = call.request.headers.get("Content-Encoding") && call.request.body.size() > k_quickly_unpacked;
  const bool urgent = !packed && options.urgent && options.urgent(call.request);
  WorkerPool* const workers = is_apart(call.request) ? apart_pool : pool;
  if (!(packed ? unpackers : urgent ? urgent_pool : workers)->submit(call)) {
    call.reply.send(error(workshop_of(call.request), 429, "the server is busy: its queue of requests is full; retry"));
  }
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

namespace {

std::string logged_id(const Request& request) {
  if (const auto opaque = opaque_id_of(request.headers)) return std::string(*opaque);
  const auto id = request.headers.get("X-Request-Id");
  return id && logged_path(*id) == *id ? std::string(*id) : std::string();
}

}  // namespace

RequestFacts ServerCore::facts_of(const Request& request) const {
  RequestFacts facts;
  facts.id = logged_id(request);
  facts.opaque_id = opaque_id_of(request.headers).value_or("");
  facts.trace_id = trace_id_of(request.headers);
  facts.peer = request.peer;
  facts.method = to_string(request.method);
  facts.route = logged_path(request.path);
  if (options.describe) options.describe(request, facts);
  return facts;
}

AccessNote::AccessNote(const Server::Options& options, const Request& request) {
  if (!options.access_log) return;
  record_.emplace();
  record_->method = request.method;
  record_->path = logged_path(request.path);
  record_->request_id = logged_id(request);
  record_->opaque_id = opaque_id_of(request.headers).value_or("");
  record_->trace_id = trace_id_of(request.headers);
  record_->peer = request.peer;
  record_->bytes_in = request.body.size();
}

void AccessNote::write(const Server::Options& options, int status, std::size_t bytes_out,
                       const std::function<void(int, std::size_t)>& sent) {
  const auto record = std::exchange(record_, std::nullopt);
  try {
    if (sent) return sent(status, bytes_out);
    if (!record) return;
    AccessRecord line = *record;
    line.status = status;
    line.bytes_out = bytes_out;
    line.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began_).count();
    options.access_log(line);
  } catch (...) {
    // A request is answered, whatever becomes of its line.
  }
}

Reply::Channel::Channel(std::shared_ptr<ServerCore> core, std::shared_ptr<LoopMailbox> mailbox,
                        std::shared_ptr<Connection> connection, const Request& request, Framing framing)
    : core_(std::move(core)),
      mailbox_(std::move(mailbox)),
      connection_(std::move(connection)),
      work_(connection_->work),
      entry_(connection_->entry),
      framing_(framing),
      note_(core_->options, request),
      workshop_(core_->workshop_of(request)),
      may_refuse_(!workshop_.only_reads || workshop_.only_reads(request)),
      page_(core_->guard.page_of(request)),
      share_(core_->bodies.whole()) {
  core_->in_flight.add();
}

void Reply::Channel::send(Response response) {
  try {
    pass_on(std::move(response));
  } catch (...) {
    connection_->answer_lost = true;
    core_->in_flight.remove();
  }
}

void Reply::Channel::pass_on(Response response) {
  share_.clear();  // before the client can have the answer, and send its next request
  const auto sent = std::exchange(response.sent, nullptr);
  AnswerShare share = AnswerScope::take_current();
  if (!share) share = AnswerShare(core_->answers, connection_->network);
  share.shrink_to(response.body.size());  // it may have been filtered since
  if (!may_refuse_) share.force_to(response.body.size());
  if (!share.grow_to(response.body.size())) response = core_->error(workshop_, 429, k_answers_full);
  if (!page_.empty()) allow_page(response.headers, page_);
  note_.write(core_->options, response.status, response.body.size(), sent);
  if (entry_) entry_->trace()->answered(response.status);
  Framing framing = framing_;
  framing.close = must_close() || list_has(response.headers.get("Connection").value_or(""), "close");
  std::string head = client_left() ? std::string() : response_head_text(response, framing);
  std::string body;
  if (!head.empty() && has_body_text(response, framing)) body = std::move(response.body);
  // A large body is passed on, not copied; a small one goes out with its head.
  if (body.size() <= k_copied_body_bytes) head += std::exchange(body, {});
  mailbox_->post([core = core_, connection = connection_, head = std::move(head), body = std::move(body),
                  close = framing.close, held = std::make_shared<AnswerShare>(std::move(share))](IoLoop& loop) mutable {
    // Counted down before the first byte leaves: who has read the reply finds it gone from the count.
    core->in_flight.remove();
    loop.deliver(connection, std::move(head), std::move(body), std::move(*held), close);
  });
}

void Reply::Channel::send_fault() {
  send(work_->requested() ? core_->error(workshop_, 503, "the server is stopping; retry the request later")
                          : core_->error(workshop_, 500, "internal error"));
}

std::shared_ptr<ReplyStream::Channel> Reply::Channel::stream(const ResponseHead& head) {
  share_.clear();
  Framing framing = framing_;
  framing.close = must_close();
  if (entry_) entry_->trace()->answered(head.status);
  if (page_.empty()) {
    return std::make_shared<ReplyStream::Channel>(core_, mailbox_, connection_, work_, head, framing, std::move(note_),
                                                  std::move(entry_));
  }
  ResponseHead readable = head;
  allow_page(readable.headers, page_);
  return std::make_shared<ReplyStream::Channel>(core_, mailbox_, connection_, work_, readable, framing,
                                                std::move(note_), std::move(entry_));
}

ReplyStream::Channel::Channel(std::shared_ptr<ServerCore> core, std::shared_ptr<LoopMailbox> mailbox,
                              std::shared_ptr<Connection> connection, const std::shared_ptr<Cancellation>& work,
                              const ResponseHead& head, Framing framing, AccessNote note,
                              std::shared_ptr<RequestBook::Entry> entry)
    : core_(std::move(core)),
      mailbox_(std::move(mailbox)),
      connection_(std::move(connection)),
      body_framing_(body_framing(head, framing)),
      room_(body_framing_ == BodyFraming::by_length ? *head.content_length : std::numeric_limits<std::uint64_t>::max()),
      whole_(body_framing_ == BodyFraming::none || room_ == 0),
      note_(std::move(note)),
      entry_(std::move(entry)),
      status_(head.status) {
  framing.close = framing.close || body_framing_ == BodyFraming::until_close;
  buffer_ = std::make_shared<StreamBuffer>(head_text(head, body_framing_, framing), whole_, core_->answers,
                                           connection_->network);
  if (!whole_) abandonment_ = Cancellation::on_cancel(work, [buffer = buffer_] { buffer->abandon(); });
  mailbox_->post([connection = connection_, buffer = buffer_, close = framing.close](IoLoop& loop) {
    loop.begin_stream(connection, buffer, close);
  });
}

ReplyStream::Channel::~Channel() {
  try {
    end(whole_);
  } catch (const std::exception&) {
    // Out of memory; the client's own timeout ends its wait.
  }
}

bool ReplyStream::Channel::write(std::string_view bytes) {
  bytes_out_ += bytes.size();
  if (bytes.empty() || body_framing_ == BodyFraming::none) return !buffer_->abandoned();
  if (body_framing_ == BodyFraming::chunked) {
    char size[20];
    const auto digits = std::to_chars(size, size + sizeof size, bytes.size(), 16);
    return pass_on({{size, static_cast<std::size_t>(digits.ptr - size)}, "\r\n", bytes, "\r\n"}, false);
  }
  const bool fits = bytes.size() <= room_;
  if (!fits) bytes = bytes.substr(0, static_cast<std::size_t>(room_));
  room_ -= bytes.size();
  return (bytes.empty() || pass_on({bytes}, body_framing_ == BodyFraming::by_length && room_ == 0)) && fits;
}

bool ReplyStream::Channel::pass_on(std::initializer_list<std::string_view> parts, bool last) {
  // The client may send its next request before `finish` is called.
  if (last) abandonment_ = {};
  bool first = false;
  if (!buffer_->append(parts, last, first)) return false;
  whole_ = whole_ || last;  // not before: if there is no memory for its end, it is not whole
  if (first) {
    mailbox_->post([connection = connection_, buffer = buffer_](IoLoop& loop) { loop.go_on(connection, buffer); });
  }
  return true;
}

void ReplyStream::Channel::finish() {
  if (body_framing_ == BodyFraming::chunked && !whole_) pass_on({"0\r\n\r\n"}, true);
  end(body_framing_ != BodyFraming::by_length || whole_);
}

void ReplyStream::Channel::end(bool complete) {
  if (std::exchange(ended_, true)) return;
  note_.write(core_->options, status_, bytes_out_);
  buffer_->forget_callback();
  abandonment_ = {};
  mailbox_->post([core = core_, connection = connection_, buffer = buffer_, complete](IoLoop& loop) {
    core->in_flight.remove();
    loop.end_stream(connection, buffer, complete);
  });
}

ReplyStream::ReplyStream(std::shared_ptr<Channel> channel) : channel_(std::move(channel)) {}
ReplyStream::ReplyStream(ReplyStream&&) noexcept = default;
ReplyStream& ReplyStream::operator=(ReplyStream&&) noexcept = default;
ReplyStream::~ReplyStream() = default;

bool ReplyStream::write(std::string_view bytes) {
  return channel_ && channel_->write(bytes);
}

std::size_t ReplyStream::waiting() const {
  return channel_ ? channel_->buffer().waiting() : 0;
}

bool ReplyStream::should_pause() const {
  return channel_ && channel_->buffer().should_pause();
}

void ReplyStream::when_drained(std::size_t low, std::function<void()> callback) {
  if (channel_) channel_->buffer().when_drained(low, std::move(callback));
}

bool ReplyStream::client_left() const {
  return !channel_ || channel_->buffer().abandoned();
}

void ReplyStream::finish() {
  if (const auto channel = std::move(channel_)) channel->finish();
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
    channel_->send_fault();
  } catch (...) {
    // Out of memory; the client's own timeout ends its wait.
  }
}

void Reply::send(Response response) {
  if (const auto channel = std::move(channel_)) channel->send(std::move(response));
}

// NOLINTNEXTLINE(performance-unnecessary-value-param)
ReplyStream Reply::stream(ResponseHead head) {
  ReplyStream answer(channel_ ? channel_->stream(head) : nullptr);
  channel_.reset();
  return answer;
}

void Reply::hold(BufferShare share) {
  if (channel_) channel_->hold(std::move(share));
}

void Reply::keep_of_body(std::size_t bytes) {
  if (channel_) channel_->keep_of_body(bytes);
}

bool Reply::client_left() const {
  return !channel_ || channel_->client_left();
}

}  // namespace sightline::http
