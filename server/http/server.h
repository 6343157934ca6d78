// The HTTP server. Only this folder uses Pistache.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/request_trace.h"
#include "base/result.h"
#include "server/http/message.h"
#include "server/http/request_ids.h"

namespace sightline::http {

class BufferShare;
class TlsServer;

/// An answer that is sent piece by piece, to the client of one request and never to another.
///
/// Framing is the server's: with a `content_length` no more bytes than that are sent; without, HTTP/1.1
/// clients get chunks and HTTP/1.0 clients all up to the connection's end. Answers to HEAD, 204 and 304 have
/// no body: written data is discarded. `write` never blocks and accepts everything, so the producer of
/// the bytes must check `waiting` and pause, until `when_drained`.
/// A client that takes nothing of what waits for `send_timeout` is cut; while nothing waits it is not.
/// Move-only. Thread safety: any thread, one at a time. Callbacks run on a thread of the server, or within
/// the call that gives them; they must not block, and may use this object if no other thread does.
class ReplyStream {
 public:
  class Channel;
  explicit ReplyStream(std::shared_ptr<Channel> channel);
  ReplyStream(ReplyStream&&) noexcept;
  ReplyStream& operator=(ReplyStream&&) noexcept;
  /// Unless it was finished: cuts the connection, so that the client sees that the answer is incomplete.
  ~ReplyStream();

  /// False if no more can be sent: the client has disconnected or was cut, the answer is finished, or `bytes` goes
  /// beyond the content_length (what lies beyond is not sent).
  bool write(std::string_view bytes);
  /// Bytes taken, with their framing, that are not yet with the socket; 0 when the client has disconnected.
  std::size_t waiting() const;
  /// True if so much waits that the producer of the bytes should pause: 4 MiB, or 64 KiB while answers hold
  /// all the memory that they may.
  bool should_pause() const;
  /// Calls `callback` once, as soon as `waiting() <= low` or the client has disconnected: at once and from within
  /// this call if that is so already. A second callback takes the place of the first.
  void when_drained(std::size_t low, std::function<void()> callback);
  /// True once the connection is gone or cut.
  bool client_left() const;
  /// The answer is complete; what waits is still sent. Short of the content_length, the connection is cut.
  void finish();

 private:
  std::shared_ptr<Channel> channel_;
};

/// Answers the client of one request. Move-only; may be used from any thread, once. If it is dropped
/// unsent the client gets 500; 503 if the work for it was cancelled since the server stops. A reply to a
/// client that has disconnected is discarded, never sent to another.
class Reply {
 public:
  class Channel;
  explicit Reply(std::shared_ptr<Channel> channel);
  Reply(Reply&&) noexcept;
  Reply& operator=(Reply&&) noexcept;
  ~Reply();

  void send(Response response);
  /// Charges the request's memory until it is answered, or its answer begins.
  void hold(BufferShare share);
  /// At most so many bytes of the request's body are still in memory: only they stay charged. 0: none.
  void keep_of_body(std::size_t bytes);
  /// Answers piece by piece: sends the head at once, and uses up the Reply.
  ReplyStream stream(ResponseHead head);
  /// True once the connection is gone: work for it is wasted. Request::cancellation reports it.
  bool client_left() const;

