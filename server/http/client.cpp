#include "server/http/client.h"

#include <algorithm>
#include <atomic>
#include <curl/curl.h>
#include <deque>
#include <future>
#include <mutex>
#include <new>
#include <optional>
#include <signal.h>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/exception_error.h"
#include "server/http/transfer.h"
#include "server/http/trust_anchor.h"

namespace sightline::http {
namespace {

using Clock = Transfer::Clock;

void start_curl_once() {
  static const CURLcode status = curl_global_init(CURL_GLOBAL_ALL);
  (void)status;
}

class Call;

/// What other threads want of the client's. Outlives the client, as calls hold it.
class Inbox {
 public:
  struct Content {
    bool stopping = false;
    std::vector<std::unique_ptr<Transfer>> arrived;
    std::vector<std::shared_ptr<Call>> wishes;  ///< calls that are to be resumed or cancelled
  };

  explicit Inbox(CURLM* multi) : multi_(multi) {}

  /// False, and nothing changed, if the client has ended.
  template <class Change>
  bool put(Change change) {
    const std::lock_guard lock(mutex_);
    if (multi_ == nullptr) return false;
    change(content_);
    curl_multi_wakeup(multi_);
    return true;
  }
  Content take() {
    const std::lock_guard lock(mutex_);
    Content content;
    content.stopping = content_.stopping;
    content.arrived.swap(content_.arrived);
    content.wishes.swap(content_.wishes);
    return content;
  }
  /// Takes nothing more; what is in it is returned.
  Content close() {
    const std::lock_guard lock(mutex_);
    multi_ = nullptr;
    return std::exchange(content_, {});
  }

 private:
  std::mutex mutex_;
  CURLM* multi_;  ///< null: the client has ended
  Content content_;
};

class Call final : public StreamedCall, public std::enable_shared_from_this<Call> {
 public:
  Call(std::shared_ptr<Inbox> inbox, std::shared_ptr<Transfer*> started)
      : transfer(std::move(started)), inbox_(std::move(inbox)) {}
  void resume() override { wish(resume_wanted); }
  void cancel() { wish(cancel_wanted); }

  std::atomic<bool> resume_wanted{false};
  std::atomic<bool> cancel_wanted{false};
  const std::shared_ptr<Transfer*> transfer;  ///< what it points at belongs to the client's thread

 private:
  void wish(std::atomic<bool>& wanted) {
    if (wanted.exchange(true)) return;  // the client has not yet looked at the one before
    try {
      inbox_->put([this](Inbox::Content& content) { content.wishes.push_back(shared_from_this()); });
    } catch (const std::bad_alloc&) {
      wanted = false;  // not to be had now; the call's own time limit ends it
    }
  }
  const std::shared_ptr<Inbox> inbox_;
};

class CurlClient final : public Client {
 public:
  CurlClient(const Options& options, std::optional<TrustAnchor> anchor, CURLM* multi)
      : options_(options), anchor_(anchor), multi_(multi), inbox_(std::make_shared<Inbox>(multi)) {
    thread_ = std::thread([this] { run(); });
  }

  ~CurlClient() override {
    inbox_->put([](Inbox::Content& content) { content.stopping = true; });
    thread_.join();
    curl_multi_cleanup(multi_);
  }

  int max_connections_per_host() const override { return options_.max_connections_per_host; }

  void send(ClientRequest request, Callback callback) override {
    start(std::make_unique<WholeAnswer>(std::move(request), std::move(callback), options_.max_response_bytes));
  }

  std::shared_ptr<StreamedCall> stream(ClientRequest request, StreamHandlers handlers) override {
    auto answer = std::make_unique<StreamedAnswer>(std::move(request), std::move(handlers));
    auto call = std::make_shared<Call>(inbox_, answer->place());
    start(std::move(answer));
    return call;
  }

 private:
  using Line = std::deque<std::unique_ptr<Transfer>>;
  struct Host {
    int running = 0;
    Line waiting;
  };

  void start(std::unique_ptr<Transfer> transfer) {
    if (const auto& cancellation = transfer->cancellation()) {
      if (cancellation->requested()) return end(std::move(transfer), cancelled());
      auto call = std::make_shared<Call>(inbox_, transfer->place());
      // If it comes before the transfer has arrived, `enqueue` sees it.
      transfer->keep(Cancellation::on_cancel(cancellation, [call = std::move(call)] { call->cancel(); }));
    }
    const bool put = inbox_->put([&](Inbox::Content& content) { content.arrived.push_back(std::move(transfer)); });
    if (!put) end(std::move(transfer), shut_down());  // a callback sends while the client ends
  }

