#include "server/api/api.h"

#include <mutex>

#include "base/json/builder.h"
#include "server/api/classification.h"
#include "server/api/cohere.h"
#include "server/api/elastic.h"
#include "server/api/hugging_face.h"
#include "server/api/models.h"
#include "server/api/open_requests.h"
#include "server/api/openai.h"
#include "server/api/openapi.h"
#include "server/api/rerank.h"
#include "server/http/client_network.h"
#include "server/web/page.h"

namespace sightline::api {
namespace {

using http::Method;

/// True if `path` fits `pattern`, whose parts in braces stand for anything; what stands there is put into
/// `wildcards`. One at the end takes all that is left: names of models may have slashes, encoded or not.
bool matches(std::string_view pattern, const std::vector<std::string>& path, std::vector<std::string>& wildcards) {
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
  if (path.front() == "_inference" || path.front() == "elasticsearch") return ErrorShape::elastic;
  if (path.front() == "hugging_face") return ErrorShape::hugging_face;
  if (path.front() == "v2" || (path.size() == 2 && path.front() == "v1" && path.back() == "embed"))
    return ErrorShape::cohere;
  return ErrorShape::openai;
}

/// Routes where `Authorization` is for the cluster, so that the key comes in a field of its own.
bool passes_authorization_on(const http::Request& request) {
  const std::vector<std::string> path = request.path_parts();
  if (path.empty()) return false;
  return path[0] == "elasticsearch" || path[0] == "pictures" ||
         (path.size() > 1 && path[0] == "v1" && path[1] == "projections");
}

std::string_view field(const http::Request& request, std::string_view name) {
  return request.headers.get(name).value_or("");
}

/// The texts of a request that may be its key: all ways to read one field. A second field does not count, or guesses
/// beside a valid key would not be counted as wrong keys.
std::vector<std::string> presented_keys(const http::Request& request) {
  if (const auto own = field(request, ElasticsearchSide::k_key_field); !own.empty()) return {std::string(own)};
  if (passes_authorization_on(request)) return {};
  return security::keys_in(field(request, "Authorization"));
}

/// How a key is sent, in words.
std::string key_advice(const http::Request& request) {
  if (!passes_authorization_on(request)) return "send a valid key as Authorization: Bearer KEY";
  return "send a valid key as Sightline-Key: KEY; Authorization is for the cluster here";
}

constexpr const char* k_elasticsearch_route = "/elasticsearch";
constexpr const char* k_key_exception = "sightline_key_exception";
constexpr const char* k_no_route = "unknown";

using KeyOutcome = security::KeyCheck::Outcome;

/// Its functions may be called at once by several threads: a time that has passed answers the request while the work
/// for it goes on.
Responder responder_of(http::Reply reply) {
  struct Unsent {
    explicit Unsent(http::Reply unused) : reply(std::move(unused)) {}
    std::mutex mutex;
    http::Reply reply;
  };
  const auto unsent = std::make_shared<Unsent>(std::move(reply));
  const auto send = [unsent](http::Response response) {
    std::unique_lock lock(unsent->mutex);
    http::Reply taken = std::move(unsent->reply);
    lock.unlock();
    taken.send(std::move(response));
  };
  const auto keep_of_body = [unsent](std::size_t bytes) {
    const std::lock_guard lock(unsent->mutex);
    unsent->reply.keep_of_body(bytes);
  };
  return {send, keep_of_body};
}

}  // namespace

struct Api::Route {
  using Scope = security::Scope;
  enum class Access {
    with_key,
    open,          ///< to everyone
    open_as_page,  ///< to who wants the page (web::wants_page)
  };
  Method method;
  const char* path;  ///< its name in metrics and logs, too
  void (*handle)(const Context&, ExchangePtr);
  void (Api::*own)(ExchangePtr) = nullptr;  ///< instead of `handle`
  Access access = Access::with_key;
  Scope scope = Scope::infer;  ///< that a key must have
};

const std::vector<Api::Route>& Api::routes() {
  using Access = Route::Access;
  using security::Scope;
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
      {Method::get, "/v1/page", nullptr, &Api::page_info, Access::with_key, Scope::any},
      {Method::get, "/v1/projections/{index}", nullptr, &Api::projection, Access::with_key, Scope::search},
      {Method::get, "/health/live", nullptr, &Api::live, Access::open},
      {Method::get, "/health/ready", nullptr, &Api::ready, Access::open},
      {Method::get, "/metrics", nullptr, &Api::metrics_text, Access::with_key, Scope::metrics},
      {Method::get, "/debug/requests", nullptr, &Api::open_requests, Access::with_key, Scope::manage},
      {Method::get, "/openapi.json", show_openapi, nullptr, Access::open},
      {Method::get, "/docs", show_docs, nullptr, Access::open},
      {Method::get, "/pictures/{index}/{id}", nullptr, &Api::picture, Access::with_key, Scope::search},
      {Method::get, "/page/{file}", nullptr, &Api::page_file, Access::open},
      {Method::get, "/", nullptr, &Api::root, Access::open_as_page, Scope::any},
  };
  return routes;
}

