#include "server/elastic/gateway/cluster.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

#include "server/http/retry_policy.h"

namespace sightline::elastic {
namespace {

using std::chrono::milliseconds;

const http::RetryPolicy k_retry{3, milliseconds(200), milliseconds(400)};
/// Attempts that fail slowly are not repeated: a client that has waited for seconds should get the error.
constexpr milliseconds k_longest_retrying{1'000};
constexpr milliseconds k_between_warnings{60'000};

bool only_reads(http::Method method) {
  return method == http::Method::get || method == http::Method::head || method == http::Method::options;
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return std::isdigit(static_cast<unsigned char>(c)); }) &&
         std::stoi(std::string(text)) <= 65535;
}

/// "host", "host:9200", "[::1]:9200".
bool is_authority(std::string_view text) {
  const std::size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == std::string_view::npos) return false;
  const std::size_t colon = text.find(':', bracket);
  if (colon == std::string_view::npos) return !text.empty();
  return colon > 0 && is_port(text.substr(colon + 1));
}

}  // namespace

Result<std::string> checked_cluster_url(const std::string& url) {
  const auto refused = [](std::string why) {
    return Error{ErrorCode::invalid_argument,
                 "the Elasticsearch URL " + std::move(why) + ", as in https://es.example:9200"};
  };
  if (std::any_of(url.begin(), url.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; }))
    return refused("must not contain whitespace");
  std::string_view rest = url;
  if (rest.starts_with("https://"))
    rest.remove_prefix(8);
  else if (rest.starts_with("http://"))
    rest.remove_prefix(7);
  else
    return refused("must begin with http:// or https://");
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos)
    return refused("must not contain user and password: every request is sent with the credentials of its caller");
  if (rest.find_first_of("?#") != std::string_view::npos) return refused("must not have a query or fragment");
  if (!is_authority(authority)) return refused("must have a host, and a port, if any, from 0 to 65535");
  return url.substr(0, url.find_last_not_of('/') + 1);
}

Result<std::shared_ptr<Cluster>> Cluster::create(Options options, const Timer& timer) {
  auto url = checked_cluster_url(options.url);
  if (!url) return url.error();
  options.url = *std::move(url);
  return std::shared_ptr<Cluster>(new Cluster(std::move(options), timer));
}

Result<std::unique_ptr<http::Client>> Cluster::connect(int max_connections, std::size_t max_response_bytes) const {
  http::Client::Options client;
  client.max_connections_per_host = max_connections;
  client.max_response_bytes = max_response_bytes;
  client.ca_file = options_.ca_file;
  client.ca_fingerprint = options_.ca_fingerprint;
  return http::Client::create(client);
}

http::ClientRequest Cluster::request_for(http::Request request) const {
  http::ClientRequest sent;
  sent.method = request.method;
  sent.url = options_.url + request.path;
  // What follows '#' was not checked.
  if (!request.query.empty()) sent.url.append("?").append(http::without_fragment(request.query));
  // A raw '#' in the path would be taken for the start of a fragment, and what follows would not be sent.
  for (std::size_t at = sent.url.find('#'); at != std::string::npos; at = sent.url.find('#', at))
    sent.url.replace(at, 1, "%23");
  sent.headers = std::move(request.headers);
  sent.headers.remove("Host");
  sent.body = std::move(request.body);
  return sent;
}

std::optional<milliseconds> Cluster::wait_before_retry(const Error& error, http::Method method, int attempts,
                                                       milliseconds since_first) const {
  const bool harmless =
      error.code == ErrorCode::unreachable || (error.code == ErrorCode::unavailable && only_reads(method));
  if (!harmless || attempts >= k_retry.max_attempts || since_first > k_longest_retrying) return {};
  return k_retry.wait_after(attempts);
}

ElasticError Cluster::failure(const Error& error) {
  if (error.code == ErrorCode::cancelled)
    return {503, "node_closed_exception", "the server is stopping; retry the request later"};
  ElasticError failure{502, "connection_closed_exception",
                       "Elasticsearch at [" + options_.url +
                           "] did not answer completely, so the outcome of the request is unknown: " + error.message};
  if (error.code == ErrorCode::unreachable) {
    failure = {
        503, "connect_exception",
        "Elasticsearch at [" + options_.url + "] cannot be reached, and nothing was sent to it: " + error.message};
    if (error.message.find("certificate") != std::string::npos)
      failure.reason += " (the gateway's --elasticsearch-ca-file, --elasticsearch-ca-fingerprint)";
  } else if (error.code == ErrorCode::deadline_exceeded) {
    failure = {504, "socket_timeout_exception",
               "Elasticsearch at [" + options_.url +
                   "] took too long, so the outcome of the request is unknown: " + error.message};
  } else if (error.code == ErrorCode::too_large) {
    failure = {502, "content_too_long_exception",
               "Elasticsearch at [" + options_.url +
                   "] sent an answer that is too large for the gateway, so the outcome of the request is "
                   "not known: " +
                   error.message};
  } else if (error.code == ErrorCode::invalid_argument) {
    return {400, "illegal_argument_exception", "the request cannot be forwarded: " + error.message};
  }
  count(GatewayEvent::cluster_failed);
  std::string warning;
  {
    const std::lock_guard lock(mutex_);
    ++unsaid_;
    const auto now = timer_.now();
    if (!warned_ || now - *warned_ >= k_between_warnings) {
      warning = failure.reason;
      if (unsaid_ > 1) warning += " (and " + std::to_string(unsaid_ - 1) + " more failures since the last warning)";
      warned_ = now;
      unsaid_ = 0;
    }
  }
  if (!warning.empty() && options_.warn) options_.warn(warning);
  return failure;
}

}  // namespace sightline::elastic
