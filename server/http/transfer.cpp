#include "server/http/transfer.h"

#include <algorithm>
#include <sys/socket.h>
#include <unordered_set>

#include "base/ascii_lower.h"
#include "base/exception_error.h"
#include "base/free_memory.h"
#include "base/number_text.h"
#include "base/split.h"
#include "base/trimmed.h"
#include "base/url_credentials.h"
#include "server/http/tls_records.h"

namespace sightline::http {
namespace {

constexpr std::size_t k_max_head_bytes = 256u << 10;
constexpr long k_read_bytes = 64l << 10;    ///< at a time; the largest piece of a streamed body
constexpr long k_write_bytes = 512l << 10;  ///< at a time, of large bodies
constexpr std::size_t k_large_body = 256u << 10;
constexpr std::string_view k_blanks = " \t\r\n";

bool breaks_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos;
}

/// Fields that say what a message is, where it goes and on whose behalf. A Connection field names what it takes
/// away (RFC 9110 7.6.1), but these it cannot mean: a client could else have a proxy drop the caller's name, or
/// read the body as something else, before the server behind it decides.
bool is_of_message(std::string_view name) {
  for (const char* field : {"Accept",
                            "Accept-Encoding",
                            "Authorization",
                            "Cache-Control",
                            "Content-Encoding",
                            "Content-Type",
                            "Cookie",
                            "ETag",
                            "Forwarded",
                            "Host",
                            "If-Match",
                            "If-None-Match",
                            "Location",
                            "Origin",
                            "Range",
                            "Retry-After",
                            "Set-Cookie",
                            "Vary",
                            "Warning",
                            "WWW-Authenticate",
                            "X-Opaque-Id",
                            "X-Request-Id",
                            "es-security-runas-user",
                            "traceparent",
                            "tracestate"}) {
    if (equal_ignoring_case(name, field)) return true;
  }
  for (const std::string_view family : {"X-Elastic-", "X-Forwarded-", "X-Found-"}) {
    if (equal_ignoring_case(name.substr(0, family.size()), family)) return true;
  }
  return false;
}

/// Fields of the connection on which a message came: no part of it. A head may be long, and is read on a thread that
/// serves others: the lists are taken apart once.
class ConnectionFields {
 public:
  explicit ConnectionFields(const Headers& fields) {
    for (const auto& [name, value] : fields.all()) {
      if (!equal_ignoring_case(name, "Connection")) continue;
      for (const std::string& member : split(value, ',')) named_.insert(ascii_lower(trimmed(member, k_blanks)));
    }
  }
  bool has(std::string_view name) const {
    if (is_connection_field(name) || equal_ignoring_case(name, "Content-Length")) return true;
    return !named_.empty() && named_.contains(ascii_lower(name)) && !is_of_message(name);
  }

 private:
  std::unordered_set<std::string> named_;
};

bool is_safe(Method method) {
  return method == Method::get || method == Method::head || method == Method::options;
}

}  // namespace

