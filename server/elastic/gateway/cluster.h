// The Elasticsearch cluster behind a gateway: where it is, and what is said when it cannot be asked.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/timer.h"
#include "server/elastic/elastic_error.h"
#include "server/http/client.h"
#include "server/http/message.h"

namespace sightline::elastic {

/// A cluster's URL without a slash at its end. Errors: invalid_argument for anything but http or https with a
/// host, for a query or fragment, and for credentials (which the message does not repeat).
Result<std::string> checked_cluster_url(const std::string& url);

/// What a gateway counts.
enum class GatewayEvent {
  passed_on,       ///< a request, unchanged or changed, to the cluster, whose answer is the client's
  answered_here,   ///< a request
  cluster_failed,  ///< no answer, or half an answer, of the cluster
};

/// What all that speaks with one cluster shares. Thread safety: all members may be called from any thread.
class Cluster {
 public:
  struct Options {
    std::string url;             ///< "https://es.example:9200", or with a path in front of Elasticsearch's own
    std::string ca_file;         ///< PEM of the authority behind its certificate; empty: the system's
    std::string ca_fingerprint;  ///< or that authority's SHA-256, as Elasticsearch prints it
    /// How long an answer may take to begin; 0: as long as it takes, for searches, reindexing and merges may
    /// run for hours.
    std::chrono::milliseconds timeout{0};
    /// Called with failures in words for a log, at most once per minute; without credentials or bodies.
    std::function<void(const std::string&)> warn;
    /// Told of every request and every failure, for counters.
    std::function<void(GatewayEvent)> count;
  };

  /// Errors: those of the URL.
  static Result<std::shared_ptr<Cluster>> create(Options options, const Timer& timer);

  const std::string& url() const { return options_.url; }
  std::chrono::milliseconds timeout() const { return options_.timeout; }

  /// Errors: a CA file or fingerprint that cannot be used.
  Result<std::unique_ptr<http::Client>> connect(int max_connections, std::size_t max_response_bytes) const;

  /// The request as it goes to the cluster: path and query byte by byte, all fields but Host.
  http::ClientRequest request_for(http::Request request) const;

  /// How long to wait before a request that failed is sent again; nothing if it must not be: it may have been
  /// carried out, or enough was tried. Sent again is what never left, and what only reads.
  std::optional<std::chrono::milliseconds> wait_before_retry(const Error& error, http::Method method, int attempts,
                                                             std::chrono::milliseconds since_first) const;

  void count(GatewayEvent event) const {
    if (options_.count) options_.count(event);
  }

  /// 503 if the cluster was not reached, 504 if it took too long, 502 if it disconnected or its answer is too large to
  /// be read here. Calls `warn`. 503 without it if the server stops, which is no failure of the cluster.
  ElasticError failure(const Error& error);

 private:
  Cluster(Options options, const Timer& timer) : options_(std::move(options)), timer_(timer) {}

  const Options options_;
  const Timer& timer_;
  std::mutex mutex_;
  std::optional<Timer::TimePoint> warned_;
  int unsaid_ = 0;  ///< failures since the last warning
};

}  // namespace sightline::elastic
