#include "server/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <utility>

#include "base/number_text.h"
#include "server/elastic/gateway/cluster.h"
#include "server/http/web_guard.h"
#include "server/quantity_text.h"
#include "server/security/address_guard.h"
#include "server/security/api_keys.h"

namespace sightline {
namespace {

std::string environment_name(const std::string& flag) {
  std::string name = "SIGHTLINE_";
  for (const char c : flag.substr(flag.find_first_not_of('-'))) {
    name.push_back(c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return name;
}

/// A validator without its own line in --help; the option's text describes the values.
CLI::Validator plain(CLI::Validator validator) {
  return validator.description("");
}

/// Puts the number that `read` finds in place of what is written. Its errors are shown behind the option's name.
template <class Read>
CLI::Validator as_number(Read read) {
  return CLI::Validator(
      [read](std::string& value) {
        const auto number = read(value);
        if (!number) return number.error().message;
        value = std::to_string(*number);
        return std::string();
      },
      "");
}

/// Values of the form NAME=VALUE, one for each time the option is given.
using NamedValues = std::vector<std::string>;

/// Adds options so that each has its environment variable and shows its default.
class Table {
 public:
  explicit Table(CLI::App& app) : app_(app) {}

  void group(const char* name) { group_ = name; }

  template <class T>
  CLI::Option* value(const std::string& flag, T& target, const std::string& text) {
    return app_.add_option(flag, target, text)->capture_default_str()->envname(environment_name(flag))->group(group_);
  }

  void named_values(const std::string& flag, NamedValues& target, const std::string& type, const std::string& text) {
    value(flag, target, text)->type_name("NAME=" + type)->delimiter(',')->default_str("");
  }

  void flag(const std::string& flag, bool& target, const std::string& text) {
    app_.add_flag(flag, target, text)->envname(environment_name(flag))->group(group_);
  }

  /// How many of something: 1 to a billion.
  void count(const std::string& flag, std::size_t& target, const std::string& text) {
    value(flag, target, text)->check(plain(CLI::Range(1, 1'000'000'000)));
  }

  /// Addresses and networks for an AddressGuard, separated by commas.
  void addresses(const std::string& flag, std::vector<std::string>& target, const std::string& text) {
    value(flag, target, text)->type_name("ADDRESS")->delimiter(',')->default_str("");
  }

  /// A number of bytes: 20MB, 512kB, 1048576.
  void bytes(const std::string& flag, std::size_t& target, const std::string& shown, const std::string& text) {
    value(flag, target, text)
        ->transform(as_number([](const std::string& written) { return size_from(written); }))
        ->default_str(shown)
        ->type_name("SIZE");
  }

  /// A span of time: 500ms, 10s, 1m, 24h.
  void time(const std::string& flag, std::chrono::milliseconds& target, const std::string& shown,
            const std::string& text) {
    const auto read = [&target](const std::int64_t& ms) { target = std::chrono::milliseconds(ms); };
    app_.add_option_function<std::int64_t>(flag, read, text)
        ->transform(as_number([](const std::string& written) -> Result<std::int64_t> {
          const auto span = time_from(written);
          if (!span) return span.error();
          return span->count();
        }))
        ->default_str(shown)
        ->type_name("TIME")
        ->envname(environment_name(flag))
        ->group(group_);
  }

 private:
  CLI::App& app_;
  std::string group_;
};

/// What one request to the Elasticsearch port may cost.
void add_elasticsearch_limits(Table& table, elastic::Limits& limits) {
  table.count("--elasticsearch-max-json-values", limits.max_json_values,
              "JSON values and keys per body (in a _bulk: per line); with more: 413");
  table.count("--elasticsearch-max-bulk-values", limits.max_bulk_values,
              "JSON values and keys per _bulk; with more: 413. Also for each answer of the cluster that the "
              "gateway reads; with more: 502");
  table.bytes("--elasticsearch-max-answer-bytes", limits.max_answer_bytes, "100MB",
              "Size of one answer of the store or of the gateway itself; larger: 413");
  table.count("--elasticsearch-max-patterns", limits.max_patterns,
              "Names or patterns per _source, fields, index expression or h; levels of filter_path");
  table.count("--elasticsearch-max-clauses", limits.max_clauses,
              "Queries per search, including the words and fields that they expand to; as "
              "indices.query.bool.max_clause_count");
  table.count("--elasticsearch-max-query-depth", limits.max_query_depth,
              "Maximum depth of nested queries; as indices.query.bool.max_nested_depth");
  table.count("--elasticsearch-max-query-values", limits.max_query_values,
              "Values per search, in all terms and ids queries together");
  table.count("--elasticsearch-max-knn-clauses", limits.max_knn_clauses, "kNN clauses per search");
  table.count("--elasticsearch-max-knn-candidates", limits.max_knn_candidates,
              "num_candidates per search, of all kNN clauses together");
  table.count("--elasticsearch-max-sort-keys", limits.max_sort_keys, "Sort keys per search");
  table.count("--elasticsearch-max-aggregations", limits.max_aggregations, "Aggregations per search");
  table.count("--elasticsearch-max-buckets", limits.max_buckets, "Buckets per answer; as search.max_buckets");
  table.count("--elasticsearch-max-searches", limits.max_searches, "Searches per _msearch");
  table.count("--elasticsearch-max-scrolls", limits.max_scrolls,
              "Scrolls and points in time open at once; as search.max_open_scroll_context");
  table.bytes("--elasticsearch-max-scroll-bytes", limits.max_scroll_bytes, "64MB",
              "Memory of all scrolls and points in time: 16 bytes per hit of a scroll, plus its sort values");
  table.time("--elasticsearch-max-keep-alive", limits.max_keep_alive, "24h",
             "Maximum keep-alive of a scroll or point in time; as search.max_keep_alive");
  table.count("--elasticsearch-max-get-documents", limits.max_get_documents, "Documents per _mget");
  table.count("--elasticsearch-max-bulk-items", limits.max_bulk_items, "Actions per _bulk");
  table.count("--elasticsearch-max-document-words", limits.max_document_words,
              "Words per document, in all of its text fields");
  table.count("--elasticsearch-max-fields", limits.max_fields,
              "Maximum value of the setting index.mapping.total_fields.limit");
  table.count("--elasticsearch-max-shards", limits.max_shards,
              "Shards of all indices, including replicas; as cluster.max_shards_per_node");
  table.count("--elasticsearch-max-aliases", limits.max_aliases, "Aliases per index");
  table.count("--elasticsearch-max-alias-changes", limits.max_alias_changes, "Alias changes per request");
  table.bytes("--elasticsearch-max-definition-bytes", limits.max_definition_bytes, "16MB",
              "Size of the settings, mapping and aliases of one index, as JSON");
}

void add_client_limits(Table& table, http::ClientLimits& clients) {
  table.count("--max-connections", clients.max_connections,
              "Open connections per port; with more, the least needed one is closed");
  table.count("--max-connections-per-address", clients.max_connections_per_address,
              "The same per client address (IPv6: per /64)");
  table.time("--header-timeout", clients.header_timeout, "10s",
             "Maximum time until all headers of a request have arrived; then: 408");
  table.time("--receive-timeout", clients.receive_timeout, "30s",
             "Maximum time without new data of a request; then: 408");
  table.time("--send-timeout", clients.send_timeout, "30s",
             "Maximum time in which a client reads nothing of its answer; then the connection is closed");
  table.time("--idle-timeout", clients.idle_timeout, "2m",
             "Maximum time that a connection stays open without a request");
  table.bytes("--min-transfer-rate", clients.min_transfer_rate, "240B",
              "Minimum bytes per second, of a body and of the reading of an answer; 0: no minimum");
  table.bytes("--max-request-buffer", clients.max_buffered_bytes, "192MB",
              "Memory per port for the uncompressed bodies of requests in progress; with more: 429");
  table.bytes("--max-request-buffer-per-address", clients.max_buffered_bytes_per_client, "128MB",
              "The same per client address");
  table.bytes("--max-answer-buffer", clients.max_answer_bytes, "256MB",
              "Memory per port for answers that are built or not yet read; with more: 429");
  table.bytes("--max-answer-buffer-per-address", clients.max_answer_bytes_per_client, "128MB",
              "The same per client address");
}

/// Further limits for requests that use inference and pipelines.
void add_pipeline_limits(Table& table, elastic::Limits& limits) {
  table
      .value("--elasticsearch-max-waiting-requests", limits.max_waiting_requests,
             "Requests that wait for inference or for the cluster at the same time; with more: 429")
      ->check(plain(CLI::Range(2, 10'000)));
  table.time("--elasticsearch-max-inference-timeout", limits.max_inference_timeout, "10m",
             "Maximum time of a call of an inference endpoint; a longer timeout of a request is reduced to it");
  table.count("--elasticsearch-max-pipeline-steps", limits.max_pipeline_steps, "Processors that may run per document");
  table.bytes("--elasticsearch-max-pipeline-document-bytes", limits.max_pipeline_document_bytes, "100MB",
              "Memory of one document in its pipelines");
  table.bytes("--elasticsearch-max-pipeline-growth-bytes", limits.max_pipeline_growth_bytes, "256MB",
              "Memory that pipelines may add to all documents in progress together; with more: 429");
}

void add_picture_urls(Table& table, ServerOptions& options) {
  table.flag("--allow-picture-urls", options.allow_picture_urls,
             "Download pictures that requests give by http or https URL, from public addresses");
  table.addresses("--picture-url-addresses", options.picture_url_addresses,
                  "Addresses that pictures may be downloaded from, besides public ones: 10.1.2.3, 10.0.0.0/8, "
                  "127.0.0.1:9000, * for all");
  table.value("--picture-url-ca-file", options.picture_url_ca_file,
              "PEM file of CAs that are trusted for these downloads, besides the system's");
  table.time("--picture-url-timeout", options.picture_url_timeout, "10s", "Maximum time to download one picture");
  table.value("--picture-url-concurrency", options.picture_url_concurrency, "Maximum simultaneous downloads")
      ->check(plain(CLI::Range(1, 256)));
  table.value("--picture-url-concurrency-per-host", options.picture_url_concurrency_per_host, "The same per host")
      ->check(plain(CLI::Range(1, 256)));
}

/// The option table. docs/server.md shows it as --help prints it.
void add_options(CLI::App& app, ServerOptions& options, NamedValues& models, NamedValues& text_towers,
                 NamedValues& max_tokens, NamedValues& dtypes, NamedValues& labels) {
  Table table(app);
  const CLI::Validator port = plain(CLI::Range(0, 65535)),
                       pixels = plain(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 50));

  table.group("Models");
  table.named_values(
      "--model", models, "FOLDER",
      "A model: any name, and its folder in Hugging Face's, OpenCLIP's or sentence-transformers' layout; "
      "repeatable. A name has up to 96 letters, digits, "
      "'.', '_' and '-', with slashes allowed inside: google/siglip2-base-patch16-224");
  table.named_values("--text-tower", text_towers, "FOLDER",
                     "Embed this model's texts with the text tower in FOLDER; its own folder then embeds only "
                     "pictures. For towers that were trained to fit: clip-ViT-B-32-multilingual-v1 for CLIP ViT-B/32; "
                     "repeatable");
  table.named_values("--labels", labels, "FILE",
                     "Labels for classification: any name, and a file with one label per line; repeatable");
  table.named_values("--max-tokens", max_tokens, "NUMBER",
                     "Truncate texts for this model to NUMBER tokens, instead of its default: "
                     "jina-clip accepts up to 8192 (default: 512); repeatable");
  table.value("--device", options.device, "Device on which the models run: cpu, cuda, cuda:1 ...");
  table.named_values("--dtype", dtypes, "DTYPE",
                     "Data type for computation: float32 (default), bfloat16, int8 or float16. Without NAME= for all "
                     "models that are not named. The last three are faster and slightly less exact; repeatable");
  table.flag("--exif-orientation", options.exif_orientation,
             "Rotate and mirror pictures according to their EXIF tag; the reference implementations do not");

  table.group("Network");
  table.value("--host", options.host,
              "Address that both ports listen on; beyond loopback also needs --api-key-file or --insecure-no-auth");
  table
      .value("--port", options.port, "Port of the inference API and the web page; 0: a free port, printed at the start")
      ->check(port);
  table.value("--workers", options.workers, "Threads that read requests and write answers")
      ->check(plain(CLI::Range(1, 256)));
  table.value("--api-key-file", options.api_key_file,
              "File of keys, one per line (scripts/make_api_key.sh writes them), reloaded when it changes. All routes "
              "except /health, /openapi.json, /docs and the files of the web page then require Authorization: Bearer "
              "KEY, or Sightline-Key: KEY; the embedded store's port requires a key too");
  table
      .value("--rate-limit", options.rate_limit,
             "Requests per second of each key that has no rate= of its own in --api-key-file; with more: 429. 0: no "
             "limit")
      ->check(plain(CLI::Validator(
          [](std::string& value) {
            if (value == "0") return std::string();
            const auto rate = security::rate_from(value);
            return rate ? std::string() : rate.error().message + ", or 0";
          },
          "")))
      ->type_name("NUMBER");
  table.flag("--insecure-no-auth", options.insecure_no_auth,
             "Let other machines use the server without a key: allow a --host beyond loopback without --api-key-file");
  table.value(
      "--tls-certificate", options.tls_certificate,
      "PEM file of the server's certificate and its chain: both ports then use HTTPS. Read again when it changes");
  table.value("--tls-key", options.tls_key, "PEM file of that certificate's private key, without a passphrase");
  table.value("--tls-client-ca", options.tls_client_ca,
              "PEM file of CAs: clients must then present a certificate signed by one of them");
  table
      .value("--allowed-hosts", options.clients.allowed_hosts,
             "Further host names that are accepted in URLs: NAME, *.NAME, * for all. Addresses and private "
             "names are always accepted")
      ->type_name("NAME")
      ->delimiter(',')
      ->default_str("");
  table
      .value("--allowed-origins", options.clients.allowed_origins,
             "Further sites whose web pages may send requests: https://app.example.com, * for all. Sightline's own "
             "page and pages of localhost are always accepted")
      ->type_name("ORIGIN")
      ->delimiter(',')
      ->default_str("");
  table.time("--drain-timeout", options.drain_timeout, "10s",
             "At SIGTERM, maximum time for requests in flight to finish");

  table.group("Elasticsearch");
  table.flag("--embedded-elasticsearch", options.embedded_elasticsearch,
             "Also serve an Elasticsearch-compatible port with an embedded store");
  table
      .value("--elasticsearch-gateway", options.elasticsearch_gateway,
             "Also serve an Elasticsearch port in front of the cluster at this URL, and add what the cluster cannot do")
      ->type_name("URL");
  table
      .value("--elasticsearch-port", options.elasticsearch_port,
             "Port of the Elasticsearch API; 0: a free port, printed at the start")
      ->check(port);
  table.value("--data-dir", options.data_dir, "Folder of the embedded store; created if missing");
  table
      .value("--gateway-mode", options.gateway_mode,
             "auto: the cluster does the inference that it can do; always: the gateway does all inference")
      ->check(CLI::IsMember({"auto", "always"}));
  table.value("--elasticsearch-ca-file", options.elasticsearch_ca_file,
              "PEM file of the CA of the cluster's certificate (default: the system's CAs)");
  table.value("--elasticsearch-ca-fingerprint", options.elasticsearch_ca_fingerprint,
              "In place of that file: SHA-256 of the CA certificate, as Elasticsearch prints it at its first start");
  table.time("--elasticsearch-timeout", options.elasticsearch_timeout, "0ms",
             "Maximum time until an answer of the cluster begins; 0ms: no limit");
  table.value("--secret-key-file", options.secret_key_file,
              "File of 32 random bytes in base64 or hex, the key for the secrets of endpoints; the same file for "
              "all gateways of a cluster");

  table.addresses(
      "--endpoint-addresses", options.endpoint_addresses,
      "Addresses that calls of inference endpoints may go to, besides public ones and this server: 10.1.2.3, "
      "10.0.0.0/8, 127.0.0.1:9000, * for all");

  table.group("Pictures by URL");
  add_picture_urls(table, options);

  table.group("Cohere");
  table.flag("--cohere", options.cohere, "Forward requests for models named embed-* to Cohere, with the caller's key");
  table.value("--cohere-api-key-file", options.cohere_api_key_file,
              "As --cohere, with the key in this file: all calls are charged to it");
  table.value("--cohere-url", options.cohere_url, "URL of Cohere's API")->type_name("URL");
  table.value("--cohere-concurrency", options.cohere_concurrency, "Maximum simultaneous calls to Cohere")
      ->check(plain(CLI::Range(1, 256)));
  table
      .value("--cohere-calls-per-minute", options.cohere_calls_per_minute,
             "Maximum calls to Cohere in any minute, including retries; 0: only Cohere's own limit")
      ->check(plain(CLI::Range(0, 1'000'000)));
  table
      .value(
          "--cohere-pictures-per-minute", options.cohere_pictures_per_minute,
          "The same for pictures, however many are in a call. Cohere allows 5 for trial keys, 400 for production keys")
      ->check(plain(CLI::Range(0, 1'000'000)));
  table
      .value("--cohere-dimensions", options.cohere_dimensions,
             "Numbers in a vector of embed-v4.0 if the request names none: 256, 512, 1024 or 1536")
      ->check(plain(CLI::IsMember({256, 512, 1024, 1536})));
  table.time("--cohere-timeout", options.cohere_timeout, "30s", "Maximum time for one answer of Cohere");

  table.group("Limits");
  table.bytes("--max-body-bytes", options.max_body_bytes, "64MB", "Size of one request body; larger: 413");
  table.bytes("--elasticsearch-max-body-bytes", options.elasticsearch_limits.max_body_bytes, "100MB",
              "The same at the Elasticsearch port");
  add_elasticsearch_limits(table, options.elasticsearch_limits);
  add_client_limits(table, options.clients);
  add_pipeline_limits(table, options.elasticsearch_limits);
  table.count("--max-inputs", options.max_inputs, "Inputs per request");
  table.bytes("--max-text-bytes", options.max_text_bytes, "256kB",
              "Size of one text, before it is truncated to the model's tokens");
  table.bytes("--max-image-bytes", options.max_image_bytes, "20MB", "Size of one encoded picture");
  table.count("--max-image-pixels", options.max_image_pixels, "Width x height of one picture, from its header");
  table.value("--max-image-scans", options.max_image_scans, "Scans per JPEG; each can cost as much as a whole picture")
      ->check(plain(CLI::Range(1, 10'000)));
  table.time("--image-timeout", options.image_timeout, "10s", "Processor time to decode one picture; 0ms: no limit");
  table
      .value("--max-request-pixels", options.max_request_pixels,
             "Pixels to decode per request; each scan of a JPEG in several counts an eighth more, HEIC counts four "
             "times, AVIF twice")
      ->check(pixels);
  table.bytes("--max-decode-bytes", options.max_decode_bytes, "512MB",
              "Memory of the pictures that are decoded at the same time; a single picture that needs more: 413");
  table.count("--max-queue-items", options.max_queue_items,
              "Inputs per model that are accepted and not yet answered; with more: 429");
  table.bytes("--max-queue-bytes", options.max_queue_bytes, "512MB", "Memory of these inputs; with more: 429");
  table
      .value("--max-queue-pixels", options.max_queue_pixels,
             "Pixels to decode for these inputs, counted as for --max-request-pixels; with more: 429")
      ->check(pixels);
  table.time("--query-timeout", options.query_timeout, "10s", "Maximum time until a query starts to run; then: 429");
  table.time("--document-timeout", options.document_timeout, "2m", "The same for documents");

  table.group("Speed");
  table.value("--threads", options.threads, "Threads that run the models; 0: one per core")
      ->check(plain(CLI::Range(0, 1024)));
  table
      .value("--preparation-threads", options.preparation_threads,
             "Threads that decode pictures and tokenize texts of documents, and the same number for queries; 0: one "
             "per core")
      ->check(plain(CLI::Range(0, 1024)));
  table.count("--max-batch", options.max_batch, "Inputs per batch");
  table.time("--max-batch-wait", options.max_batch_wait, "2ms",
             "Maximum time that a batch waits for inputs in preparation; 0ms: it does not wait");
  table.time("--target-batch-time", options.target_batch_time, "500ms",
             "Limit the batch size to what runs in this time, so that queries wait less; 0ms: no limit");
  table.time("--watchdog-interval", options.watchdog_interval, "10s",
             "Interval at which each model must reproduce a known vector for /health/ready; 0ms: never");
  table.time("--watchdog-limit", options.watchdog_limit, "5m",
             "If the models finish no step of their work for this time while a known vector is due, the server ends "
             "with exit code 70, so that it is started again; 0ms: never");

  table.bytes("--vector-cache-texts", options.vector_cache.text_bytes, "16MB",
              "Memory for cached vectors of texts; 0MB: no cache");
  table.bytes("--vector-cache-pictures", options.vector_cache.picture_bytes, "64MB", "The same for pictures");
  table.bytes("--picture-cache-memory", options.picture_cache_memory, "64MB",
              "Memory for cached thumbnails of documents' pictures");
  table.bytes("--picture-cache-disk", options.picture_cache_disk, "256MB",
              "Disk space for cached thumbnails; 0MB: no cache on disk");
  table.value("--picture-cache-dir", options.picture_cache_dir,
              "Folder for cached thumbnails, not shared with another server (default: pictures in --data-dir; a "
              "gateway has none)");

  table.group("Logs");
  table.value("--log-format", options.log_format, "Format of the log on standard error")
      ->check(CLI::IsMember({"text", "json"}));
  table
      .value("--log-level", options.log_level,
             "Lowest level that is logged; debug includes requests to /health and /metrics")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  table.bytes("--log-buffer-bytes", options.log_buffer_bytes, "1MB",
              "Memory for log lines that wait to be written; further lines are dropped and counted");
  table.time("--slow-request-log", options.slow_request_log, "5s",
             "Log each request that takes longer, with the time of each of its stages; 0ms: none");
}

/// Both sides of NAME=VALUE.
std::pair<std::string, std::string> split_named_value(const char* flag, const std::string& text,
                                                      const std::string& form) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    throw CLI::ValidationError(flag, "[" + text + "] must be " + form);
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

void read_labels(const std::string& text, ServerOptions& options) {
  const auto [name, file] = split_named_value("--labels", text, "NAME=FILE");
  auto set = api::read_label_file(file);
  if (!set) throw CLI::ValidationError("--labels", set.error().message);
  if (!options.labels.emplace(name, *std::move(set)).second) {
    throw CLI::ValidationError("--labels", "the name [" + name + "] appears twice");
  }
}

/// NAME=FOLDER, with the settings that all models share.
serving::ModelSpec read_model(const std::string& text, const ServerOptions& options) {
  auto [name, folder] = split_named_value("--model", text, "NAME=FOLDER");
  serving::ModelSpec spec{std::move(name), {}};
  spec.embedder.folder = std::move(folder);
  spec.embedder.device = options.device;
  spec.embedder.threads = options.threads;
  spec.embedder.max_image_bytes = options.max_image_bytes;
  spec.embedder.max_image_pixels = options.max_image_pixels;
  spec.embedder.max_image_scans = options.max_image_scans;
  spec.embedder.max_image_time = options.image_timeout;
  spec.embedder.apply_exif_orientation = options.exif_orientation;
  return spec;
}

/// The model that an option names.
serving::ModelSpec& model_named(const char* flag, const std::string& name, std::vector<serving::ModelSpec>& models) {
  const auto model = std::find_if(models.begin(), models.end(), [&](const auto& spec) { return spec.name == name; });
  if (model == models.end()) throw CLI::ValidationError(flag, "no --model has the name [" + name + "]");
  return *model;
}

/// NAME=FOLDER for one of the models. Loading the model checks whether the two fit.
void read_text_tower(const std::string& text, std::vector<serving::ModelSpec>& models) {
  auto [name, folder] = split_named_value("--text-tower", text, "NAME=FOLDER");
  serving::ModelSpec& model = model_named("--text-tower", name, models);
  if (!model.embedder.text_folder.empty()) {
    throw CLI::ValidationError("--text-tower", "the name [" + name + "] appears twice");
  }
  model.embedder.text_folder = std::move(folder);
}

/// DTYPE for all models, NAME=DTYPE for one.
void read_dtypes(const NamedValues& texts, std::vector<serving::ModelSpec>& models) {
  static const std::set<std::string> k_dtypes{"float32", "bfloat16", "int8", "float16"};
  std::set<std::string> given;
  std::string for_all;
  for (const std::string& text : texts) {
    const bool named = text.find('=') != std::string::npos;
    const auto [name, dtype] =
        named ? split_named_value("--dtype", text, "DTYPE or NAME=DTYPE") : std::pair{std::string(), text};
    if (!k_dtypes.contains(dtype)) {
      throw CLI::ValidationError("--dtype", "[" + dtype + "] must be float32, bfloat16, int8 or float16");
    }
    if (!given.insert(name).second) {
      throw CLI::ValidationError(
          "--dtype", named ? "the name [" + name + "] appears twice" : "a dtype for all models appears twice");
    }
    (named ? model_named("--dtype", name, models).embedder.dtype : for_all) = dtype;
  }
  for (serving::ModelSpec& model : models) {
    if (!for_all.empty() && !given.contains(model.name)) model.embedder.dtype = for_all;
  }
}

/// NAME=NUMBER for one of the models. Loading the model checks whether it accepts the number.
void read_max_tokens(const std::string& text, std::vector<serving::ModelSpec>& models) {
  const auto [name, number] = split_named_value("--max-tokens", text, "NAME=NUMBER");
  const auto tokens = number_from<std::uint32_t>(number);
  if (!tokens || *tokens == 0) {
    throw CLI::ValidationError("--max-tokens", "[" + text + "] must be NAME=NUMBER, a number of tokens");
  }
  serving::ModelSpec& model = model_named("--max-tokens", name, models);
  if (model.embedder.max_tokens != 0) {
    throw CLI::ValidationError("--max-tokens", "the name [" + name + "] appears twice");
  }
  model.embedder.max_tokens = *tokens;
}

/// Sightline's own key in Authorization must not reach Cohere.
void check_cohere(ServerOptions& options) {
  if (!options.cohere_api_key_file.empty()) options.cohere = true;
  if (options.cohere && options.cohere_api_key_file.empty() && !options.api_key_file.empty()) {
    throw CLI::ValidationError("--cohere",
                               "with --api-key-file, callers cannot send a key of Cohere: set one with "
                               "--cohere-api-key-file");
  }
}

void check_access(const ServerOptions& options) {
  if (http::is_loopback(options.host) || !options.api_key_file.empty() || options.insecure_no_auth) return;
  throw CLI::ValidationError("--host", "at [" + options.host +
                                           "] other machines could use this server without a key: set --api-key-file "
                                           "(scripts/make_api_key.sh writes one), or allow it with --insecure-no-auth");
}

void check_rate_limit(const ServerOptions& options) {
  if (options.rate_limit > 0 && options.api_key_file.empty())
    throw CLI::ValidationError("--rate-limit", "requires --api-key-file: the limit is per key");
}

void check_ports(const ServerOptions& options) {
  const bool both = options.embedded_elasticsearch || !options.elasticsearch_gateway.empty();
  if (both && options.port != 0 && options.port == options.elasticsearch_port)
    throw CLI::ValidationError("--elasticsearch-port",
                               "must differ from --port [" + std::to_string(options.port) + "]");
}

/// The same check as before the first call, but before the models are loaded.
void check_endpoint_addresses(const ServerOptions& options) {
  const auto guard = security::AddressGuard::create(options.endpoint_addresses, 0);
  if (!guard) throw CLI::ValidationError("--endpoint-addresses", guard.error().message);
}

void check_tls(const ServerOptions& options) {
  if (options.tls_certificate.empty() != options.tls_key.empty())
    throw CLI::ValidationError("--tls-certificate", "must be set together with --tls-key");
  if (!options.tls_client_ca.empty() && options.tls_certificate.empty())
    throw CLI::ValidationError("--tls-client-ca", "requires --tls-certificate and --tls-key");
}

void check_picture_urls(const ServerOptions& options) {
  if (options.allow_picture_urls) return;
  if (!options.picture_url_addresses.empty())
    throw CLI::ValidationError("--picture-url-addresses", "requires --allow-picture-urls");
  if (!options.picture_url_ca_file.empty())
    throw CLI::ValidationError("--picture-url-ca-file", "requires --allow-picture-urls");
}

void check_gateway(ServerOptions& options) {
  if (options.embedded_elasticsearch) {
    throw CLI::ValidationError("--elasticsearch-gateway",
                               "cannot be combined with --embedded-elasticsearch: use one of them");
  }
  auto url = elastic::checked_cluster_url(options.elasticsearch_gateway);
  if (!url) throw CLI::ValidationError("--elasticsearch-gateway", url.error().message);
  options.elasticsearch_gateway = *std::move(url);
}

}  // namespace

int available_cores() {
  int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::ifstream file("/sys/fs/cgroup/cpu.max");  // "max 100000" or "150000 100000": microseconds per period
  double quota = 0, period = 0;
  if (file >> quota >> period && quota > 0 && period > 0) {
    cores = std::min(cores, std::max(1, static_cast<int>(std::ceil(quota / period))));
  }
  return cores;
}

std::variant<ServerOptions, int> parse_options(int argc, char** argv) {
  ServerOptions options;
  NamedValues models, text_towers, max_tokens, dtypes, labels;
  CLI::App app(
      "Serves image and text embeddings of CLIP, SigLIP, Chinese-CLIP and jina-clip models through APIs that "
      "Elasticsearch can call.",
      "sightline-server");
  app.set_version_flag("--version", "sightline-server " SIGHTLINE_VERSION);
  app.get_formatter()->column_width(44);
  add_options(app, options, models, text_towers, max_tokens, dtypes, labels);
  try {
    app.parse(argc, argv);
    if (options.threads == 0) options.threads = available_cores();
    if (options.preparation_threads == 0) options.preparation_threads = available_cores();
    if (models.empty()) throw CLI::RequiredError("--model NAME=FOLDER");
    for (const std::string& model : models) options.models.push_back(read_model(model, options));
    for (const std::string& tower : text_towers) read_text_tower(tower, options.models);
    for (const std::string& limit : max_tokens) read_max_tokens(limit, options.models);
    read_dtypes(dtypes, options.models);
    for (const std::string& set : labels) read_labels(set, options);
    if (!options.elasticsearch_gateway.empty()) check_gateway(options);
    check_access(options);
    check_ports(options);
    check_rate_limit(options);
    check_endpoint_addresses(options);
    check_tls(options);
    check_cohere(options);
    check_picture_urls(options);
    if (options.picture_cache_dir.empty() && options.embedded_elasticsearch)
      options.picture_cache_dir = (std::filesystem::path(options.data_dir) / "pictures").string();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return options;
}

}  // namespace sightline