std::string origin_of(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return {};
  std::string origin;
  for (const CURLUPart part : {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT}) {
    char* text = nullptr;
    if (curl_url_get(parsed.get(), part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
    origin += text;
    if (part != CURLUPART_PORT) origin += part == CURLUPART_SCHEME ? "://" : ":";
    curl_free(text);
  }
  return origin.starts_with("http://") || origin.starts_with("https://") ? origin : std::string();
}

Transfer::Transfer(ClientRequest request)
    : request_(std::move(request)),
      origin_(origin_of(request_.url)),
      deadline_(request_.timeout.count() > 0 ? Clock::now() + request_.timeout : Clock::time_point::max()) {}

Transfer::~Transfer() {
  *place_ = nullptr;
  if (easy_ != nullptr) curl_easy_cleanup(easy_);
  curl_slist_free_all(fields_);
}

Status Transfer::check() const {
  if (origin_.empty()) {
    return Error{ErrorCode::invalid_argument, "'" + without_credentials(request_.url).substr(0, 200) +
                                                  "' is not a URL of the form http://host:port/path or https://..."};
  }
  for (const auto& [name, value] : request_.headers.all()) {
    if (name.empty() || name.find_first_of(":; \t") != name.npos || breaks_line(name) || breaks_line(value)) {
      return Error{ErrorCode::invalid_argument, "a header of the request has an invalid name or contains a line break"};
    }
  }
  return {};
}

CURL* Transfer::prepare(const Client::Options& options, const TrustAnchor* anchor) {
  CURL* easy = easy_ = curl_easy_init();
  if (easy == nullptr) return nullptr;
  bool ok = true;
  const auto set = [&](CURLoption option, auto value) { ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK; };

  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PATH_AS_IS, 1L);
  // Else the end of a transfer waits until its host's name is resolved, and with it all others of this thread.
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_RESOLVER_START_FUNCTION, &before_lookup);
  set(CURLOPT_RESOLVER_START_DATA, static_cast<void*>(this));
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_ERRORBUFFER, error_text_);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  set(CURLOPT_BUFFERSIZE, k_read_bytes);
  if (anchor != nullptr) {
    set(CURLOPT_CAINFO, static_cast<const char*>(nullptr));
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  } else if (!options.ca_file.empty()) {
    set(CURLOPT_CAINFO, options.ca_file.c_str());
  }
  anchor_ = anchor;
  also_trusted_ = options.also_trusted;
  set(CURLOPT_SSL_CTX_FUNCTION, &set_up_tls);
  set(CURLOPT_SSL_CTX_DATA, static_cast<void*>(this));

  const Method method = request_.method;
  if (!request_.body.empty() || method == Method::post || method == Method::put || method == Method::patch) {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set(CURLOPT_POSTFIELDS, request_.body.data());
    if (request_.body.size() > k_large_body) set(CURLOPT_UPLOAD_BUFFERSIZE, k_write_bytes);
  }
  if (method == Method::head) {
    set(CURLOPT_NOBODY, 1L);
  } else {
    set(CURLOPT_CUSTOMREQUEST, to_string(method));
  }
  if (options.check_address) {
    check_address_ = options.check_address;
    set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
  }
  set(CURLOPT_PREREQFUNCTION, &before_sending);
  set(CURLOPT_PREREQDATA, static_cast<void*>(this));
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(CURLOPT_HEADERFUNCTION, &on_line);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  return set_fields(options) && ok ? easy : nullptr;
}

bool Transfer::set_fields(const Client::Options& options) {
  bool ok = true;
  curl_slist* last = nullptr;  // curl walks from the node that it is given to the end of the list
  const auto add = [&](const std::string& line) {
    curl_slist* const longer = curl_slist_append(last, line.c_str());
    ok = ok && longer != nullptr;
    if (longer == nullptr) return;
    last = last == nullptr ? fields_ = longer : longer->next;
  };
  const auto& fields = request_.headers;
  const ConnectionFields of_connection(fields);
  for (const auto& [name, value] : fields.all()) {
    if (of_connection.has(name) || equal_ignoring_case(name, "Expect")) continue;
    // "Name;" is how curl writes a field without value.
    add(trimmed(value, k_blanks).empty() ? name + ";" : name + ": " + value);
  }
  // "Name:" is how curl is told to add no field of its own.
  for (const char* curls : {"Expect", "Accept", "Content-Type"}) {
    if (!fields.get(curls) || equal_ignoring_case(curls, "Expect")) add(std::string(curls) + ":");
  }
  if (!options.user_agent.empty() && !fields.get("User-Agent")) add("User-Agent: " + options.user_agent);
  return ok && curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, fields_) == CURLE_OK;
}

/// Called for each new connection.
CURLcode Transfer::set_up_tls(CURL*, void* ssl_context, void* self) {
  const auto& transfer = *static_cast<const Transfer*>(self);
  auto* const context = static_cast<ssl_ctx_st*>(ssl_context);
  limit_records_without_data(context);
  if (transfer.anchor_ != nullptr) {
    transfer.anchor_->install(context);
  } else if (!transfer.also_trusted_.empty()) {
    trust_also(context, transfer.also_trusted_);
  }
  return CURLE_OK;
}

/// Called for addresses, too, but they take no time, and for no name that curl still remembers.
int Transfer::before_lookup(void*, void*, void* self) {
  static_cast<Transfer*>(self)->looks_up_ = true;
  return 0;
}

