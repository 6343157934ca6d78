// Pictures that requests name by URL.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/timer.h"
#include "server/http/buffer_budget.h"
#include "server/http/client.h"
#include "server/http/outbound_calls.h"
#include "server/serving/embed_request.h"

struct sockaddr;

namespace sightline::api {

/// Fetches pictures that requests name by URL.
///
/// Flow: 1. `fetch` puts one call for each different URL in the line of its host. Hosts take turns.
///       2. A call is sent when fewer than `per_host` to its host and fewer than `at_once` in all are out, and when
///          there is memory for the largest picture.
///       3. `check_address` judges each address before a connection to it is opened. Redirects are not followed.
///       4. The answer is read up to `max_bytes`. gzip is decompressed, up to as many bytes.
///       5. What does not begin as a picture does is refused. The rest is the model's to decode.
/// No thread waits meanwhile. The first picture that fails ends the other calls of its request.
/// Thread safety: all members may be called from any thread. Callbacks run as those of http::OutboundCalls.
class PictureFetcher {
 public:
  struct Options {
    std::size_t max_bytes = 20u << 20;          ///< of one picture
    std::size_t max_request_bytes = 64u << 20;  ///< of the pictures of one request together, repeated ones each time
    std::size_t max_memory_bytes = 512u << 20;  ///< of all pictures until a model takes them; at least `max_bytes`
    std::chrono::milliseconds timeout{10'000};  ///< of one picture, from connecting to its last byte
    int per_host = 4;                           ///< calls out at once to one host and port
    int at_once = 16;                           ///< and in all
    std::size_t max_waiting = 1024;             ///< calls that wait for one host
    std::string also_trusted;                   ///< PEM file of CAs that are trusted besides the system's; may be empty
    /// Whether a connection to an address may be opened; called on the client's thread.
    std::function<bool(const sockaddr& address)> allows_address;
    /// Called with the outcome of each call: "fetched", "status", "too_large", "not_a_picture", "refused_address",
    /// "timeout", "broken", "overloaded", "cancelled". May be empty.
    std::function<void(const char* outcome)> count;
  };
  struct Link {
    std::string place;  ///< of the input, for errors
    std::string url;    ///< as picture_url gives it
  };
  struct Fetched {
    std::vector<std::string> pictures;    ///< in the order of the links
    std::list<http::BufferShare> memory;  ///< counted as long as these exist
  };
  using Callback = std::function<void(Result<Fetched>)>;

  /// `timer` must outlive the fetcher. Errors: those of http::Client::create.
  static Result<std::unique_ptr<PictureFetcher>> create(Options options, Timer& timer);

  /// Of `options`, lane, deadline and cancellation count here. `done` is called once, perhaps within `fetch`. Errors
  /// name the place and the host: invalid_argument (refused address, a status of 3xx or 4xx, no picture), too_large,
  /// overloaded, deadline_exceeded (still in line at the deadline), unavailable (a connection that fails, too slow, a
  /// status of 429 or 5xx), cancelled.
  void fetch(std::vector<Link> links, const serving::EmbedOptions& options, Callback done);
  /// Ends all calls, and every later one, with `overloaded`.
  void shut_down() { calls_.shut_down(); }

 private:
  class Job;
  class FetchCall;
  PictureFetcher(Options options, std::unique_ptr<http::Client> client, Timer& timer);

  const std::shared_ptr<const Options> options_;  // calls may outlive this object
  const std::shared_ptr<http::BufferBudget> memory_;
  const std::unique_ptr<http::Client> client_;
  http::OutboundCalls calls_;
};

}  // namespace sightline::api