Api::Api(Options options, serving::EmbeddingService& service, Timer& timer, Metrics& metrics)
    : options_(std::move(options)),
      labels_(options_.labels),
      elasticsearch_(options_.elasticsearch),
      expiries_(timer),
      context_{service, timer, metrics, options_.limits, labels_, expiries_, options_.upstream, options_.fetcher} {}

void Api::handle(http::Request request, http::Reply reply) {
  if (ElasticsearchSide::has(request.path)) return elasticsearch_.handle(std::move(request), std::move(reply));
  handle(std::move(request), responder_of(std::move(reply)));
}

void Api::handle(http::Request request, Responder responder) {
  const auto exchange = std::make_shared<Exchange>(std::move(request), std::move(responder), context_.timer,
                                                   context_.metrics, options_.access_log);
  exchange->guard([&] { dispatch(exchange); });
}

void Api::dispatch(ExchangePtr exchange) {
  const std::vector<std::string> path = exchange->request.path_parts();
  const Method method = asked_method(exchange->request);
  const Route* found = find_route(path, exchange->wildcards);
  exchange->shape = shape_of(path);
  if (found) exchange->route = found->path;
  if (!found) {
    return exchange->fail(
        {ErrorCode::not_found, "no route " + exchange->request.path.substr(0, 200) + ": GET / lists the routes"});
  }
  if (method != found->method) {
    http::Headers headers;
    headers.set("Allow", found->method == Method::get ? "GET, HEAD" : http::to_string(found->method));
    return exchange->fail(405, "method_not_allowed",
                          std::string(found->path) + " takes " + http::to_string(found->method), headers);
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

/// For metrics and logs; also of a request whose path could not be read.
std::string Api::route_name(const http::Request& request) {
  if (request.path.empty()) return k_no_route;
  std::vector<std::string> wildcards;
  const Route* const route = find_route(request.path_parts(), wildcards);
  return route ? route->path : k_no_route;
}

security::Scope Api::scope_of(const Route* route, const http::Request& request) const {
  if (route) return route->scope;
  if (!ElasticsearchSide::has(request.path) || !options_.elasticsearch_scope) return security::Scope::any;
  http::Request head;
  head.method = request.method;
  head.path = request.path;
  return options_.elasticsearch_scope(ElasticsearchSide::inner_request(std::move(head)));
}

security::KeyCheck::Verdict Api::judge(const Route* route, const http::Request& request) const {
  // No open route reads a body, and without a key none may fill memory or take time to unpack.
  const bool has_body =
      request.headers.get("Transfer-Encoding") || request.headers.get("Content-Length").value_or("0") != "0";
  const bool open = !options_.keys || (route && !has_body &&
                                       (route->access == Route::Access::open ||
                                        (route->access == Route::Access::open_as_page && web::wants_page(request))));
  if (open) return {KeyOutcome::admitted, ""};
  return options_.keys->judge(presented_keys(request), scope_of(route, request),
                              {std::chrono::system_clock::now(), context_.timer.now()});
}

/// Counted, and in the format of the request's route. `elastic_type`: of the error in Elasticsearch's format.
http::Response Api::refusal(const http::Request& request, int status, const char* code, const char* elastic_type,
                            const std::string& message) const {
  context_.metrics.request_refused(code);
  return ElasticsearchSide::has(request.path) ? elasticsearch_error(status, elastic_type, message)
                                              : error_response(shape_of(request.path_parts()), status, code, message);
}

http::Response Api::key_refusal(const http::Request& request, KeyOutcome why) const {
  if (why == KeyOutcome::forbidden) {
    std::vector<std::string> wildcards;
    const auto scope = scope_of(find_route(request.path_parts(), wildcards), request);
    return refusal(request, 403, "forbidden", k_key_exception,
                   std::string("this key lacks the scope [") + to_string(scope) + "]: use one that has it");
  }
  const std::string expired = why == KeyOutcome::expired ? "this key has expired: " : "";
  auto response = refusal(request, 401, "unauthorized", k_key_exception, expired + key_advice(request));
  response.headers.set("WWW-Authenticate", passes_authorization_on(request) ? "Sightline-Key" : "Bearer");
  return response;
}

/// For a wrong key after several others from the same address.
http::Response Api::guess_refusal(const http::Request& request) const {
  auto response = refusal(request, 429, "too_many_wrong_keys", k_key_exception,
                          "this key is wrong, like the previous keys from this address: " + key_advice(request));
  response.headers.set("Retry-After", "1");
  return response;
}

http::Response Api::rate_refusal(const http::Request& request, const security::KeyCheck::Verdict& verdict) const {
  auto response =
      refusal(request, 429, "rate_limited", "es_rejected_execution_exception", security::rate_limit_message(verdict));
  response.headers.set("Retry-After", std::to_string(verdict.wait.count()));
  return response;
}

std::optional<http::HeadAnswer> Api::check_head(const http::Request& head) {
  const std::vector<std::string> path = head.path_parts();
  std::vector<std::string> wildcards;
  const Route* const route = find_route(path, wildcards);
  const auto verdict = judge(route, head);
  if (verdict.outcome == KeyOutcome::admitted) {
    const bool changes = asked_method(head) != Method::get;
    if (options_.managed && changes && !verdict.name.empty() && scope_of(route, head) == security::Scope::manage)
      options_.managed(verdict.name, head);
    return {};
  }

  http::HeadAnswer answer;
  if (verdict.outcome == KeyOutcome::wrong) answer.delay = options_.keys->wrong_key(http::network_of(head.peer));
  answer.close = answer.delay.count() > 0;
  http::Response refused = answer.close                                  ? guess_refusal(head)
                           : verdict.outcome == KeyOutcome::rate_limited ? rate_refusal(head, verdict)
                                                                         : key_refusal(head, verdict.outcome);
  if (ElasticsearchSide::has(head.path)) {  // `answered` writes its line
    answer.response = std::move(refused);
    return answer;
  }
  const Responder responder{[&answer](http::Response response) { answer.response = std::move(response); }};
  Exchange exchange(head, responder, context_.timer, context_.metrics, options_.access_log);
  exchange.shape = shape_of(path);
  if (route) exchange.route = route->path;
  exchange.reply(std::move(refused));
  return answer;
}

void Api::answered(const http::AccessRecord& record) {
  const bool forwarded = ElasticsearchSide::has(record.path);
  http::Request head;
  head.path = record.path;
  const std::string route = forwarded ? k_elasticsearch_route : route_name(head);
  const char* const method = http::to_string(record.method);
  context_.metrics.request_done(route, method, record.status, record.milliseconds / 1000);
  if (!options_.access_log) return;
  options_.access_log({.request_id = record.request_id.empty() ? "-" : record.request_id,
                       .peer = record.peer,
                       .method = method,
                       .route = forwarded ? record.path : route,
                       .model = "",
                       .opaque_id = record.opaque_id,
                       .trace_id = record.trace_id,
                       .status = record.status,
                       .milliseconds = record.milliseconds,
                       .inputs = 0,
                       .bytes_in = record.bytes_in,
                       .bytes_out = record.bytes_out});
}

void Api::describe(const http::Request& request, RequestFacts& facts) const {
  facts.port = "inference";
  if (options_.keys) facts.key = options_.keys->name_of(presented_keys(request));
  if (ElasticsearchSide::has(request.path)) {
    facts.group = k_elasticsearch_route;
    return;
  }
  facts.id = request_id_of(request);
  facts.route = facts.group = route_name(request);
}

void Api::page_file(ExchangePtr exchange) {
  const std::string& path = exchange->wildcards.front();
  if (auto answer = web::page_file_answer(exchange->request, path)) return exchange->reply(*std::move(answer));
  exchange->fail({ErrorCode::not_found, "the page has no file " + path.substr(0, 200)});
}

void Api::page_info(ExchangePtr exchange) {
  exchange->reply_json(api::page_info(options_.page, context_.limits.inputs, elasticsearch_));
}

void Api::picture(ExchangePtr exchange) {
  pictures::PictureService* const service = pictures_;
  if (service) return answer_picture(*service, std::move(exchange));
  if (elasticsearch_.kind() != ElasticsearchSide::Kind::none) {
    return exchange->fail(503, "unavailable",
                          "the documents are not available yet: wait until GET /health/ready answers 200");
  }
  exchange->fail({ErrorCode::not_found,
                  "no documents with pictures: start sightline-server with --embedded-elasticsearch, or "
                  "with --elasticsearch-gateway URL"});
}

/// To a browser the page, to a program the routes.
void Api::root(ExchangePtr exchange) {
  if (web::wants_page(exchange->request)) {
    if (auto page = web::page_file_answer(exchange->request, "index.html")) return exchange->reply(*std::move(page));
  }
  json::Builder body;
  body.object().member("name", "sightline").member("version", SIGHTLINE_VERSION).array("routes");
  for (const Route& route : routes()) body.value(std::string(http::to_string(route.method)) + " " + route.path);
  http::Response response;
  response.body = body.text();
  response.headers.set("Vary", "Accept");
  exchange->reply(std::move(response));
}

void Api::projection(ExchangePtr exchange) {
  auto asked = web::read_projection_request(exchange->wildcards.front(), exchange->request);
  const auto answered = [exchange](web::Projections::Answer answer) {
    if (auto* text = std::get_if<std::string>(&answer)) return exchange->reply_json(std::move(*text));
    const auto& refusal = std::get<web::ReadRefusal>(answer);
    exchange->fail(refusal.status, refusal.code, refusal.message);
  };
  if (auto* refusal = std::get_if<web::ReadRefusal>(&asked)) return answered(std::move(*refusal));
  projections_.answer(std::get<web::ProjectionRequest>(asked), elastic::caller_of(exchange->request), answered);
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
  response.body = json::Builder().object().member("status", "not ready").member("reasons", reasons).text();
  exchange->reply(std::move(response));
}

void Api::metrics_text(ExchangePtr exchange) {
  http::Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = context_.metrics.text(context_.service, problems().empty());
  exchange->reply(std::move(response));
}

void Api::open_requests(ExchangePtr exchange) {
  if (!options_.keys && !is_local(exchange->request)) {
    return exchange->fail(403, "forbidden",
                          "without --api-key-file, /debug/requests answers only programs on the server's machine: call "
                          "it there, or set --api-key-file and send a key with the scope [manage]");
  }
  RequestBook::Listing listing;
  if (options_.requests) listing = options_.requests->list(k_most_listed, exchange->request.trace.get());
  exchange->reply_json(listing_json(listing));
}

}  // namespace sightline::api
