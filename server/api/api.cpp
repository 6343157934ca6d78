#include "server/api/api.h"

#include <exception>
#include <new>

#include "server/api/elastic.h"
#include "server/api/models.h"
#include "server/api/openai.h"

namespace sightline::api {
namespace {

using http::Method;

constexpr std::string_view k_wildcard = "{}";

/// True if `path` fits `pattern`; what stands for its wildcards is put into `wildcards`.
bool matches(const std::vector<std::string_view>& pattern, const std::vector<std::string>& path,
             std::vector<std::string>& wildcards) {
  if (pattern.size() != path.size()) return false;
  wildcards.clear();
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == k_wildcard) {
      wildcards.push_back(path[i]);
    } else if (pattern[i] != path[i]) {
      return false;
    }
  }
  return true;
}

/// HEAD is answered as GET, less the body.
Method asked_method(const http::Request& request) {
  return request.method == Method::head ? Method::get : request.method;
}

}  // namespace

struct Api::Route {
  const char* name;  // in metrics and logs
  Method method;
  std::vector<std::string_view> pattern;
  ErrorShape shape;
  bool needs_key;
  void (*handle)(Api&, ExchangePtr);
};

const std::vector<Api::Route>& Api::routes() {
  static const std::vector<Route> routes{
      {"/v1/embeddings",
       Method::post,
       {"v1", "embeddings"},
       ErrorShape::openai,
       true,
       [](Api& api, ExchangePtr e) { openai_embeddings(api.context_, std::move(e)); }},
      {"/_inference/text_embedding/{model}",
       Method::post,
       {"_inference", "text_embedding", k_wildcard},
       ErrorShape::elastic,
       true,
       [](Api& api, ExchangePtr e) { elastic_text_embedding(api.context_, std::move(e)); }},
      {"/v1/models",
       Method::get,
       {"v1", "models"},
       ErrorShape::openai,
       true,
       [](Api& api, ExchangePtr e) { list_models(api.context_, std::move(e)); }},
      {"/v1/models/{id}",
       Method::get,
       {"v1", "models", k_wildcard},
       ErrorShape::openai,
       true,
       [](Api& api, ExchangePtr e) { show_model(api.context_, std::move(e)); }},
      {"/health/live",
       Method::get,
       {"health", "live"},
       ErrorShape::openai,
       false,
       [](Api& api, ExchangePtr e) { api.live(std::move(e)); }},
      {"/health/ready",
       Method::get,
       {"health", "ready"},
       ErrorShape::openai,
       false,
       [](Api& api, ExchangePtr e) { api.ready(std::move(e)); }},
      {"/metrics",
       Method::get,
       {"metrics"},
       ErrorShape::openai,
       true,
       [](Api& api, ExchangePtr e) { api.metrics_text(std::move(e)); }},
      {"/",
       Method::get,
       {},
       ErrorShape::openai,
       true,
       [](Api& api, ExchangePtr e) { api.root(std::move(e)); }},
  };
  return routes;
}

Api::Api(Options options, serving::EmbeddingService& service, serving::Clock& clock, Metrics& metrics)
    : options_(std::move(options)), context_{service, clock, metrics, options_.limits} {}

void Api::handle(http::Request request, http::Reply reply) {
  const auto shared = std::make_shared<http::Reply>(std::move(reply));
  handle(std::move(request),
         Responder{[shared](http::Response response) { shared->send(std::move(response)); },
                   [shared] { return shared->client_left(); }});
}

void Api::handle(http::Request request, Responder responder) {
  const auto exchange = std::make_shared<Exchange>(std::move(request), std::move(responder), context_.clock,
                                                   context_.metrics, options_.access_log);
  try {
    dispatch(exchange);
  } catch (const std::bad_alloc&) {
    exchange->fail({ErrorCode::overloaded, "no memory left for this request: send it again later"});
  } catch (const std::exception& exception) {
    exchange->fail(
        {ErrorCode::internal, std::string("the request could not be handled: ") + exception.what()});
  }
}

void Api::dispatch(ExchangePtr exchange) {
  const std::vector<std::string> path = exchange->request.path_parts();
  const Method method = asked_method(exchange->request);
  const Route* found = nullptr;
  for (const Route& route : routes()) {
    if (!matches(route.pattern, path, exchange->wildcards)) continue;
    found = &route;
    break;
  }
  // Elasticsearch's users see Elasticsearch's kind of error, also for what is not there.
  const bool elastic = !path.empty() && path.front() == "_inference";
  exchange->shape = elastic ? ErrorShape::elastic : ErrorShape::openai;
  if (found) exchange->route = found->name;
  if ((!found || found->needs_key) && !authorised(exchange->request)) {
    http::Headers headers;
    headers.set("WWW-Authenticate", "Bearer");
    return exchange->fail(401, "unauthorized", "send a valid key as Authorization: Bearer KEY",
                          std::move(headers));
  }
  if (!found) {
    return exchange->fail({ErrorCode::not_found, "no route " + exchange->request.path.substr(0, 200) +
                                                     " here: GET / lists those there are"});
  }
  if (method != found->method) {
    http::Headers headers;
    headers.set("Allow", found->method == Method::get ? "GET, HEAD" : http::to_string(found->method));
    return exchange->fail(405, "method_not_allowed",
                          std::string(found->name) + " takes " + http::to_string(found->method),
                          std::move(headers));
  }
  found->handle(*this, std::move(exchange));
}

bool Api::authorised(const http::Request& request) const {
  return !options_.keys || options_.keys->admit(request.headers.get("Authorization").value_or(""));
}

void Api::root(ExchangePtr exchange) {
  std::string body = "{\"name\":\"sightline\",\"version\":\"" SIGHTLINE_VERSION "\",\"routes\":[";
  for (const Route& route : routes()) {
    body += (&route == routes().data() ? "" : ",") +
            json_string(std::string(http::to_string(route.method)) + " " + route.name);
  }
  exchange->reply_json(body + "]}");
}

void Api::live(ExchangePtr exchange) {
  exchange->reply_json("{\"status\":\"live\"}");
}

std::vector<std::string> Api::problems() const {
  if (stopping_) return {"the server is stopping"};
  return context_.service.problems();
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