  void run() {
    // TLS may write to a connection that its server closed; that must not end the process.
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    for (;;) {
      auto content = inbox_->take();
      for (auto& transfer : content.arrived) enqueue(std::move(transfer));
      if (content.stopping) break;
      for (const auto& call : content.wishes) quietly([&] { fulfil(*call); });
      int running = 0;
      curl_multi_perform(multi_, &running);
      quietly([&] { finish_done(); });
      quietly([&] { drop_late(); });
      curl_multi_poll(multi_, nullptr, 0, poll_time(), nullptr);
    }
    cancel_all();
  }

  /// Where there is no memory for one call, the others and the thread go on.
  template <class Step>
  static void quietly(Step step) {
    try {
      step();
    } catch (const std::exception&) {
      // What was not done is done when the loop comes by again.
    }
  }

  /// Until something is late; the rest wakes curl.
  int poll_time() const {
    auto soonest = Clock::now() + std::chrono::seconds(60);
    for (const auto& [easy, transfer] : running_) soonest = std::min(soonest, transfer->due());
    for (const auto& [origin, host] : hosts_) {
      for (const auto& transfer : host.waiting) soonest = std::min(soonest, transfer->due());
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(soonest - Clock::now()).count();
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left, 0));
  }

  void enqueue(std::unique_ptr<Transfer> transfer) {
    try {
      if (auto status = transfer->check(); !status) return end(std::move(transfer), std::move(status));
      if (transfer->cancellation() && transfer->cancellation()->requested())
        return end(std::move(transfer), cancelled());
      const auto host = hosts_.try_emplace(transfer->origin()).first;
      host->second.waiting.push_back(std::move(transfer));
      go_on(host);
    } catch (const std::exception&) {
      if (transfer) end(std::move(transfer), error_of_exception("sending the request"));
    }
  }

  void start_waiting(Host& host) {
    while (host.running < options_.max_connections_per_host && !host.waiting.empty()) {
      auto transfer = std::move(host.waiting.front());
      host.waiting.pop_front();
      if (transfer->due() <= Clock::now()) {
        auto late = transfer->late();
        end(std::move(transfer), std::move(late));
        continue;
      }
      CURL* easy = transfer->prepare(options_, anchor_ ? &*anchor_ : nullptr);
      if (easy == nullptr || !take_on(easy, transfer)) {
        end(std::move(transfer), Error{ErrorCode::internal, "curl did not accept the request"});
      } else {
        ++host.running;
      }
    }
  }

  /// False if the transfer stays the caller's, as curl or the memory has no room for it.
  bool take_on(CURL* easy, std::unique_ptr<Transfer>& transfer) {
    std::unique_ptr<Transfer>* place = nullptr;
    try {
      place = &running_[easy];
    } catch (const std::exception&) {
      return false;
    }
    if (curl_multi_add_handle(multi_, easy) != CURLM_OK) {
      running_.erase(easy);
      return false;
    }
    *place = std::move(transfer);
    return true;
  }