void Transfer::leave_lookup() const {
  if (!looks_up_ || !request_.lookup_left) return;
  curl_off_t resolved_after = 0;  // microseconds; 0: not yet
  if (curl_easy_getinfo(easy_, CURLINFO_NAMELOOKUP_TIME_T, &resolved_after) == CURLE_OK && resolved_after == 0)
    request_.lookup_left();
}

/// Curl sends a request again, by itself, on another connection when a kept one is cut before any answer. The
/// server may have acted on it all the same, so that is for those requests alone that change nothing.
int Transfer::before_sending(void* self, char*, char*, int, int) {
  const auto& transfer = *static_cast<Transfer*>(self);
  return transfer.anything_sent() && !is_safe(transfer.request_.method) ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/// The address is the one that will be connected to: a name is not resolved again.
curl_socket_t Transfer::open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(self);
  try {
    if (const Status good = transfer.check_address_(address->addr); !good) {
      transfer.refused_address_ = good.error();
      return CURL_SOCKET_BAD;
    }
  } catch (...) {
    return CURL_SOCKET_BAD;  // out of memory
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

bool Transfer::anything_sent() const {
  long bytes = 0;
  return easy_ != nullptr && curl_easy_getinfo(easy_, CURLINFO_REQUEST_SIZE, &bytes) == CURLE_OK && bytes > 0;
}

std::size_t Transfer::on_line(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  try {
    transfer.read_line({data, size * count});
  } catch (...) {
    transfer.fail(error_of_exception("handling the answer"));
  }
  return transfer.failure_ ? 0 : size * count;  // 0 ends the transfer
}

void Transfer::read_line(std::string_view line) {
  if (head_done_) return;  // a trailer behind the body
  head_bytes_ += line.size();
  if (head_bytes_ > k_max_head_bytes) {
    fail({ErrorCode::too_large,
          "the head of the answer of " + origin_ + " has more than " + std::to_string(k_max_head_bytes) + " bytes"});
  } else if (at_status_line_) {
    at_status_line_ = false;
    head_ = {};
    const auto code = line.substr(std::min(line.find(' '), line.size()));
    head_.status = number_from<int>(trimmed(code, k_blanks).substr(0, 3)).value_or(0);
  } else if (!trimmed(line, k_blanks).empty()) {
    read_field(line);
  } else if (head_.status < 200) {
    at_status_line_ = true;  // 1xx: another head follows
  } else {
    finish_head();
  }
}

void Transfer::read_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == line.npos) return;
  head_.headers.add(std::string(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1), k_blanks)));
}

void Transfer::finish_head() {
  head_done_ = true;
  ResponseHead head;
  head.status = head_.status;
  const ConnectionFields of_connection(head_.headers);
  for (const auto& [name, value] : head_.headers.all()) {
    if (equal_ignoring_case(name, "Content-Length")) head.content_length = number_from<std::uint64_t>(value);
    if (!of_connection.has(name)) head.headers.add(name, value);
  }
  if (head_.headers.get("Transfer-Encoding")) head.content_length.reset();
  drop_sent_body();
  take_head(std::move(head));
}

/// Once an answer has begun its request is not sent again, and the answer may take long. A server may answer before it
/// has read all of the body; then curl still needs the rest.
void Transfer::drop_sent_body() {
  if (request_.body.empty()) return;
  curl_off_t sent = 0;
  const bool is_known = curl_easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &sent) == CURLE_OK;
  if (is_known && sent == static_cast<curl_off_t>(request_.body.size())) free_memory(request_.body);
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.paused_) return CURL_WRITEFUNC_PAUSE;  // curl keeps the bytes
  try {
    transfer.drop_sent_body();
    transfer.paused_ = transfer.take_body({data, size * count}) == Flow::pause;
  } catch (...) {
    transfer.fail(error_of_exception("handling the answer"));
  }
  return transfer.failure_ ? 0 : size * count;
}

