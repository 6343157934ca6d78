// Routes requests from the inference port to the Elasticsearch side of the same server.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "server/http/server.h"

namespace sightline::api {

/// What answers Elasticsearch's requests; see elastic::ElasticServer, which does.
/// Thread safety: all members may be called from any thread.
class ElasticsearchService {
 public:
  virtual ~ElasticsearchService() = default;
  /// Answers as the Elasticsearch port does. May block, and may answer later, piece by piece.
  virtual void handle(http::Request request, http::Reply reply) = 0;
  /// The same as one whole answer, for parts of this server that need documents on a caller's behalf. Blocks.
  virtual http::Response ask(http::Request request) = 0;
};

/// Passes requests for `/elasticsearch/PATH` on as requests for `/PATH`, without the fields that speak of this port
/// only: the key (`k_key_field`), and a browser's fields about the page that sent the request. So web pages of this
/// server reach documents without a second address. `Authorization` is kept: it is for the cluster.
///
/// While there is no service, it answers with an error in Elasticsearch's format.
/// Thread safety: all members may be called from any thread.
class ElasticsearchSide {
 public:
  enum class Kind { none, embedded, gateway };
  struct Options {
    Kind kind = Kind::none;
    std::string cluster_url;  ///< of a gateway, without credentials
  };
  static constexpr std::string_view k_prefix = "/elasticsearch";
  static constexpr std::string_view k_key_field = "Sightline-Key";

  ElasticsearchSide() = default;
  explicit ElasticsearchSide(Options options) : options_(std::move(options)) {}

  Kind kind() const { return options_.kind; }
  const std::string& cluster_url() const { return options_.cluster_url; }

  /// From now on requests are answered by `service`, which must outlive them.
  void open(ElasticsearchService& service) { service_ = &service; }

  bool is_open() const { return service_ != nullptr; }

  /// True for paths below the prefix, as they are sent.
  static bool has(std::string_view path);
  /// The same request as the Elasticsearch port would get it; `request.path` must be below the prefix.
  static http::Request inner_request(http::Request request);

  /// `request.path` must be below the prefix.
  void handle(http::Request request, http::Reply reply);
  /// `request` as the Elasticsearch port would get it. Blocks.
  http::Response ask(http::Request request);

 private:
  http::Response absence() const;

  const Options options_;
  std::atomic<ElasticsearchService*> service_{nullptr};
};

/// An error of Sightline below /elasticsearch, in Elasticsearch's format. `type` is not one of Elasticsearch's, so
/// that it differs from the cluster's errors.
http::Response elasticsearch_error(int status, std::string_view type, std::string_view reason);

}  // namespace sightline::api
