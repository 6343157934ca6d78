// The inference server's HTTP interface: its routes.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/api/dispatch.h"
#include "server/api/elasticsearch_side.h"
#include "server/api/exchange.h"
#include "server/api/page_info.h"
#include "server/api/pictures.h"
#include "server/http/server.h"
#include "server/security/key_check.h"
#include "server/serving/embedding_service.h"
#include "server/web/projection/projections.h"

namespace sightline::api {

/// Answers requests.
///
/// Flow: 1. `check_head` judges a request's key, once and before its body is read.
///       2. `handle` finds the route, checks the method, and calls the route's handler. What is below /elasticsearch
///          goes to the Elasticsearch side.
///       3. A handler parses the body on the calling thread and replies, or leaves the rest to the
///          EmbeddingService and returns.
///       4. The answer is counted, logged, and gets its X-Request-Id.
/// Thread safety: all members may be called from any thread. The API must outlive the requests it handles.
class Api {
 public:
  struct Options {
    EmbedLimits limits;
    /// Null: every route is open; /health/*, /openapi.json, /docs and the files of the page always are.
    std::shared_ptr<security::KeyCheck> keys;
    /// What a request below /elasticsearch does, given as the Elasticsearch port would get it. May be empty:
    /// every key may send them.
    std::function<security::Scope(const http::Request&)> elasticsearch_scope;
    /// Called with each request that a key was used for to change what is set up, and that key's name. May be
    /// empty.
    std::function<void(const std::string& key, const http::Request& head)> managed;
    std::map<std::string, LabelSet> labels;  ///< the operator's, by name
    AccessLog access_log;                    ///< may be empty
    serving::Upstream* upstream = nullptr;   ///< models that run elsewhere; must outlive the API
    PictureFetcher* fetcher = nullptr;  ///< of pictures that are given by URL; must outlive the API; null: none are
    ElasticsearchSide::Options elasticsearch;
    PageFacts page;
    /// Other reasons why the server is not ready, for /health/ready; empty: none. May be empty
    /// itself; called from any thread.
    std::function<std::string()> problem;
    std::shared_ptr<const RequestBook> requests;  ///< for /debug/requests; null: it lists none
  };

  Api(Options options, serving::EmbeddingService& service, Timer& timer, Metrics& metrics);

  /// For requests that `check_head` has let through: the key is not judged again.
  void handle(http::Request request, Responder responder);
  /// The same, for an http::Server.
  void handle(http::Request request, http::Reply reply);
  /// For http::Server::Options::check_head: a request without a valid key, or beyond the rate of its key, is answered
  /// by its head. Wrong keys are counted by address, and after a few of them answered later (security::KeyCheck).
  std::optional<http::HeadAnswer> check_head(const http::Request& head);

  /// Receives the requests below /elasticsearch once it is opened.
  ElasticsearchSide& elasticsearch() { return elasticsearch_; }
  /// For http::Server::Options::access_log: counts and logs what no route has answered: the Elasticsearch side did, which
  /// may be long after `handle`, or the HTTP server itself (a request that cannot be read, a full queue).
  void answered(const http::AccessRecord& record);
  /// For http::Server::Options::describe.
  void describe(const http::Request& request, RequestFacts& facts) const;

  /// From now on /pictures is answered by `service`, which must outlive the requests.
  void open_pictures(pictures::PictureService& service) { pictures_ = &service; }

  /// From now on /health/ready answers 503, so that no more requests are sent; other requests are still served.
  void begin_stop() { stopping_ = true; }
  /// Why /health/ready answers 503; empty: it answers 200.
  std::vector<std::string> problems() const;

 private:
  struct Route;
  static const std::vector<Route>& routes();
  static const Route* find_route(const std::vector<std::string>& path, std::vector<std::string>& wildcards);
  static std::string route_name(const http::Request& request);
  void dispatch(ExchangePtr exchange);
  security::Scope scope_of(const Route* route, const http::Request& request) const;
  security::KeyCheck::Verdict judge(const Route* route, const http::Request& request) const;
  http::Response refusal(const http::Request& request, int status, const char* code, const char* elastic_type,
                         const std::string& message) const;
  http::Response key_refusal(const http::Request& request, security::KeyCheck::Outcome why) const;
  http::Response rate_refusal(const http::Request& request, const security::KeyCheck::Verdict& verdict) const;
  http::Response guess_refusal(const http::Request& request) const;

  void root(ExchangePtr exchange);
  void page_file(ExchangePtr exchange);
  void projection(ExchangePtr exchange);
  void page_info(ExchangePtr exchange);
  void picture(ExchangePtr exchange);
  void live(ExchangePtr exchange);
  void ready(ExchangePtr exchange);
  void metrics_text(ExchangePtr exchange);
  void open_requests(ExchangePtr exchange);

  const Options options_;
  const LabelBook labels_;
  ElasticsearchSide elasticsearch_;
  std::atomic<pictures::PictureService*> pictures_{nullptr};  // null: not yet, or never
  Expiries expiries_;
  const Context context_;
  std::atomic<bool> stopping_{false};
  web::Projections projections_{[this](http::Request request) { return elasticsearch_.ask(std::move(request)); }};
};

}  // namespace sightline::api
