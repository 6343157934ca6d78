#include "server/elastic/key_guard.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "server/elastic/definitions/definition_guard.h"
#include "server/elastic/elastic_error.h"
#include "server/http/client_network.h"

namespace sightline::elastic {
namespace {

using security::Scope;
using Outcome = security::KeyCheck::Outcome;

/// Commands that only read, whatever the method.
constexpr std::array<std::string_view, 14> k_reads{
    "_search",   "_msearch", "_mget",        "_count",   "_source",  "_pit",          "_field_caps",
    "_validate", "_explain", "_termvectors", "_resolve", "_analyze", "_async_search", "_rank_eval"};
/// Commands that write documents.
constexpr std::array<std::string_view, 7> k_writes{
    "_bulk", "_doc", "_create", "_update", "_refresh", "_delete_by_query", "_update_by_query"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The part of a path that names the command: the first with an underscore in front, as no index may begin with
/// one. What follows it may be a name of the caller's choice.
std::string_view command_of(const std::vector<std::string>& path) {
  for (const std::string& part : path) {
    if (part.starts_with('_') && !is_all(part)) return part;
  }
  return {};
}

http::HeadAnswer refusal(int status, const std::string& reason, const char* type = "security_exception") {
  http::HeadAnswer answer;
  answer.response = ElasticError{status, type, reason}.response();
  answer.response.headers.set("X-elastic-product", "Elasticsearch");
  if (status == 401)
    answer.response.headers.set("WWW-Authenticate", "ApiKey, Basic realm=\"security\", charset=\"UTF-8\"");
  return answer;
}

constexpr const char* k_advice =
    ": send a key of the server's key file as Authorization: ApiKey KEY, or as the password of Basic";

}  // namespace

Scope scope_of(const http::Request& head) {
  const std::vector<std::string> path = head.path_parts();
  const std::string_view command = command_of(path);
  const bool reads = head.method == http::Method::get || head.method == http::Method::head;
  const bool posts = head.method == http::Method::post;
  if (command == "_ingest" && path.back() == "_simulate" && (reads || posts)) return Scope::ingest;
  if (reads) return Scope::search;
  if (command == "_inference") return posts ? Scope::infer : Scope::manage;
  if (command == "_ingest") return Scope::manage;
  if (is_one_of(k_reads, command)) return Scope::search;
  return is_one_of(k_writes, command) ? Scope::ingest : Scope::manage;
}

std::optional<http::HeadAnswer> KeyGuard::check_head(const http::Request& head, const security::Moment& now) const {
  const Scope scope = scope_of(head);
  const auto verdict =
      options_.keys->judge(security::keys_in(head.headers.get("Authorization").value_or("")), scope, now);
  const auto refused = [&](const char* code) {
    if (options_.refused) options_.refused(code);
  };
  switch (verdict.outcome) {
    case Outcome::admitted:
      if (scope == Scope::manage && options_.managed) options_.managed(verdict.name, head);
      return {};
    case Outcome::forbidden:
      refused("forbidden");
      return refusal(403, "the key [" + verdict.name + "] lacks the scope [" + to_string(scope) + "]");
    case Outcome::expired:
      refused("unauthorized");
      return refusal(401, "the key [" + verdict.name + "] has expired");
    case Outcome::missing:
      refused("unauthorized");
      return refusal(401,
                     "missing authentication credentials for REST request [" + shortened(head.path) + "]" + k_advice);
    case Outcome::rate_limited: {
      refused("rate_limited");
      auto answer = refusal(429, security::rate_limit_message(verdict), "es_rejected_execution_exception");
      answer.response.headers.set("Retry-After", std::to_string(verdict.wait.count()));
      return answer;
    }
    case Outcome::wrong:
      break;
  }
  const auto delay = options_.keys->wrong_key(http::network_of(head.peer));
  const bool slowed = delay.count() > 0;
  refused(slowed ? "too_many_wrong_keys" : "unauthorized");
  auto answer =
      slowed ? refusal(429, std::string("this key is wrong, like the previous keys from this address") + k_advice)
             : refusal(401, std::string("unable to authenticate with the provided credentials") + k_advice);
  answer.delay = delay;
  answer.close = slowed;
  if (slowed) answer.response.headers.set("Retry-After", "1");
  return answer;
}

}  // namespace sightline::elastic