Status Transfer::outcome(CURLcode code) {
  if (code == CURLE_COULDNT_RESOLVE_HOST) looks_up_ = false;  // it is over
  if (failure_) return *failure_;
  if (code == CURLE_OK && head_done_) return {};
  if (code == CURLE_COULDNT_CONNECT && refused_address_) return *refused_address_;
  return connection_error(code);
}

Error Transfer::connection_error(CURLcode code) const {
  std::string why = error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(code);
  if (code == CURLE_OK) why = "ended the connection without an answer";
  if (code == CURLE_ABORTED_BY_CALLBACK) why = "closed the connection before it answered";
  if (code == CURLE_PEER_FAILED_VERIFICATION && why.find("subject name") != why.npos) {
    why += "; use a host name or an address from its certificate";
  } else if (code == CURLE_PEER_FAILED_VERIFICATION && anchor_ != nullptr) {
    why +=
        "; its certificate chain must contain a certificate with the given SHA-256 fingerprint and "
        "be signed by it: compare with `openssl x509 -fingerprint -sha256 -noout -in http_ca.crt` on the "
        "server";
  } else if (code == CURLE_PEER_FAILED_VERIFICATION) {
    why += "; set the certificate of the CA that signed the server's certificate, or its SHA-256 fingerprint";
  } else if (code == CURLE_SSL_CACERT_BADFILE) {
    why += "; set a readable file of CA certificates in PEM";
  }
  return {anything_sent() ? ErrorCode::unavailable : ErrorCode::unreachable,
          "connection failed: " + origin_ + " " + why};
}

Error Transfer::late() const {
  return {ErrorCode::deadline_exceeded, "no answer within the request's time"};
}

WholeAnswer::WholeAnswer(ClientRequest request, Client::Callback callback, std::size_t max_bytes)
    : Transfer(std::move(request)), callback_(std::move(callback)), max_bytes_(max_bytes) {}

void WholeAnswer::take_head(ResponseHead head) {
  response_.status = head.status;
  response_.content_type = head.headers.get("Content-Type").value_or("");
  head.headers.remove("Content-Type");
  if (head.content_length) head.headers.add("Content-Length", std::to_string(*head.content_length));
  response_.headers = std::move(head.headers);
}

Transfer::Flow WholeAnswer::take_body(std::string_view bytes) {
  if (bytes.size() > max_bytes_ - response_.body.size()) {
    fail({ErrorCode::too_large, "the answer of " + origin() + " has more than " + std::to_string(max_bytes_) +
                                    " bytes, the limit; request less at a time"});
  } else {
    response_.body += bytes;
  }
  return Flow::more;
}

void WholeAnswer::end(Status outcome) {
  if (!callback_) return;
  if (outcome.ok()) {
    callback_(std::move(response_));
  } else {
    callback_(outcome.error());
  }
}

StreamedAnswer::StreamedAnswer(ClientRequest request, StreamHandlers handlers)
    : Transfer(std::move(request)), handlers_(std::move(handlers)) {}

Transfer::Clock::time_point StreamedAnswer::due() const {
  if (!head_done_) return Transfer::due();
  if (paused_ || request_.silence_timeout.count() <= 0) return Clock::time_point::max();
  return last_piece_ + request_.silence_timeout;
}

Error StreamedAnswer::late() const {
  if (!head_done_) return Transfer::late();
  return {ErrorCode::deadline_exceeded, "no data from " + origin() + " for " +
                                            std::to_string(request_.silence_timeout.count()) + " ms within its answer"};
}

void StreamedAnswer::take_head(ResponseHead head) {
  last_piece_ = Clock::now();
  if (handlers_.head) handlers_.head(std::move(head));
}

Transfer::Flow StreamedAnswer::take_body(std::string_view bytes) {
  last_piece_ = Clock::now();
  return !handlers_.body || handlers_.body(bytes) ? Flow::more : Flow::pause;
}

CURLcode StreamedAnswer::resume() {
  if (!std::exchange(paused_, false)) return CURLE_OK;
  last_piece_ = Clock::now();
  return curl_easy_pause(handle(), CURLPAUSE_CONT);
}

void StreamedAnswer::end(Status outcome) {
  if (handlers_.done) handlers_.done(std::move(outcome));
}

}  // namespace sightline::http
