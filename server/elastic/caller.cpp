#include "server/elastic/caller.h"

#include <algorithm>

#include "base/number_text.h"
#include "base/sha256.h"

namespace sightline::elastic {
namespace {

constexpr const char* k_credentials[] = {"Authorization", "es-security-runas-user"};
constexpr const char* k_traces[] = {"X-Opaque-Id", "traceparent", "tracestate"};

}  // namespace

std::string Caller::key() const {
  std::string credentials;
  for (const char* name : k_credentials) {
    const auto value = headers.get(name);
    if (value) credentials += std::string(name) + ": " + std::string(*value) + "\n";
  }
  return credentials.empty() ? "" : sha256_hex(credentials);
}

Caller caller_of(const http::Request& request) {
  Caller caller;
  const auto take = [&](const char* name) {
    if (const auto value = request.headers.get(name)) caller.headers.add(name, std::string(*value));
  };
  for (const char* name : k_credentials) take(name);
  for (const char* name : k_traces) take(name);
  caller.hops = std::max(0, number_from<int>(request.headers.get(k_hops_header).value_or("")).value_or(0));
  return caller;
}

}  // namespace sightline::elastic
