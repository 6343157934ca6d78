// One request of the client, as a curl handle.
#pragma once

#include <chrono>
#include <cstddef>
#include <curl/curl.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/cancellation.h"
#include "server/http/client.h"
#include "server/http/trust_anchor.h"

namespace sightline::http {

/// "http://host:9200" of a URL: what connections are counted by. Empty if it is not of http or https.
std::string origin_of(const std::string& url);

/// Belongs to the client's thread once it is sent. Derived classes handle the answer.
class Transfer {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Flow { more, pause };

  explicit Transfer(ClientRequest request);
  virtual ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Points at this object, and at nothing once it is destroyed.
  const std::shared_ptr<Transfer*>& place() const { return place_; }
  const std::shared_ptr<Cancellation>& cancellation() const { return request_.cancellation; }
  /// Kept as long as this object.
  void keep(Cancellation::Registration registration) { registration_ = std::move(registration); }

  /// Of its URL; see origin_of.
  const std::string& origin() const { return origin_; }
  /// An error if the request cannot be sent as it is.
  Status check() const;
  /// Makes the curl handle; null if curl cannot.
  CURL* prepare(const Client::Options& options, const TrustAnchor* anchor);
  CURL* handle() const { return easy_; }
  /// Its result, from curl's result.
  Status outcome(CURLcode code);

  /// When it times out if nothing happens until then.
  virtual Clock::time_point due() const { return deadline_; }
  virtual Error late() const;
  /// Goes on after a pause. What curl says; after an error the transfer must be ended.
  virtual CURLcode resume() { return CURLE_OK; }
  /// Reports a look-up that goes on without this object (ClientRequest::lookup_left); before `end`.
  void leave_lookup() const;
  /// Notifies the sender, as the last step.
  virtual void end(Status outcome) = 0;

 protected:
  virtual void take_head(ResponseHead head) = 0;
  virtual Flow take_body(std::string_view bytes) = 0;
  /// The transfer ends with this.
  void fail(Error error) {
    if (!failure_) failure_ = std::move(error);
  }

  ClientRequest request_;
  bool head_done_ = false;
  bool paused_ = false;

 private:
  static std::size_t on_line(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static int before_lookup(void*, void*, void* self);
  static int before_sending(void* self, char*, char*, int, int);
  static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static CURLcode set_up_tls(CURL*, void* ssl_context, void* self);
  bool set_fields(const Client::Options& options);
  void read_line(std::string_view line);
  void read_field(std::string_view line);
  void finish_head();
  void drop_sent_body();
  bool anything_sent() const;
  Error connection_error(CURLcode code) const;

  const std::shared_ptr<Transfer*> place_ = std::make_shared<Transfer*>(this);
  const std::string origin_;
  const Clock::time_point deadline_;
  Cancellation::Registration registration_;
  const TrustAnchor* anchor_ = nullptr;  ///< outlives the connections; null: none
  std::string also_trusted_;             ///< see Client::Options
  CURL* easy_ = nullptr;
  curl_slist* fields_ = nullptr;
  char error_text_[CURL_ERROR_SIZE] = {};
  std::optional<Error> failure_;
  std::function<Status(const sockaddr&)> check_address_;
  std::optional<Error> refused_address_;  ///< the latest one
  ResponseHead head_;
  std::size_t head_bytes_ = 0;
  bool at_status_line_ = true;
  bool looks_up_ = false;  ///< curl has begun to look up the host's name; it may have finished
};

/// Gathers the answer: Client::send.
class WholeAnswer final : public Transfer {
 public:
  WholeAnswer(ClientRequest request, Client::Callback callback, std::size_t max_bytes);
  void end(Status outcome) override;

 protected:
  void take_head(ResponseHead head) override;
  Flow take_body(std::string_view bytes) override;

 private:
  const Client::Callback callback_;
  const std::size_t max_bytes_;
  Response response_;
};

/// Passes on the answer: Client::stream.
class StreamedAnswer final : public Transfer {
 public:
  StreamedAnswer(ClientRequest request, StreamHandlers handlers);
  Clock::time_point due() const override;
  Error late() const override;
  void end(Status outcome) override;
  CURLcode resume() override;

 protected:
  void take_head(ResponseHead head) override;
  Flow take_body(std::string_view bytes) override;

 private:
  const StreamHandlers handlers_;
  Clock::time_point last_piece_{};
};

}  // namespace sightline::http
