// sightline-server: image and text embeddings over HTTP, and an Elasticsearch-compatible port beside it.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <spdlog/spdlog.h>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include "base/picture_url.h"
#include "base/request_trace.h"
#include "base/standard_streams.h"
#include "base/timer.h"
#include "models/embedder.h"
#include "models/model_folder/model_fingerprint.h"
#include "models/towers/blas_check.h"
#include "server/api/api.h"
#include "server/api/picture_fetcher.h"
#include "server/cohere/cohere_embedding.h"
#include "server/elastic/elastic_server.h"
#include "server/elastic/key_guard.h"
#include "server/elastic/rest/rest_layer.h"
#include "server/file_watch.h"
#include "server/http/listening_socket.h"
#include "server/http/server.h"
#include "server/http/tls.h"
#include "server/http/trust_anchor.h"
#include "server/http/web_guard.h"
#include "server/log_writer.h"
#include "server/logging.h"
#include "server/openmp.h"
#include "server/options.h"
#include "server/own_urls.h"
#include "server/security/address_guard.h"
#include "server/security/key_file.h"
#include "server/service_manager.h"
#include "server/serving/observer.h"
#include "server/stop_signal.h"
#include "server/unhandled_exception.h"
#include "server/web/pictures/picture_service.h"

namespace sightline {
namespace {

/// How long the end of the process may wait for those who read its output.
constexpr std::chrono::milliseconds k_log_patience{500};
/// How often files that may be reloaded are looked at.
constexpr std::chrono::seconds k_watch_interval{2};
/// Of a process whose model thread hangs: EX_SOFTWARE of sysexits.h. docs/server.md lists all exit codes.
constexpr int k_model_thread_hangs = 70;

std::string url_of(const ServerOptions& options, std::uint16_t port) {
  return (options.tls_certificate.empty() ? "http://" : "https://") + http::place_of(options.host, port);
}

/// Of the threads that work on documents: queries and the models come first.
constexpr int k_document_niceness = 10;

serving::PreparationPool::Options preparation_options(const ServerOptions& options) {
  serving::PreparationPool::Options pool;
  pool.threads = pool.query_threads = options.preparation_threads;
  pool.max_bytes = options.max_decode_bytes;
  pool.document_niceness = k_document_niceness;
  return pool;
}

Result<std::string> fingerprint_of(const models::Embedder::Options& model) {
  return model.text_folder.empty()
             ? models::model_fingerprint(model.folder, model.dtype, model.apply_exif_orientation)
             : models::model_fingerprint(model.folder, model.text_folder, model.dtype, model.apply_exif_orientation);
}

/// A thread that hangs cannot be ended, and neither drains nor destructors would come to an end. What was acknowledged
/// is with the disk.
[[noreturn]] void end_with_hanging_model(const std::string& reason) noexcept {
  try {
    spdlog::critical("{} (--watchdog-limit): ending with exit code {}, to be started again", reason,
                     k_model_thread_hangs);
    flush_log(k_log_patience);
  } catch (...) {  // no memory for the log
  }
  std::_Exit(k_model_thread_hangs);
}

serving::EmbeddingService::Options serving_options(const ServerOptions& options) {
  serving::EmbeddingService::Options serving;
  serving.models = options.models;
  serving.fingerprint = fingerprint_of;
  serving.preparation = preparation_options(options);
  serving.max_request_pixels = options.max_request_pixels;
  serving.cache = options.vector_cache;
  serving.queue.places.max_items = options.max_queue_items;
  serving.queue.places.max_bytes = options.max_queue_bytes;
  serving.queue.places.max_pixels = options.max_queue_pixels;
  serving.queue.max_batch_items = options.max_batch;
  serving.queue.max_wait = options.max_batch_wait;
  serving.queue.target_batch_time = options.target_batch_time;
  serving.watchdog.interval = options.watchdog_interval;
  serving.watchdog.max_age = 6 * options.watchdog_interval;
  serving.watchdog.limit = options.watchdog_limit;
  serving.watchdog.stuck = end_with_hanging_model;
  return serving;
}

/// The error of a file that an option names.
Error error_of_option(const char* option, const Error& error) {
  return {error.code, std::string(option) + ": " + error.message};
}

void warn_about_key_file(const char* kind, const std::string& file) {
  if (const std::string warning = security::key_file_warning(kind, file); !warning.empty()) spdlog::warn("{}", warning);
}

models::ImageLimits image_limits(const ServerOptions& options) {
  models::ImageLimits limits;
  limits.max_bytes = options.max_image_bytes;
  limits.max_pixels = options.max_image_pixels;
  limits.max_scans = options.max_image_scans;
  limits.max_time = options.image_timeout;
  return limits;
}

Result<std::unique_ptr<cohere::CohereEmbedding>> cohere_embedding(const ServerOptions& options, Timer& timer,
                                                                  api::Metrics& metrics) {
  cohere::CohereEmbedding::Options cohere;
  cohere.client.url = options.cohere_url;
  cohere.client.concurrency = options.cohere_concurrency;
  cohere.client.calls_per_minute = options.cohere_calls_per_minute;
  cohere.client.pictures_per_minute = options.cohere_pictures_per_minute;
  cohere.dimensions = static_cast<std::size_t>(options.cohere_dimensions);
  cohere.client.call_timeout = options.cohere_timeout;
  cohere.client.events = {[&metrics](const std::string& outcome) { metrics.cohere_answered(outcome); },
                          [&metrics] { metrics.cohere_retried(); },
                          [&metrics](double seconds) { metrics.cohere_waited(seconds); }};
  cohere.pictures = image_limits(options);
  cohere.preparation = preparation_options(options);
  cohere.max_request_pixels = options.max_request_pixels;
  cohere.max_items = options.max_queue_items;
  cohere.max_bytes = options.max_queue_bytes;
  cohere.max_pixels = options.max_queue_pixels;
  if (!options.cohere_api_key_file.empty()) {
    auto key = cohere::read_key_file(options.cohere_api_key_file);
    if (!key) return error_of_option("--cohere-api-key-file", key.error());
    cohere.key = *std::move(key);
    warn_about_key_file("Cohere key file", options.cohere_api_key_file);
  }
  const bool operators = !cohere.key.empty();
  auto created = cohere::CohereEmbedding::create(std::move(cohere), timer);
  if (created) {
    spdlog::info("models named embed-* run at {}, with {}", options.cohere_url,
                 operators ? "the operator's key" : "their callers' keys");
  }
  return created;
}

/// What the web page is told of the Elasticsearch side.
api::ElasticsearchSide::Options elasticsearch_side(const ServerOptions& options) {
  using Kind = api::ElasticsearchSide::Kind;
  if (!options.elasticsearch_gateway.empty()) return {Kind::gateway, options.elasticsearch_gateway};
  return {options.embedded_elasticsearch ? Kind::embedded : Kind::none, ""};
}

/// Half of the cores for thumbnails, of which one is the thread that only decodes.
pictures::PictureService::Options picture_options(const ServerOptions& options) {
  pictures::PictureService::Options pictures;
  pictures.limits = image_limits(options);
  pictures.max_decode_bytes = options.max_decode_bytes;
  pictures.threads = std::max(1, available_cores() / 2 - 1);
  pictures.memory_bytes = options.picture_cache_memory;
  pictures.folder = options.picture_cache_dir;
  pictures.disk_bytes = options.picture_cache_disk;
  return pictures;
}

/// Null: no keys are asked for.
Result<std::shared_ptr<security::KeyCheck>> key_check(const ServerOptions& options) {
  if (options.api_key_file.empty()) return std::shared_ptr<security::KeyCheck>();
  auto keys = security::ApiKeys::read(options.api_key_file);
  if (!keys) return error_of_option("--api-key-file", keys.error());
  warn_about_key_file("API key file", options.api_key_file);
  return std::make_shared<security::KeyCheck>(*std::move(keys), options.rate_limit);
}

/// Null: plain HTTP.
Result<std::shared_ptr<http::TlsServer>> tls_server(const ServerOptions& options) {
  if (options.tls_certificate.empty()) return std::shared_ptr<http::TlsServer>();
  auto tls = http::TlsServer::create({options.tls_certificate, options.tls_key, options.tls_client_ca});
  if (!tls) return Error{tls.error().code, "TLS: " + tls.error().message};
  warn_about_key_file("TLS key", options.tls_key);
  return tls;
}

/// The audit log: who changed what is set up.
void log_managed(const std::string& key, const http::Request& head) {
  spdlog::info("audit: key [{}] from {}: {} {}", key, head.peer, http::to_string(head.method),
               http::logged_path(head.path));
}

api::Api::Options api_options(const ServerOptions& options, std::shared_ptr<security::KeyCheck> keys) {
  api::Api::Options api;
  api.limits.inputs = {options.max_inputs, options.max_text_bytes, options.max_image_bytes, options.allow_picture_urls};
  api.limits.query_timeout = options.query_timeout;
  api.limits.document_timeout = options.document_timeout;
  api.access_log = log_access;
  api.elasticsearch = elasticsearch_side(options);
  api.page.cohere = options.cohere;
  api.page.api_keys = !options.api_key_file.empty();
  api.page.cohere_key = !options.cohere_api_key_file.empty();
  api.page.max_body_bytes = options.max_body_bytes;
  api.page.max_elasticsearch_body_bytes = options.elasticsearch_limits.max_body_bytes;
  api.labels = options.labels;
  api.keys = std::move(keys);
  api.elasticsearch_scope = elastic::scope_of;
  api.managed = log_managed;
  return api;
}

/// The Elasticsearch side as the inference port reaches it.
class InnerElasticsearch final : public api::ElasticsearchService {
 public:
  explicit InnerElasticsearch(elastic::ElasticServer& server) : server_(server) {}
  void handle(http::Request request, http::Reply reply) override {
    server_.handle(std::move(request), std::move(reply));
  }
  http::Response ask(http::Request request) override { return server_.ask(std::move(request)); }