  void finish_done() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* const easy = message->easy_handle;  // `message` goes with the handle
      const CURLcode code = message->data.result;
      retire(easy, running_.at(easy)->outcome(code));
    }
  }

  /// Ends a running transfer, and lets the next in line have its place.
  void retire(CURL* easy, Status outcome) {
    const auto found = running_.find(easy);
    curl_multi_remove_handle(multi_, easy);
    auto transfer = std::move(found->second);
    running_.erase(found);
    const std::string origin = transfer->origin();
    end(std::move(transfer), std::move(outcome));
    const auto host = hosts_.find(origin);
    --host->second.running;
    go_on(host);
  }

  /// Starts what waits for this host, and forgets the host if that was all: clients may choose hosts.
  void go_on(std::unordered_map<std::string, Host>::iterator host) {
    start_waiting(host->second);
    if (host->second.running == 0 && host->second.waiting.empty()) hosts_.erase(host);
  }

  void drop_late() {
    const auto now = Clock::now();
    std::vector<CURL*> late_handles;
    for (const auto& [easy, transfer] : running_) {
      if (transfer->due() <= now) late_handles.push_back(easy);
    }
    for (CURL* easy : late_handles) retire(easy, running_.at(easy)->late());
    Line late_ones;
    for (auto& [origin, host] : hosts_) {
      for (auto& transfer : host.waiting) {
        if (transfer->due() <= now) late_ones.push_back(std::move(transfer));
      }
      std::erase(host.waiting, nullptr);
    }
    for (auto& transfer : late_ones) {
      auto late = transfer->late();
      end(std::move(transfer), std::move(late));
    }
  }

  void fulfil(Call& call) {
    const bool resume = call.resume_wanted.exchange(false);
    const bool cancel = call.cancel_wanted.exchange(false);
    Transfer* const asked = *call.transfer;
    if (asked == nullptr) return;  // it has ended meanwhile
    const bool running = running_.contains(asked->handle());
    if (cancel && running) {
      retire(asked->handle(), cancelled());
    } else if (cancel) {
      cancel_waiting(*asked);
    } else if (resume && running) {
      // May hand over bytes that curl has kept.
      const CURLcode code = asked->resume();
      if (code != CURLE_OK) retire(asked->handle(), asked->outcome(code));
    }
  }

  void cancel_waiting(const Transfer& asked) {
    const auto host = hosts_.find(asked.origin());
    if (host == hosts_.end()) return;  // it has not arrived yet
    auto& line = host->second.waiting;
    const auto place =
        std::find_if(line.begin(), line.end(), [&asked](const auto& transfer) { return transfer.get() == &asked; });
    if (place == line.end()) return;
    auto transfer = std::move(*place);
    line.erase(place);
    end(std::move(transfer), cancelled());
  }

  void cancel_all() {
    for (auto& [easy, transfer] : running_) {
      curl_multi_remove_handle(multi_, easy);
      end(std::move(transfer), shut_down());
    }
    running_.clear();
    for (auto& [origin, host] : hosts_) {
      for (auto& transfer : host.waiting) end(std::move(transfer), shut_down());
    }
    hosts_.clear();
    auto content = inbox_->close();
    for (auto& transfer : content.arrived) end(std::move(transfer), shut_down());
  }

  static Error cancelled() { return {ErrorCode::cancelled, "the call was cancelled"}; }
  static Error shut_down() { return {ErrorCode::cancelled, "the HTTP client was shut down before the answer arrived"}; }

  static void end(std::unique_ptr<Transfer> transfer, Status outcome) {
    quietly([&] { transfer->leave_lookup(); });
    try {
      transfer->end(std::move(outcome));
    } catch (...) {
      // A callback's fault must not end the other requests.
    }
  }

  const Options options_;
  const std::optional<TrustAnchor> anchor_;
  CURLM* const multi_;
  const std::shared_ptr<Inbox> inbox_;
  // The rest belongs to the client's thread.
  std::unordered_map<std::string, Host> hosts_;
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> running_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Client>> Client::create(const Options& options) {
  start_curl_once();
  if (options.max_connections_per_host < 1) {
    return Error{ErrorCode::invalid_argument, "HTTP client: max_connections_per_host must be 1 or more"};
  }
  std::optional<TrustAnchor> anchor;
  if (!options.ca_fingerprint.empty()) {
    auto parsed = TrustAnchor::parse(options.ca_fingerprint);
    if (!parsed) return std::move(parsed).error();
    anchor = *parsed;
  }
  if (!options.ca_file.empty() && !anchor) {
    if (Status good = check_ca_file(options.ca_file); !good) return good.error();
  }
  CURLM* multi = curl_multi_init();
  if (multi == nullptr) return Error{ErrorCode::internal, "curl could not be started"};
  curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(options.max_connections_per_host));
  // Kept open after use: as many as one host may have, for a few hosts.
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(options.max_connections_per_host) * 4);
  return std::unique_ptr<Client>(std::make_unique<CurlClient>(options, anchor, multi));
}

Result<Response> Client::send_and_wait(ClientRequest request) {
  std::promise<Result<Response>> promise;
  auto answer = promise.get_future();
  send(std::move(request), [&promise](Result<Response> result) { promise.set_value(std::move(result)); });
  return answer.get();
}

}  // namespace sightline::http
