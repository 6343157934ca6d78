// On whose behalf the store is asked.
#pragma once

#include <string>

#include "server/http/message.h"

namespace sightline::elastic {

/// What our own calls to the store carry of the request that they are made for, so that a cluster judges and
/// logs them as the caller's: Authorization, es-security-runas-user, X-Opaque-Id, traceparent, tracestate.
/// The local store knows no users and looks at none of it.
struct Caller {
  http::Headers headers;

  /// Equal for callers with equal credentials, and says nothing about them: what one caller was told must not
  /// be told another from a cache. Empty without credentials.
  std::string key() const;
};

Caller caller_of(const http::Request& request);

}  // namespace sightline::elastic