 private:
  elastic::ElasticServer& server_;
};

/// Both ports share the open files; a gateway needs two for each client.
int descriptor_parts(const ServerOptions& options) {
  if (!options.elasticsearch_gateway.empty()) return 3;
  return options.embedded_elasticsearch ? 2 : 1;
}

/// The same request at the Elasticsearch port, without a body; empty: it is another's.
std::optional<http::Request> inner_head(const http::Request& request) {
  if (!api::ElasticsearchSide::has(request.path)) return {};
  http::Request head;
  head.method = request.method;
  head.path = request.path;
  return api::ElasticsearchSide::inner_request(std::move(head));
}

/// Answered by a thread of its own: none of them waits for anything.
bool is_urgent(const http::Request& request) {
  if (const auto inner = inner_head(request)) return request.body.empty() && elastic::ElasticServer::is_urgent(*inner);
  const bool reads = request.method == http::Method::get || request.method == http::Method::head;
  return reads && request.body.empty() &&
         (request.path == "/" || request.path == "/metrics" || request.path == "/debug/requests" ||
          request.path.starts_with("/health/") || request.path.starts_with("/page/"));
}

/// Each may wait on the cluster and on inference, and bulks of pictures must not keep searches out.
constexpr int k_gateway_workers = 64;

bool has_elasticsearch(const ServerOptions& options) {
  return options.embedded_elasticsearch || !options.elasticsearch_gateway.empty();
}

int elasticsearch_workers(const ServerOptions& options) {
  return options.elasticsearch_gateway.empty() ? elastic::ElasticServer::Options().workers : k_gateway_workers;
}

/// Requests below /elasticsearch are worked on as at the Elasticsearch port: they wait for vectors, which other
/// requests of the inference port make.
http::Workshop elasticsearch_workshop(const ServerOptions& options) {
  http::Workshop workshop;
  workshop.workers = elasticsearch_workers(options);
  workshop.max_waiting = options.elasticsearch_limits.max_waiting_requests;
  workshop.max_body_bytes = options.elasticsearch_limits.max_body_bytes;
  workshop.error_response = elastic::rest::error_response;
  workshop.only_reads = elastic::ElasticServer::only_reads;
  return workshop;
}

/// The code of the HTTP server's own errors.
std::string http_code(int status) {
  return "http_" + std::to_string(status);
}

using ErrorResponse = std::function<http::Response(int status, const std::string& message)>;

/// Counts the server's own errors: those of requests that it refuses before their route handles them.
ErrorResponse counting(ErrorResponse made, api::Metrics& metrics) {
  return [made = std::move(made), &metrics](int status, const std::string& message) {
    serving::unharmed([&] { metrics.request_refused(http_code(status)); });
    return made(status, message);
  };
}

http::Server::Options http_options(const ServerOptions& options, std::shared_ptr<http::TlsServer> tls) {
  http::Server::Options http;
  static_cast<http::ClientLimits&>(http) = options.clients;
  http.descriptor_parts = descriptor_parts(options);
  http.tls = std::move(tls);
  http.host = options.host;
  http.port = options.port;
  http.workers = options.workers;
  http.max_body_bytes = options.max_body_bytes;
  const std::size_t largest = std::max(http.max_body_bytes, options.elasticsearch_limits.max_body_bytes);
  http.max_buffered_bytes = std::max(http.max_buffered_bytes, largest);  // one always has room
  http.max_buffered_bytes_per_client = std::max(http.max_buffered_bytes_per_client, largest);
  http.drain_timeout = options.drain_timeout;
  http.urgent = is_urgent;
  if (has_elasticsearch(options)) {
    http.is_apart = [](const http::Request& head) { return api::ElasticsearchSide::has(head.path); };
    http.apart = elasticsearch_workshop(options);
  }
  http.error_response = [](int status, const std::string& message) {
    return api::error_response(api::ErrorShape::openai, status, http_code(status), message);
  };
  return http;
}

/// One form for the lines of both ports.
void log_elasticsearch_access(const http::AccessRecord& record) {
  api::AccessEntry entry;
  entry.method = http::to_string(record.method);
  entry.route = record.path;
  entry.status = record.status;
  entry.milliseconds = record.milliseconds;
  entry.bytes_in = record.bytes_in;
  entry.bytes_out = record.bytes_out;
  entry.request_id = record.request_id.empty() ? "-" : record.request_id;
  entry.opaque_id = record.opaque_id;
  entry.trace_id = record.trace_id;
  entry.peer = record.peer;
  log_access(entry);
}

/// Of a request at the embedded store's port, whose key has been checked.
std::string key_name(const security::KeyCheck& keys, const http::Request& request) {
  return keys.name_of(security::keys_in(request.headers.get("Authorization").value_or("")));
}

OwnUrls own_urls(const ServerOptions& options, std::uint16_t port) {
  std::array<char, 256> machine{};
  if (::gethostname(machine.data(), machine.size() - 1) != 0) machine[0] = '\0';
  return {!options.tls_certificate.empty(), options.host, machine.data(), port};
}

elastic::ElasticServer::Options elastic_options(const ServerOptions& options, api::Metrics& metrics) {
  elastic::ElasticServer::Options elastic;
  elastic.host = options.host;
  elastic.port = options.elasticsearch_port;
  elastic.limits = options.elasticsearch_limits;
  elastic.clients = options.clients;
  elastic.descriptor_parts = descriptor_parts(options);
  elastic.trusted_certificates = options.tls_certificate;  // endpoints may be this server's own
  elastic.access_log = log_elasticsearch_access;
  elastic.workers = elasticsearch_workers(options);
  elastic.drain_timeout = options.drain_timeout;
  elastic.secret_key_file = options.secret_key_file;
  elastic.warn = [](const std::string& text) { spdlog::warn("{}", text); };
  if (options.elasticsearch_gateway.empty()) {
    elastic.documents = elastic::ElasticServer::EmbeddedStore{options.data_dir};
    return elastic;
  }
  elastic::ElasticServer::Cluster cluster;
  cluster.access.url = options.elasticsearch_gateway;
  cluster.access.ca_file = options.elasticsearch_ca_file;
  cluster.access.ca_fingerprint = options.elasticsearch_ca_fingerprint;
  cluster.access.timeout = options.elasticsearch_timeout;
  cluster.access.count = [&metrics](elastic::GatewayEvent event) {
    if (event == elastic::GatewayEvent::cluster_failed) return metrics.gateway_cluster_failed();
    metrics.gateway_request(event == elastic::GatewayEvent::passed_on ? "passed_on" : "answered_here");
  };
  if (options.gateway_mode == "always") cluster.mode = elastic::GatewayMode::always;
  elastic.documents = std::move(cluster);
  return elastic;
}

/// Errors: an entry of `allowed`, which is the value of `option`.
Result<security::AddressGuard> address_guard(const char* option, const std::vector<std::string>& allowed,
                                             std::uint16_t own_port) {
  auto guard = security::AddressGuard::create(allowed, own_port);
  if (!guard) return error_of_option(option, guard.error());
  return guard;
}

/// For calls of endpoints, whose URLs are their makers' choice.
Result<std::function<Status(const sockaddr&)>> endpoint_addresses(const ServerOptions& options,
                                                                  std::uint16_t own_port) {
  auto guard = address_guard("--endpoint-addresses", options.endpoint_addresses, own_port);
  if (!guard) return guard.error();
  return std::function<Status(const sockaddr&)>([guard = *std::move(guard)](const sockaddr& address) -> Status {
    if (guard.allows(address)) return {};
    return Error{ErrorCode::invalid_argument,
                 "the address " + security::text_of(address) +
                     " is neither public nor this server's, so endpoints may not call it: the "
                     "server's operator can list it in --endpoint-addresses"};
  });
}

/// For pictures, whose URLs are their senders' choice. Addresses of this server are not excepted.
Result<std::unique_ptr<api::PictureFetcher>> picture_fetcher(const ServerOptions& options, Timer& timer,
                                                             api::Metrics& metrics) {
  auto guard = address_guard("--picture-url-addresses", options.picture_url_addresses, /*own_port=*/0);
  if (!guard) return guard.error();
  if (const std::string& file = options.picture_url_ca_file; !file.empty()) {
    if (const Status good = http::check_ca_file(file); !good)
      return error_of_option("--picture-url-ca-file", good.error());
  }
  api::PictureFetcher::Options fetcher;
  fetcher.max_bytes = options.max_image_bytes;
  fetcher.max_request_bytes = std::max(options.max_body_bytes, options.max_image_bytes);
  fetcher.max_memory_bytes = options.max_queue_bytes;
  fetcher.timeout = options.picture_url_timeout;
  fetcher.at_once = options.picture_url_concurrency;
  fetcher.per_host = options.picture_url_concurrency_per_host;
  fetcher.also_trusted = options.picture_url_ca_file;
  fetcher.allows_address = [guard = *std::move(guard)](const sockaddr& address) { return guard.allows(address); };
  fetcher.count = [&metrics](const char* outcome) { metrics.picture_fetched(outcome); };
  return api::PictureFetcher::create(std::move(fetcher), timer);
}

/// For pictures of documents that have only a link to them. `fetcher` is made before the first request.
pictures::PictureService::Fetch fetch_for_pictures(const std::unique_ptr<api::PictureFetcher>& fetcher) {
  using Fetched = pictures::PictureService::Fetched;
  return [&fetcher](const std::string& url, const std::shared_ptr<Cancellation>& cancellation,
                    std::function<void(Result<Fetched>)> done) {
    auto link = picture_url(url);
    if (!link)
      return done(Error{ErrorCode::invalid_argument, "its link is no URL of a picture: " + link.error().message});
    serving::EmbedOptions options;
    options.lane = serving::Lane::document;
    options.cancellation = cancellation;
    fetcher->fetch({{"its picture", *std::move(link)}}, options, [done = std::move(done)](auto fetched) {
      if (!fetched) return done(fetched.error());
      auto memory = std::make_shared<std::list<http::BufferShare>>(std::move(fetched->memory));
      done(Fetched{std::move(fetched->pictures.front()), std::move(memory)});
    });
  };
}

void tell_of_models(const serving::EmbeddingService& service, api::Metrics& metrics) {
  for (const serving::ModelStatus& status : service.models()) {
    if (!status.info) continue;
    std::string precision;
    if (const auto& check = status.info->precision_check) {
      metrics.model_checked(status.name, *check);
      precision = fmt::format(" (cosine to float32 {:.5f} on average, {:.5f} at least, over {} inputs)",
                              check->mean_cosine, check->lowest_cosine, check->inputs);
    }
    spdlog::info(
        "model [{}]: {} of {} floats, {} tokens, {} px, {}{} on {} by {}, fingerprint {}, loaded in {:.2f} s "
        "from {}{}{}",
        status.name, status.info->architecture, status.info->dims, status.info->max_tokens, status.info->image_size,
        status.info->dtype, precision, status.info->device, status.info->products, status.fingerprint,
        status.load_seconds, status.info->folder,
        status.info->text_folder.empty() ? "" : ", texts from " + status.info->text_folder,
        status.info->demo ? " (a demo model, trained only on drawings)" : "");
    if (status.info->non_commercial) {
      spdlog::warn(
          "model [{}]: its licence, {}, excludes commercial use: for that, ask its owner for another licence, or use "
          "another model",
          status.name, status.info->license);
    }
  }
}

/// What runs between start and stop. Members are destroyed from last to first, so each outlives what uses it.
class Program {
 public:
  Program(const ServerOptions& options, const ServiceManager& manager) : options_(options), manager_(manager) {
    metrics_.count_dropped_log_lines(dropped_log_lines);
  }

