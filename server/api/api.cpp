#include "server/api/api.h"

#include "server/api/classification.h"
#include "server/api/cohere.h"
#include "server/api/elastic.h"
#include "server/api/hugging_face.h"
#include "server/api/models.h"
#include "server/api/openai.h"
#include "server/api/openapi.h"
#include "server/api/rerank.h"
#include "server/http/client_network.h"

namespace sightline::api {
namespace {

using http::Method;

/// True if `path` fits `pattern`, whose parts in braces stand for anything; what stands there is put into
/// `wildcards`. One at the end takes all that is left: names of models may have slashes, encoded or not.
bool matches(std::string_view pattern, const std::vector<std::string>& path,
             std::vector<std::string>& wildcards) {
  wildcards.clear();
  for (auto part = path.begin(); part != path.end(); ++part) {
    if (pattern.size() < 2) return false;
    pattern.remove_prefix(1);  // the slash
    const std::string_view wanted = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(wanted.size());
    if (wanted.empty() || wanted.front() != '{') {
      if (wanted != *part) return false;
      continue;
    }
    wildcards.push_back(*part);
    if (!pattern.empty()) continue;
    while (++part != path.end()) wildcards.back() += "/" + *part;
    return true;
  }
  return pattern.empty() || pattern == "/";
}

/// HEAD is answered as GET, less the body.
Method asked_method(const http::Request& request) {
  return request.method == Method::head ? Method::get : request.method;
}

/// Whose users see the error: so also where there is no such route, or no key.
ErrorShape shape_of(const std::vector<std::string>& path) {
  if (path.empty()) return ErrorShape::openai;
  if (path.front() == "_inference") return ErrorShape::elastic;
  if (path.front() == "hugging_face") return ErrorShape::hugging_face;
  if (path.front() == "v2" || (path.size() == 2 && path.front() == "v1" && path.back() == "embed"))
    return ErrorShape::cohere;
  return ErrorShape::openai;
}

}  // namespace

struct Api::Route {
  Method method;
  const char* path;  ///< its name in metrics and logs, too
  void (*handle)(const Context&, ExchangePtr);
  void (Api::*own)(ExchangePtr) = nullptr;  ///< instead of `handle`
  bool open = false;                        ///< to everyone, without a key
};

const std::vector<Api::Route>& Api::routes() {
  static const std::vector<Route> routes{
      {Method::post, "/v1/embeddings", openai_embeddings},
      {Method::post, "/v1/classify", classify},
      {Method::post, "/v2/embed", cohere_embed_v2},
      {Method::post, "/v1/embed", cohere_embed_v1},
      {Method::post, "/hugging_face/{model}", hugging_face_embeddings},
      {Method::post, "/_inference/text_embedding/{model}", elastic_text_embedding},
      {Method::post, "/_inference/embedding/{model}", elastic_embedding},
      {Method::post, "/_inference/rerank/{model}", elastic_rerank},
      {Method::post, "/_inference/completion/{model}", elastic_completion},
      {Method::get, "/v1/models", list_models},
      {Method::get, "/v1/models/{model}", show_model},
      {Method::get, "/health/live", nullptr, &Api::live, true},
      {Method::get, "/health/ready", nullptr, &Api::ready, true},
      {Method::get, "/metrics", nullptr, &Api::metrics_text},
      {Method::get, "/openapi.json", show_openapi, nullptr, true},
      {Method::get, "/docs", show_docs, nullptr, true},
      {Method::get, "/", nullptr, &Api::root},
  };
  return routes;
}

Api::Api(Options options, serving::EmbeddingService& service, serving::Clock& clock, Metrics& metrics)
    : options_(std::move(options)), labels_(options_.labels), context_{service, clock,
                                                                       metrics, options_.limits,
                                                                       labels_, options_.upstream} {
  if (options_.keys) keys_ = std::make_shared<const security::ApiKeys>(*options_.keys);
}

void Api::handle(http::Request request, http::Reply reply) {
  const auto shared = std::make_shared<http::Reply>(std::move(reply));
  handle(std::move(request),
         Responder{[shared](http::Response response) { shared->send(std::move(response)); },
                   [shared] { return shared->client_left(); }});
}

void Api::handle(http::Request request, Responder responder) {
  const auto exchange = std::make_shared<Exchange>(std::move(request), std::move(responder), context_.clock,
                                                   context_.metrics, options_.access_log);
  exchange->guard([&] { dispatch(exchange); });
}

void Api::dispatch(ExchangePtr exchange) {
  const std::vector<std::string> path = exchange->request.path_parts();
  const Method method = asked_method(exchange->request);
  const Route* found = find_route(path, exchange->wildcards);
  exchange->shape = shape_of(path);
  if (found) exchange->route = found->path;
  if (!admits(found, exchange->request)) return refuse_key(*exchange);
  if (!found) {
    return exchange->fail({ErrorCode::not_found, "no route " + exchange->request.path.substr(0, 200) +
                                                     " here: GET / lists those there are"});
  }
  if (method != found->method) {
    http::Headers headers;
    headers.set("Allow", found->method == Method::get ? "GET, HEAD" : http::to_string(found->method));
    return exchange->fail(405, "method_not_allowed",
                          std::string(found->path) + " takes " + http::to_string(found->method),
                          std::move(headers));
  }
  if (found->own) return (this->*found->own)(std::move(exchange));
  found->handle(context_, std::move(exchange));
}

const Api::Route* Api::find_route(const std::vector<std::string>& path, std::vector<std::string>& wildcards) {
  for (const Route& route : routes()) {
    if (matches(route.path, path, wildcards)) return &route;
  }
  return nullptr;
}

bool Api::admits(const Route* route, const http::Request& request) const {
  if (route && route->open) return true;
  std::shared_ptr<const security::ApiKeys> keys;
  {
    const std::lock_guard lock(keys_mutex_);
    keys = keys_;
  }
  return !keys || keys->admit(request.headers.get("Authorization").value_or(""));
}

void Api::replace_keys(security::ApiKeys keys) {
  auto shared = std::make_shared<const security::ApiKeys>(std::move(keys));
  const std::lock_guard lock(keys_mutex_);
  keys_ = std::move(shared);
}

void Api::refuse_key(Exchange& exchange) {
  http::Headers headers;
  headers.set("WWW-Authenticate", "Bearer");
  exchange.fail(401, "unauthorized", "send a valid key as Authorization: Bearer KEY", std::move(headers));
}

std::optional<http::HeadAnswer> Api::check_head(const http::Request& head) {
  const std::vector<std::string> path = head.path_parts();
  std::vector<std::string> wildcards;
  const Route* const route = find_route(path, wildcards);
  if (admits(route, head)) return {};

  http::HeadAnswer answer;
  const Responder responder{[&answer](http::Response response) { answer.response = std::move(response); }};
  Exchange exchange(head, responder, context_.clock, context_.metrics, options_.access_log);
  exchange.shape = shape_of(path);
  if (route) exchange.route = route->path;
  if (head.headers.get("Authorization")) answer.delay = guesses_.failure(http::network_of(head.peer));
  if (answer.delay.count() == 0) {
    refuse_key(exchange);
    return answer;
  }
  answer.close = true;
  http::Headers headers;
  headers.set("Retry-After", "1");
  exchange.fail(429, "too_many_wrong_keys",
                "this key is wrong, as were the last ones from this address: send a valid key as "
                "Authorization: Bearer KEY",
                std::move(headers));
  return answer;
}

void Api::root(ExchangePtr exchange) {
  std::string body = "{\"name\":\"sightline\",\"version\":\"" SIGHTLINE_VERSION "\",\"routes\":[";
  for (const Route& route : routes()) {
    body += (&route == routes().data() ? "" : ",") +
            json_string(std::string(http::to_string(route.method)) + " " + route.path);
  }
  exchange->reply_json(body + "]}");
}

void Api::live(ExchangePtr exchange) {
  exchange->reply_json("{\"status\":\"live\"}");
}

std::vector<std::string> Api::problems() const {
  if (stopping_) return {"the server is stopping"};
  auto problems = context_.service.problems();
  if (std::string problem = options_.problem ? options_.problem() : ""; !problem.empty())
    problems.push_back(std::move(problem));
  return problems;
}

void Api::ready(ExchangePtr exchange) {
  const auto reasons = problems();
  if (reasons.empty()) return exchange->reply_json("{\"status\":\"ready\"}");
  http::Response response;
  response.status = 503;
  response.body = "{\"status\":\"not ready\",\"reasons\":[";
  for (std::size_t i = 0; i < reasons.size(); ++i)
    response.body += (i == 0 ? "" : ",") + json_string(reasons[i]);
  response.body += "]}";
  exchange->reply(std::move(response));
}

void Api::metrics_text(ExchangePtr exchange) {
  http::Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = context_.metrics.text(context_.service.loads(), problems().empty());
  exchange->reply(std::move(response));
}

}  // namespace sightline::api