 private:
  std::shared_ptr<Channel> channel_;
};

/// Limits on clients, independent of their requests. The server's options of the same names
/// set them, for both ports (docs/limits.md).
struct ClientLimits {
  /// Beyond this, the least needed is closed for a new one: idle before half a head before half a
  /// body, and never one whose request is being handled. Kept below the limit on open files.
  std::size_t max_connections = 4096;
  std::size_t max_connections_per_address = 2048;   ///< of IPv6 per /64; the same then happens among these
  std::chrono::milliseconds idle_timeout{120'000};  ///< kept-alive connection without a request
  /// From a request's first byte to its head's last; else 408.
  std::chrono::milliseconds header_timeout{10'000};
  /// Between two pieces of a request; else 408.
  std::chrono::milliseconds receive_timeout{30'000};
  /// A client that reads nothing of its answer for so long is cut.
  std::chrono::milliseconds send_timeout{30'000};
  /// For a client that has taken the last answer of its connection to end the connection, too.
  std::chrono::milliseconds linger_time{5'000};
  /// Bytes per second, of a body within any `receive_timeout` and of an answer within any `send_timeout`. 0:
  /// any.
  std::size_t min_transfer_rate = 240;
  /// Bodies of requests not yet answered, all together, unpacked; more get 429.
  std::size_t max_buffered_bytes = 192u << 20;
  std::size_t max_buffered_bytes_per_client = 128u << 20;  ///< the same of one address
  /// Answers that are being made or that their clients have not read, all together; a further one is 429, and
  /// streamed ones wait for their clients sooner.
  std::size_t max_answer_bytes = 256u << 20;
  std::size_t max_answer_bytes_per_client = 128u << 20;  ///< the same of one address
  std::vector<std::string> allowed_hosts;                ///< names that URLs of this server may have; see WebGuard
  std::vector<std::string> allowed_origins;              ///< sites whose pages may call this server; see WebGuard
};

/// An answer that needs no more of a request than its head.
struct HeadAnswer {
  Response response;
  std::chrono::milliseconds delay{0};  ///< before it is sent; the connection waits meanwhile
  bool close = false;                  ///< the connection ends after it
};

/// The access log's entry for a request.
struct AccessRecord {
  Method method = Method::get;
  std::string path;        ///< as sent, but that what is no plain URL character is percent-encoded
  std::string request_id;  ///< X-Opaque-Id, or X-Request-Id, if it is plain and short; else empty
  std::string opaque_id;   ///< X-Opaque-Id, likewise
  std::string trace_id;    ///< of a valid `traceparent`; else empty
  std::string peer;
  int status = 0;
  double milliseconds = 0;    ///< from the request's last byte to the answer's
  std::size_t bytes_in = 0;   ///< of the body, as sent
  std::size_t bytes_out = 0;  ///< of the answer's body
};

/// How requests of one kind are processed.
struct Workshop {
  int workers = 8;                         ///< handler calls that work at once
  std::size_t max_waiting = 256;           ///< calls more, which wait for the network (NetworkWait)
  std::size_t max_queued_requests = 1024;  ///< waiting for a worker; more get 429
  std::size_t max_body_bytes = 64u << 20;  ///< larger ones get 413
  /// Body of the server's own errors (413, 429, 500 of a dropped reply ...), so that each kind of clients gets the
  /// format it expects. May be called from any thread. Empty: a short JSON object.
  std::function<Response(int status, const std::string& message)> error_response;
  /// False for a request that may have changed something by the time it is answered: its answer is sent
  /// even where answers hold all the memory they may, as a client that got 429 would do it again. Empty:
  /// true for all.
  std::function<bool(const Request& request)> only_reads;
};

/// Serves one port.
///
/// Flow: 1. Pistache waits for events on its loops; a request is cut out whole, within the limits, and put into
///          the worker pool's queue. Its head is judged before its body is read: by the Host and the Origin
///          (WebGuard), and by `check_head`. Nothing of ours but that happens in an event loop.
///       2. A worker undoes gzip and calls the handler; the handler replies at once or keeps the Reply for
///       later.
///          A handler that throws has its client answered with 500. It runs in the CancellationScope of its
///          request, which is cancelled when the client disconnects before the answer is complete.
///       3. The reply goes to the event loop of its connection, which writes it as fast as the client reads.
///       4. `stop` closes idle connections and new ones, waits for replies in flight up to `drain_timeout`,
///          then cancels the work for those that are left, and closes their connections. It also waits for
///          handler calls that are running; call it from no handler.
/// One connection has one request in the handler at a time; requests sent ahead (pipelining) are served in
/// order: 16 KiB of them are kept, the rest is read once there is room.
class Server {
 public:
  struct Options : ClientLimits, Workshop {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;          ///< 0: any free one, see `port()`
    int io_threads = 1;              ///< event loops
    std::shared_ptr<TlsServer> tls;  ///< null: plain HTTP
    /// True for requests that have a separate workshop, `apart`, and separate memory for their bodies: those
    /// that wait for other requests of this port, so that neither blocks the other. Called in the event loops.
    /// Empty: none.
    std::function<bool(const Request& head)> is_apart;
    Workshop apart;
    /// True for requests that a separate thread answers, even if all workers are busy: cheap ones, that
    /// wait for nothing. Called in the event loops. Empty: none.
    std::function<bool(const Request&)> urgent;
    std::size_t max_header_bytes = 64u << 10;  ///< larger ones get 431
    /// Of the open files that the process may have, this server's connections take at most one part in so
    /// many: others are for further servers, and for what each request opens elsewhere.
    int descriptor_parts = 1;
    std::chrono::milliseconds drain_timeout{10'000};
    /// Checks a head before its body is read; if it answers, the request is finished. Runs in an
    /// event loop: it must not block. May be empty.
    std::function<std::optional<HeadAnswer>(const Request& head)> check_head;
    /// Called once for each request, as its answer is complete, on a thread of the server: it must not block. Not for
    /// answers with Response::sent. May be empty.
    std::function<void(const AccessRecord&)> access_log;
    /// Where requests that are received whole are kept until their clients have the answers, for all servers that
    /// share it; their handlers run in the TraceScope of the request. Null: nowhere.
    std::shared_ptr<RequestBook> requests;
    /// Completes what the book says of a request: `port`, `group` and `key`, and anything else that is not as in the
    /// access log. Called in the event loops: it must not block. May be empty.
    std::function<void(const Request& request, RequestFacts& facts)> describe;
  };
  using Handler = std::function<void(Request&&, Reply)>;

  /// Errors: invalid_argument (host or options), unavailable (port taken, not allowed), both naming host and
  /// port.
  static Result<std::unique_ptr<Server>> start(const Options& options, Handler handler);
  virtual ~Server() = default;
  virtual std::uint16_t port() const = 0;
  /// Requests taken whose Reply was neither sent nor dropped; a ReplyStream counts until it is finished.
  virtual std::size_t in_flight() const = 0;
  /// `stop(now + drain_timeout)`.
  virtual void stop() = 0;
  /// The drain ends at `deadline`. Safe to call twice.
  virtual void stop(std::chrono::steady_clock::time_point deadline) = 0;
};

}  // namespace sightline::http
