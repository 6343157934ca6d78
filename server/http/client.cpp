#include "server/http/client.h"

#include <algorithm>
#include <curl/curl.h>
#include <deque>
#include <future>
#include <mutex>
#include <signal.h>
#include <thread>
#include <unordered_map>
#include <vector>

namespace sightline::http {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t k_max_head_bytes = 256u << 10;

void start_curl_once() {
  static const CURLcode status = curl_global_init(CURL_GLOBAL_ALL);
  (void)status;
}

/// "http://host:9200": what connections are counted by. Empty if `url` is no http or https URL.
std::string origin_of(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return {};
  std::string origin;
  for (const CURLUPart part : {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT}) {
    char* text = nullptr;
    if (curl_url_get(parsed.get(), part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
    origin += std::string(text) + (part == CURLUPART_SCHEME ? "://" : ":");
    curl_free(text);
  }
  return origin.starts_with("http://") || origin.starts_with("https://") ? origin : std::string();
}

std::string without_line_end(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  return std::string(line);
}

bool breaks_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos;
}

/// Framing and connection are curl's; fields that a proxy took over from its own client must not change them.
bool is_curls(std::string_view name) {
  for (const char* curls : {"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Expect"}) {
    if (equal_ignoring_case(name, curls)) return true;
  }
  return false;
}

/// One request on its way, from `send` to its callback.
struct Exchange {
  ClientRequest request;
  Client::Callback callback;
  std::string origin;
  Clock::time_point deadline = Clock::time_point::max();
  std::size_t max_response_bytes = 0;

  CURL* easy = nullptr;
  curl_slist* fields = nullptr;
  char error_text[CURL_ERROR_SIZE] = {};
  Response response;
  std::size_t head_bytes = 0;
  bool too_large = false;

  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() {
    if (easy != nullptr) curl_easy_cleanup(easy);
    curl_slist_free_all(fields);
  }
};

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* to) {
  auto& exchange = *static_cast<Exchange*>(to);
  const std::size_t bytes = size * count;
  if (bytes > exchange.max_response_bytes - exchange.response.body.size()) {
    exchange.too_large = true;
    return 0;  // ends the transfer
  }
  exchange.response.body.append(data, bytes);
  return bytes;
}

std::size_t take_field(char* data, std::size_t size, std::size_t count, void* to) {
  auto& exchange = *static_cast<Exchange*>(to);
  const std::string_view line(data, size * count);
  exchange.head_bytes += line.size();
  if (exchange.head_bytes > k_max_head_bytes) {
    exchange.too_large = true;
    return 0;
  }
  if (line.starts_with("HTTP/")) {
    exchange.response.headers = {};  // what came before was a 1xx answer
    exchange.response.content_type.clear();
    return line.size();
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  auto value = without_line_end(line.substr(colon + 1));
  value.erase(0, std::min(value.find_first_not_of(" \t"), value.size()));
  std::string name(line.substr(0, colon));
  if (equal_ignoring_case(name, "Content-Type")) {
    exchange.response.content_type = std::move(value);
  } else {
    exchange.response.headers.add(std::move(name), std::move(value));
  }
  return line.size();
}

class CurlClient final : public Client {
 public:
  explicit CurlClient(const Options& options, CURLM* multi) : options_(options), multi_(multi) {
    thread_ = std::thread([this] { run(); });
  }

  ~CurlClient() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    curl_multi_wakeup(multi_);
    thread_.join();
    curl_multi_cleanup(multi_);
  }

  void send(ClientRequest request, Callback callback) override {
    auto exchange = std::make_unique<Exchange>();
    if (request.timeout.count() > 0) exchange->deadline = Clock::now() + request.timeout;
    exchange->max_response_bytes = options_.max_response_bytes;
    exchange->request = std::move(request);
    exchange->callback = std::move(callback);
    {
      const std::lock_guard lock(mutex_);
      arrived_.push_back(std::move(exchange));
    }
    curl_multi_wakeup(multi_);
  }

 private:
  using Line = std::deque<std::unique_ptr<Exchange>>;
  struct Host {
    int running = 0;
    Line waiting;
  };

  void run() {
    // TLS may write to a connection that its server closed; that must not end the process.
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    for (;;) {
      std::vector<std::unique_ptr<Exchange>> arrived;
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) break;
        arrived.swap(arrived_);
      }
      for (auto& exchange : arrived) enqueue(std::move(exchange));
      int running = 0;
      curl_multi_perform(multi_, &running);
      finish_done();
      drop_late();
      const bool idle = running == 0;
      curl_multi_poll(multi_, nullptr, 0, poll_time(idle), nullptr);
    }
    cancel_all();
  }

  /// Until the next deadline of a waiting request; the others are curl's.
  int poll_time(bool idle) const {
    auto soonest = Clock::now() + std::chrono::seconds(idle ? 60 : 1);
    for (const auto& [origin, host] : hosts_) {
      for (const auto& exchange : host.waiting) soonest = std::min(soonest, exchange->deadline);
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(soonest - Clock::now()).count();
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left, 0));
  }

  void enqueue(std::unique_ptr<Exchange> exchange) {
    const auto& request = exchange->request;
    exchange->origin = origin_of(request.url);
    if (exchange->origin.empty()) {
      return finish(std::move(exchange),
                    Error{ErrorCode::invalid_argument,
                          "'" + request.url.substr(0, 200) +
                              "' is no URL of the form http://host:port/path or https://..."});
    }
    for (const auto& [name, value] : request.headers.all()) {
      if (name.empty() || name.find(':') != name.npos || breaks_line(name) || breaks_line(value)) {
        return finish(std::move(exchange), Error{ErrorCode::invalid_argument,
                                                 "a header of the request is empty or holds a line break"});
      }
    }
    auto& host = hosts_[exchange->origin];
    host.waiting.push_back(std::move(exchange));
    start_waiting(host);
  }

  void start_waiting(Host& host) {
    while (host.running < options_.max_connections_per_host && !host.waiting.empty()) {
      auto exchange = std::move(host.waiting.front());
      host.waiting.pop_front();
      if (exchange->deadline <= Clock::now()) {
        finish(std::move(exchange), late());
      } else if (!prepare(*exchange) || curl_multi_add_handle(multi_, exchange->easy) != CURLM_OK) {
        finish(std::move(exchange), Error{ErrorCode::internal, "curl could not take the request"});
      } else {
        ++host.running;
        running_.emplace(exchange->easy, std::move(exchange));
      }
    }
  }

  bool prepare(Exchange& exchange);

  void finish_done() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      const auto found = running_.find(message->easy_handle);
      curl_multi_remove_handle(multi_, message->easy_handle);
      auto exchange = std::move(found->second);
      running_.erase(found);
      const std::string origin = exchange->origin;
      auto result = outcome(*exchange, code);
      finish(std::move(exchange), std::move(result));
      const auto host = hosts_.find(origin);
      --host->second.running;
      start_waiting(host->second);
      if (host->second.running == 0 && host->second.waiting.empty()) hosts_.erase(host);
    }
  }

  Result<Response> outcome(Exchange& exchange, CURLcode code) const {
    if (exchange.too_large) {
      return Error{ErrorCode::too_large, "the answer of " + exchange.origin + " has more than " +
                                             std::to_string(options_.max_response_bytes) +
                                             " bytes, the limit; ask for less at a time"};
    }
    if (code == CURLE_OPERATION_TIMEDOUT && Clock::now() >= exchange.deadline) return late();
    if (code != CURLE_OK) {
      const char* why = exchange.error_text[0] != '\0' ? exchange.error_text : curl_easy_strerror(code);
      return Error{ErrorCode::unavailable, "connection failed: " + exchange.origin + " " + why};
    }
    long status = 0;
    curl_easy_getinfo(exchange.easy, CURLINFO_RESPONSE_CODE, &status);
    exchange.response.status = static_cast<int>(status);
    return std::move(exchange.response);
  }

  void drop_late() {
    const auto now = Clock::now();
    for (auto& [origin, host] : hosts_) {
      Line late_ones;
      for (auto& exchange : host.waiting) {
        if (exchange->deadline <= now) late_ones.push_back(std::move(exchange));
      }
      std::erase(host.waiting, nullptr);
      for (auto& exchange : late_ones) finish(std::move(exchange), late());
    }
  }

  void cancel_all() {
    for (auto& [easy, exchange] : running_) {
      curl_multi_remove_handle(multi_, easy);
      finish(std::move(exchange), cancelled());
    }
    running_.clear();
    for (auto& [origin, host] : hosts_) {
      for (auto& exchange : host.waiting) finish(std::move(exchange), cancelled());
    }
    hosts_.clear();
    // A callback may send once more; those requests end here too.
    for (;;) {
      std::vector<std::unique_ptr<Exchange>> arrived;
      {
        const std::lock_guard lock(mutex_);
        arrived.swap(arrived_);
      }
      if (arrived.empty()) return;
      for (auto& exchange : arrived) finish(std::move(exchange), cancelled());
    }
  }

  static Error late() { return {ErrorCode::deadline_exceeded, "no answer within the request's time"}; }
  static Error cancelled() {
    return {ErrorCode::cancelled, "the HTTP client was shut down before the answer came"};
  }

  static void finish(std::unique_ptr<Exchange> exchange, Result<Response> result) {
    const auto callback = std::move(exchange->callback);
    exchange.reset();
    try {
      if (callback) callback(std::move(result));
    } catch (...) {
      // A callback's fault must not end the other requests.
    }
  }

  const Options options_;
  CURLM* const multi_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Exchange>> arrived_;
  bool stopping_ = false;
  // The rest belongs to the client's thread.
  std::unordered_map<std::string, Host> hosts_;
  std::unordered_map<CURL*, std::unique_ptr<Exchange>> running_;
  std::thread thread_;
};