  /// Errors: whatever keeps the server from serving.
  Status start();
  void announce() const;
  void warn_about_open_ports() const;
  /// Reads the API keys and the certificate again; wrong ones change nothing. `reason` begins its lines in the log.
  void reload(const std::string& reason);
  /// From now on what changes on disk is reloaded.
  void watch_files();
  /// From now on the service manager is notified of the server's health.
  void report_health();
  void stop();

 private:
  Status start_elastic();
  Status make_pictures();
  void compare_recorded_models() const;
  std::shared_ptr<RequestBook> request_book();

  const ServerOptions& options_;
  const ServiceManager& manager_;
  api::Metrics metrics_;
  std::optional<HealthReports> health_;
  std::shared_ptr<security::KeyCheck> keys_;  // null: none are asked for
  std::shared_ptr<http::TlsServer> tls_;      // null: plain HTTP
  const std::shared_ptr<RequestBook> requests_ = request_book();
  FileWatch watched_{{options_.api_key_file, options_.tls_certificate, options_.tls_key, options_.tls_client_ca}};
  const std::unique_ptr<Timer> timer_ = start_timer();  // its tasks use what is above
  std::unique_ptr<serving::EmbeddingService> service_;
  std::unique_ptr<cohere::CohereEmbedding> cohere_;  // null: not switched on
  std::unique_ptr<api::PictureFetcher> fetcher_;     // null: pictures are not fetched
  std::unique_ptr<elastic::ElasticServer> elastic_;
  std::optional<InnerElasticsearch> inner_elastic_;
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<pictures::PictureService> pictures_;
  std::unique_ptr<http::Server> http_;
  std::atomic<elastic::ElasticServer*> serving_elastic_{nullptr};  // once elastic_ is there, for other threads
};

std::shared_ptr<RequestBook> Program::request_book() {
  RequestBook::Options book;
  book.slow = options_.slow_request_log;
  book.report_slow = [this](const RequestSummary& request) {
    metrics_.request_was_slow(request.facts.port, request.facts.group);
    log_slow_request(request);
  };
  return RequestBook::create(std::move(book));
}

Status Program::start() {
  if (const std::string& file = options_.elasticsearch_ca_file; !file.empty()) {
    if (const Status good = http::check_ca_file(file); !good)
      return error_of_option("--elasticsearch-ca-file", good.error());
  }
  if (const std::string& fingerprint = options_.elasticsearch_ca_fingerprint; !fingerprint.empty()) {
    if (const auto good = http::TrustAnchor::parse(fingerprint); !good)
      return error_of_option("--elasticsearch-ca-fingerprint", good.error());
  }
  if (has_elasticsearch(options_)) {
    if (Status possible = elastic::ElasticServer::check(elastic_options(options_, metrics_)); !possible)
      return possible;
    if (Status made = make_pictures(); !made) return made;
  }
  auto service =
      serving::EmbeddingService::create(serving_options(options_), models::Embedder::load, *timer_, metrics_);
  if (!service) return service.error();
  service_ = *std::move(service);

  auto keys = key_check(options_);
  if (!keys) return keys.error();
  keys_ = *std::move(keys);
  auto tls = tls_server(options_);
  if (!tls) return tls.error();
  tls_ = *std::move(tls);
  auto api = api_options(options_, keys_);
  api.requests = requests_;
  if (options_.cohere) {
    auto cohere = cohere_embedding(options_, *timer_, metrics_);
    if (!cohere) return cohere.error();
    cohere_ = *std::move(cohere);
    api.upstream = cohere_.get();
  }
  if (options_.allow_picture_urls) {
    auto fetcher = picture_fetcher(options_, *timer_, metrics_);
    if (!fetcher) return fetcher.error();
    fetcher_ = *std::move(fetcher);
    api.fetcher = fetcher_.get();
  }
  api.problem = [this] {
    elastic::ElasticServer* const elastic = serving_elastic_;
    return elastic ? elastic->problem() : std::string();
  };
  api_ = std::make_unique<api::Api>(std::move(api), *service_, *timer_, metrics_);

  // The port opens before the models are loaded: /health/live answers, and /health/ready says what it waits
  // for.
  auto options = http_options(options_, tls_);
  for (auto* const error_response : {&options.error_response, &options.apart.error_response}) {
    if (*error_response) *error_response = counting(std::move(*error_response), metrics_);
  }
  options.check_head = [this](const http::Request& head) { return api_->check_head(head); };
  options.access_log = [this](const http::AccessRecord& record) { api_->answered(record); };
  options.requests = requests_;
  options.describe = [this](const http::Request& request, RequestFacts& facts) { api_->describe(request, facts); };
  auto http = http::Server::start(options, [this](http::Request&& request, http::Reply reply) {
    api_->handle(std::move(request), std::move(reply));
  });
  if (!http) return http.error();
  http_ = *std::move(http);

  if (Status loaded = service_->load_models(); !loaded) return loaded;
  tell_of_models(*service_, metrics_);
  return has_elasticsearch(options_) ? start_elastic() : Status{};
}

Status Program::start_elastic() {
  auto elastic = elastic_options(options_, metrics_);
  elastic.tls = tls_;
  auto check_address = endpoint_addresses(options_, http_->port());
  if (!check_address) return check_address.error();
  elastic.check_endpoint_address = *std::move(check_address);
  elastic.is_own_url = [own = own_urls(options_, http_->port())](const std::string& url) { return own.has(url); };
  elastic.requests = requests_;
  const auto keys = options_.embedded_elasticsearch ? keys_ : nullptr;
  elastic.describe = [keys](const http::Request& request, RequestFacts& facts) {
    facts.port = "elasticsearch";
    facts.group = elastic::ElasticServer::command_of(request);
    if (keys) facts.key = key_name(*keys, request);
  };
  if (keys) {  // at a gateway's port its cluster checks who calls
    const auto refused = [this](const std::string& code) { metrics_.request_refused(code); };
    elastic.check_head = [guard = elastic::KeyGuard({keys, log_managed, refused})](const http::Request& head) {
      return guard.check_head(head);
    };
  }
  auto started = elastic::ElasticServer::start(elastic);
  if (!started) return started.error();
  elastic_ = *std::move(started);
  serving_elastic_ = elastic_.get();
  if (!options_.elasticsearch_gateway.empty())
    spdlog::info("gateway to Elasticsearch at {}, mode {}", options_.elasticsearch_gateway, options_.gateway_mode);
  inner_elastic_.emplace(*elastic_);
  api_->elasticsearch().open(*inner_elastic_);
  compare_recorded_models();
  api_->open_pictures(*pictures_);
  return {};
}

/// After the check of the store: its folder is in the store's.
Status Program::make_pictures() {
  auto options = picture_options(options_);
  options.ask = [this](http::Request request) { return inner_elastic_->ask(std::move(request)); };
  options.answered = [this](pictures::AnswerSource source) { metrics_.picture_answered(pictures::to_string(source)); };
  options.made = [this](double seconds) { metrics_.picture_made(seconds); };
  if (options_.allow_picture_urls) options.fetch = fetch_for_pictures(fetcher_);
  auto created = pictures::PictureService::create(std::move(options));
  if (!created) return error_of_option("--picture-cache-dir", created.error());
  pictures_ = *std::move(created);
  metrics_.count_picture_bytes([this] { return std::pair(pictures_->memory_bytes(), pictures_->disk_bytes()); });
  return {};
}

/// Vectors of two models do not compare, even where they are of one length.
void Program::compare_recorded_models() const {
  const auto served = service_->models();
  for (const elastic::RecordedModel& record : elastic_->recorded_models()) {
    const auto model =
        std::find_if(served.begin(), served.end(), [&](const auto& status) { return status.name == record.model; });
    if (model == served.end() || model->fingerprint == record.fingerprint) continue;
    spdlog::warn(
        "index [{}] was set up for model [{}] with fingerprint {}, but the [{}] served now has {}: vectors "
        "in [{}] and new ones are not comparable, so hits are wrong. Serve the earlier model again, or "
        "embed the documents again: scripts/register_endpoints.sh describes how",
        record.index, record.model, record.fingerprint, record.model, model->fingerprint, record.field);
  }
}

void Program::reload(const std::string& reason) try {
  if (watched_.empty()) spdlog::info("{}: nothing to reload without --api-key-file or --tls-certificate", reason);
  if (tls_) {
    if (const Status loaded = tls_->reload(); loaded) {
      spdlog::info("{}: reloaded the certificate {}", reason, options_.tls_certificate);
    } else {
      spdlog::error("{}: the certificate is unchanged: {}", reason, loaded.error().message);
    }
  }
  if (!keys_) return;
  auto keys = security::ApiKeys::read_again(options_.api_key_file);
  if (!keys) {
    return spdlog::error("{}: the API keys are unchanged, deleted ones stay valid: {}", reason, keys.error().message);
  }
  spdlog::info("{}: reloaded {} API keys from {}", reason, keys->size(), options_.api_key_file);
  if (keys->size() == 0)
    spdlog::error("{} contains no key: every request that needs one is refused", options_.api_key_file);
  warn_about_key_file("API key file", options_.api_key_file);
  keys_->replace(*std::move(keys));
} catch (const std::exception& error) {
  spdlog::error("{}: the rest is unchanged: {}", reason, error.what());
}

void Program::watch_files() {
  if (watched_.empty()) return;
  timer_->run_at(timer_->now() + k_watch_interval, [this] {
    watch_files();
    if (watched_.changed()) reload("a file changed");
  });
}

/// Only --insecure-no-auth allows that.
void Program::warn_about_open_ports() const {
  if (keys_ || http::is_loopback(options_.host)) return;
  spdlog::warn(
      "anyone who can reach {} can use this server{}: it requires no key (--insecure-no-auth). Keep its ports "
      "closed in the firewall, or set --api-key-file",
      url_of(options_, http_->port()), options_.embedded_elasticsearch ? ", and read and change its documents" : "");
}

/// The lines that scripts wait for. Nobody need read them.
void Program::announce() const {
  std::string lines = "ready " + url_of(options_, http_->port()) + "\n";
  if (elastic_) lines += "elasticsearch " + url_of(options_, elastic_->port()) + "\n";
  write_within(STDOUT_FILENO, lines, k_log_patience);
}

/// A restart may help models that compute wrong vectors. It does not help a full disk, which is only a problem of the
/// store: searches still work.
void Program::report_health() {
  health_.emplace(
      HealthReports::Options{[this] { return api_->problems(); }, [this] { return !service_->problems().empty(); },
                             "ready at " + url_of(options_, http_->port())},
      manager_, *timer_);
  health_->start();
}

void Program::stop() {
  health_->stop();
  const auto deadline = std::chrono::steady_clock::now() + options_.drain_timeout;
  spdlog::info("stopping: no new connections, {} requests in flight", http_->in_flight());
  api_->begin_stop();
  if (elastic_) elastic_->stop(deadline);  // first: its pipelines call the inference port
  http_->stop(deadline);
  if (pictures_) pictures_->stop();
  if (fetcher_) fetcher_->shut_down();
  if (cohere_) cohere_->shut_down();
  service_->stop(timer_->now());  // whoever still had a request here has been sent away by now
  spdlog::info("stopped");
}

/// After the drain time: for all threads to end. Then the process ends without them.
constexpr std::chrono::milliseconds k_ending_time{800};

int serve(const ServerOptions& options, const ServiceManager& manager, StopSignal& signal) {
  spdlog::info("sightline-server " SIGHTLINE_VERSION ", {} threads, {}", options.threads, models::blas_description());
  if (const std::string warning = models::blas_warning(); !warning.empty()) spdlog::warn("{}", warning);
  if (const Status taken = models::take_blas_buffer(); !taken) {
    spdlog::error("{}", taken.error().message);
    return EXIT_FAILURE;
  }
  Program program(options, manager);
  if (const Status started = program.start(); !started) {
    spdlog::error("{}", started.error().message);
    return EXIT_FAILURE;
  }
  signal.serving(options.drain_timeout + k_ending_time, [&program] { program.reload("SIGHUP"); });
  program.warn_about_open_ports();
  program.watch_files();
  program.announce();
  program.report_health();
  signal.wait();
  program.stop();
  return EXIT_SUCCESS;
}

/// As many open files as the system allows this process: a gateway needs two for each client.
void settle_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int run(int argc, char** argv) {
  open_missing_standard_streams();
  settle_unhandled_exceptions();
  settle_openmp(argv);
  settle_open_files();
  const auto parsed = parse_options(argc, argv);
  if (const int* const exit_code = std::get_if<int>(&parsed)) return *exit_code;
  const auto& options = std::get<ServerOptions>(parsed);
  const auto manager = ServiceManager::from_environment();
  StopSignal signal;
  set_up_logging(options.log_format, options.log_level, options.log_buffer_bytes);
  const int exit_code = serve(options, manager, signal);
  flush_log(k_log_patience);
  return exit_code;
}

}  // namespace
}  // namespace sightline

int main(int argc, char** argv) {
  try {
    return sightline::run(argc, argv);
  } catch (const std::exception& error) {
    sightline::flush_log(sightline::k_log_patience);
    sightline::write_within(STDERR_FILENO, std::string("sightline-server: stopped: ") + error.what() + "\n",
                            sightline::k_log_patience);
    return EXIT_FAILURE;
  }
}
