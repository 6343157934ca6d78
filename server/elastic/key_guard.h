// Keys at the Elasticsearch port.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "server/http/server.h"
#include "server/security/key_check.h"

namespace sightline::elastic {

/// What a request of Elasticsearch's API does, by its method and path: `infer` runs an endpoint, `search` reads,
/// `ingest` writes documents, all else is `manage`.
security::Scope scope_of(const http::Request& head);

/// Lets only requests with a key through, as Elasticsearch's clients send it: `ApiKey`, `Bearer` or `Basic`.
/// Thread safety: all members may be called from any thread.
class KeyGuard {
 public:
  struct Options {
    std::shared_ptr<security::KeyCheck> keys;
    /// Called with each request that is let through to change what is set up, and its key's name. May be empty.
    std::function<void(const std::string& key, const http::Request& head)> managed;
    /// Called with the code of each refusal: "unauthorized", "forbidden", "rate_limited",
    /// "too_many_wrong_keys". May be empty.
    std::function<void(const std::string& code)> refused;
  };
  explicit KeyGuard(Options options) : options_(std::move(options)) {}

  /// For http::Server::Options::check_head. 401 security_exception without a valid key, 403 for one without the
  /// scope, 429 after many wrong ones; 429 es_rejected_execution_exception beyond the rate of the key.
  std::optional<http::HeadAnswer> check_head(const http::Request& head, const security::Moment& now = {}) const;

 private:
  const Options options_;
};

}  // namespace sightline::elastic