bool CurlClient::prepare(Exchange& exchange) {
  const auto& request = exchange.request;
  CURL* easy = exchange.easy = curl_easy_init();
  if (easy == nullptr) return false;
  bool ok = true;
  const auto set = [&](CURLoption option, auto value) {
    ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK;
  };

  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_ERRORBUFFER, exchange.error_text);
  set(CURLOPT_USERAGENT, options_.user_agent.c_str());
  if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
  if (exchange.deadline != Clock::time_point::max()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(exchange.deadline - Clock::now()).count();
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::chrono::milliseconds::rep>(left, 1)));
  }

  const bool has_body = !request.body.empty() || request.method == Method::post ||
                        request.method == Method::put || request.method == Method::patch;
  if (has_body) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.data());
  }
  if (request.method == Method::head) {
    set(CURLOPT_NOBODY, 1L);
  } else {
    set(CURLOPT_CUSTOMREQUEST, to_string(request.method));
  }

  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(exchange.fields, line.c_str());
    ok = ok && longer != nullptr;
    if (longer != nullptr) exchange.fields = longer;
  };
  for (const auto& [name, value] : request.headers.all()) {
    if (is_curls(name)) continue;
    // "Name;" is how curl writes a field without value.
    add(value.empty() ? name + ";" : name + ": " + value);
  }
  add("Expect:");
  if (!request.headers.get("Content-Type")) add("Content-Type:");  // else curl would call a body a form
  set(CURLOPT_HTTPHEADER, exchange.fields);

  set(CURLOPT_WRITEFUNCTION, &take_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
  set(CURLOPT_HEADERFUNCTION, &take_field);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
  exchange.response.content_type.clear();
  return ok;
}

}  // namespace

Result<std::unique_ptr<Client>> Client::create(const Options& options) {
  start_curl_once();
  if (options.max_connections_per_host < 1) {
    return Error{ErrorCode::invalid_argument, "HTTP client: max_connections_per_host must be 1 or more"};
  }
  CURLM* multi = curl_multi_init();
  if (multi == nullptr) return Error{ErrorCode::internal, "curl could not be started"};
  curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                    static_cast<long>(options.max_connections_per_host));
  // Kept open after use: as many as one host may have, for a few hosts.
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(options.max_connections_per_host) * 4);
  return std::unique_ptr<Client>(std::make_unique<CurlClient>(options, multi));
}

Result<Response> Client::send_and_wait(ClientRequest request) {
  std::promise<Result<Response>> promise;
  auto answer = promise.get_future();
  send(std::move(request), [&promise](Result<Response> result) { promise.set_value(std::move(result)); });
  return answer.get();
}

}  // namespace sightline::http
