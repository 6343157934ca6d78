// The Elasticsearch port of a Sightline server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "server/elastic/gateway/cluster.h"
#include "server/elastic/gateway/cluster_probe.h"
#include "server/elastic/limits.h"
#include "server/elastic/recorded_models.h"
#include "server/http/server.h"

namespace sightline::elastic {

/// Serves Elasticsearch's REST API, with the inference that embedding pictures needs: over an embedded store the
/// subset of it that the job takes, or as a gateway all that the cluster behind it has.
///
/// Flow: 1. `http::Server` reads a request whole, within `limits.max_body_bytes`, and calls one of `workers`
/// threads.
///       2. The front does what a plain store cannot: inference endpoints, ingest pipelines, query vector
///       builders.
///       3. What is left (indices, documents, bulk, search) the embedded store answers; or it passes through to
///       the cluster, whose answer streams back untouched.
///       4. Answers of ours get the shape that was asked for: filter_path, pretty, media type.
/// Inference goes by HTTP to the URL that an endpoint names, as Elasticsearch does it; this library uses no
/// model. The same process may send requests without the port: `handle`, `ask`. Thread safety: all members may be called from any thread.
class ElasticServer {
 public:
  /// Documents are stored on this machine.
  struct EmbeddedStore {
    std::filesystem::path data_dir;  ///< made if it is missing
  };
  /// Documents are a cluster's: the server is a gateway before it.
  struct Cluster {
    elastic::Cluster::Options access;  ///< its `warn` is that of the server
    GatewayMode mode = GatewayMode::automatic;
  };
  struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 9200;  ///< 0: any free one; see `port()`
    std::variant<EmbeddedStore, Cluster> documents;
    std::filesystem::path secret_key_file;  ///< seals secrets of endpoints (security::SecretBox); empty: none
    /// Called, for a log, with what the operator should know; without credentials or bodies. May be empty.
    std::function<void(const std::string&)> warn;
    int workers = 16;  ///< requests handled at once; each may block on inference and on disk
    Limits limits;
    http::ClientLimits clients;
    int descriptor_parts = 1;              ///< as in http::Server::Options
    std::shared_ptr<http::TlsServer> tls;  ///< as in http::Server::Options
    /// PEM file of certificates that endpoints are trusted by, besides the system's CAs; may be empty.
    std::string trusted_certificates;
    /// Which addresses calls of endpoints may connect to, as in http::Client::Options. May be empty.
    std::function<Status(const sockaddr& address)> check_endpoint_address;
    /// True for URLs of this server's own inference port, which calls of endpoints then tell the ids of their request
    /// (http::forwarded_ids). May be empty.
    std::function<bool(const std::string& url)> is_own_url;
    /// As in http::Server::Options: KeyGuard::check_head, or empty.
    std::function<std::optional<http::HeadAnswer>(const http::Request& head)> check_head;
    /// Called with every request that was answered. May be empty.
    std::function<void(const http::AccessRecord&)> access_log;
    std::shared_ptr<RequestBook> requests;                                            ///< as in http::Server::Options
    std::function<void(const http::Request& request, RequestFacts& facts)> describe;  ///< likewise
    std::chrono::milliseconds drain_timeout{10'000};  ///< of `stop`, for requests in flight
  };

  /// Whether a request can have changed nothing: what its method or the last part of its path says. For
  /// http::Server::Options::only_reads.
  static bool only_reads(const http::Request& request);
  /// Answered by a separate thread: neither waits for anything. A gateway passes both on. For
  /// http::Server::Options::urgent.
  static bool is_urgent(const http::Request& request);
  /// A short name of what a request does, for metrics: "_search", "_bulk", ..., or "other".
  static std::string_view command_of(const http::Request& request);

  /// What would keep `start` from working now, as far as that shows quickly: the key file, the folder of the store, the
  /// port. So it can be reported before other work that takes long. Errors: those of `start`.
  static Status check(const Options& options);
  /// Errors: those of opening `data_dir` as a store, or of the cluster's URL and CA (it need not be up); of
  /// the key file; and of binding the port.
  static Result<std::unique_ptr<ElasticServer>> start(const Options& options);
  virtual ~ElasticServer() = default;

  virtual std::uint16_t port() const = 0;
  /// Answers a request that came another way as the port answers it. Within a handler of an http::Server: it may
  /// block, and a waiting call lends its worker's place (http::NetworkWait). `stop` waits for it as for those of the
  /// port; then the answer is 503.
  virtual void handle(http::Request request, http::Reply reply) = 0;
  /// The same as one whole answer. Throws WorkCancelled.
  virtual http::Response ask(http::Request request) = 0;

  /// What prevents its work, in words, for /health/ready; empty if nothing is known to.
  virtual std::string problem() = 0;
  /// Which models made the vectors of an embedded store, as its indices say. Of a cluster nothing: its indices
  /// are its callers' to read.
  virtual std::vector<RecordedModel> recorded_models() = 0;
  /// `stop(now + drain_timeout)`.
  virtual void stop() = 0;
  /// Refuses new requests, waits for those in flight until `deadline`, ends those that are left, and closes
  /// the store. Safe to call twice.
  virtual void stop(std::chrono::steady_clock::time_point deadline) = 0;
};

}  // namespace sightline::elastic
