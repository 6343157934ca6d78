// On whose behalf the store is asked.
#pragma once

#include <string>

#include "server/http/message.h"
#include "server/http/request_ids.h"

namespace sightline::elastic {

/// The field by which an inference call says how many others it is made within.
constexpr const char* k_hops_header = "Sightline-Inference-Hops";

/// What our own calls to the store carry of the request that they are made for, so that a cluster judges and
/// logs them as the caller's: Authorization, es-security-runas-user, X-Opaque-Id, traceparent, tracestate.
/// The embedded store has no users and ignores all of it.
struct Caller {
  http::Headers headers;
  int hops = 0;  ///< inference calls that the request is made within, each by the one before

  /// Equal for callers with equal credentials, and shows nothing of them: an answer to one caller must not
  /// reach another one from a cache. Empty without credentials.
  std::string key() const;
  /// Those of the fields by which a request is followed through logs, for calls of this server's own inference port.
  http::Headers ids() const { return http::forwarded_ids(headers); }
};

Caller caller_of(const http::Request& request);

}  // namespace sightline::elastic
