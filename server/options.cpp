#include "server/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "base/number_text.h"
#include "server/elastic/gateway/cluster.h"

namespace sightline {
namespace {

std::string environment_name(const std::string& flag) {
  std::string name = "SIGHTLINE_";
  for (const char c : flag.substr(flag.find_first_not_of('-'))) {
    name.push_back(c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return name;
}

/// A validator that --help says nothing of: the text does.
CLI::Validator plain(CLI::Validator validator) {
  return validator.description("");
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
    return app_.add_option(flag, target, text)
        ->capture_default_str()
        ->envname(environment_name(flag))
        ->group(group_);
  }

  void named_values(const std::string& flag, NamedValues& target, const std::string& type,
                    const std::string& text) {
    value(flag, target, text)->type_name("NAME=" + type)->delimiter(',')->default_str("");
  }

  void flag(const std::string& flag, bool& target, const std::string& text) {
    app_.add_flag(flag, target, text)->envname(environment_name(flag))->group(group_);
  }

  /// How many of something: 1 to a billion.
  void count(const std::string& flag, std::size_t& target, const std::string& text) {
    value(flag, target, text)->check(plain(CLI::Range(1, 1'000'000'000)));
  }

  /// A number of bytes: 20MB, 512kB, 1048576.
  void bytes(const std::string& flag, std::size_t& target, const std::string& shown,
             const std::string& text) {
    value(flag, target, text)
        ->transform(plain(CLI::AsSizeValue(false)))
        ->default_str(shown)
        ->type_name("SIZE");
  }

  /// A span of time: 500ms, 10s, 1m, 24h.
  void time(const std::string& flag, std::chrono::milliseconds& target, const std::string& shown,
            const std::string& text) {
    static const std::map<std::string, std::int64_t> units{
        {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
    const auto read = [&target](const std::int64_t& ms) { target = std::chrono::milliseconds(ms); };
    app_.add_option_function<std::int64_t>(flag, read, text)
        ->transform(plain(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::UNIT_REQUIRED)))
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
              "JSON values and keys in one body; of a bulk in one line; more are answered 413");
  table.count("--elasticsearch-max-bulk-values", limits.max_bulk_values,
              "JSON values and keys in one _bulk; more are answered 413. Of a cluster's answer that the "
              "gateway reads: 502");
  table.bytes("--elasticsearch-max-answer-bytes", limits.max_answer_bytes, "100MB",
              "Of one answer of the store's, or of the gateway's own; more is answered 413");
  table.count("--elasticsearch-max-patterns", limits.max_patterns,
              "Names or patterns in one _source, fields, index expression or h; levels of filter_path");
  table.count("--elasticsearch-max-clauses", limits.max_clauses,
              "Queries in one search, words and fields they become included; as "
              "indices.query.bool.max_clause_count");
  table.count("--elasticsearch-max-query-depth", limits.max_query_depth,
              "How deep queries may nest; as indices.query.bool.max_nested_depth");
  table.count("--elasticsearch-max-query-values", limits.max_query_values,
              "Values in all terms and ids queries of one search");
  table.count("--elasticsearch-max-knn-clauses", limits.max_knn_clauses, "kNN clauses of one search");
  table.count("--elasticsearch-max-knn-candidates", limits.max_knn_candidates,
              "num_candidates of all kNN clauses of one search together");
  table.count("--elasticsearch-max-sort-keys", limits.max_sort_keys, "Keys in sort");
  table.count("--elasticsearch-max-aggregations", limits.max_aggregations, "Aggregations of one search");
  table.count("--elasticsearch-max-buckets", limits.max_buckets,
              "Buckets in one answer; as search.max_buckets");
  table.count("--elasticsearch-max-searches", limits.max_searches, "Searches in one _msearch");
  table.count("--elasticsearch-max-scrolls", limits.max_scrolls,
              "Scrolls and points in time open at once; as search.max_open_scroll_context");
  table.bytes("--elasticsearch-max-scroll-bytes", limits.max_scroll_bytes, "64MB",
              "That all of them keep: 16 bytes a hit of a scroll, and what it is sorted by");
  table.time("--elasticsearch-max-keep-alive", limits.max_keep_alive, "24h",
             "How long one may be kept between two requests; as search.max_keep_alive");
  table.count("--elasticsearch-max-get-documents", limits.max_get_documents, "Documents in one _mget");
  table.count("--elasticsearch-max-bulk-items", limits.max_bulk_items, "Actions in one _bulk");
  table.count("--elasticsearch-max-document-words", limits.max_document_words,
              "Words in the text fields of one document");
  table.count("--elasticsearch-max-fields", limits.max_fields,
              "The most that index.mapping.total_fields.limit may be set to");
  table.count("--elasticsearch-max-shards", limits.max_shards,
              "Shards of all indices, replicas included; as cluster.max_shards_per_node");
  table.count("--elasticsearch-max-aliases", limits.max_aliases, "Aliases of one index");
  table.count("--elasticsearch-max-alias-changes", limits.max_alias_changes,
              "Aliases that one request may change");
  table.bytes("--elasticsearch-max-definition-bytes", limits.max_definition_bytes, "16MB",
              "Of an index: its settings, mapping and aliases as JSON");
}

void add_client_limits(Table& table, http::ClientLimits& clients) {
  table.count("--max-connections", clients.max_connections,
              "Of clients, at each port; with more, the idlest is closed");
  table.count("--max-connections-per-address", clients.max_connections_per_address,
              "The same for one address (IPv6: one /64)");
  table.time("--header-timeout", clients.header_timeout, "10s",
             "How long the head of a request may take; then: 408");
  table.time("--receive-timeout", clients.receive_timeout, "30s",
             "How long nothing of a request may arrive; then: 408");
  table.time("--send-timeout", clients.send_timeout, "30s",
             "How long a client may take nothing of its answer; then it is cut");
  table.time("--idle-timeout", clients.idle_timeout, "2m",
             "How long a connection may wait for its next request");
  table.bytes("--min-transfer-rate", clients.min_transfer_rate, "240B",
              "Bytes per second that a body or the reading of an answer must keep up; 0: any");
  table.bytes("--max-request-buffer", clients.max_buffered_bytes, "192MB",
              "Bodies of requests not yet answered, unpacked, at each port; more: 429");
  table.bytes("--max-answer-buffer", clients.max_answer_bytes, "256MB",
              "Answers being made or waiting to be read, at each port; more: 429");
  table.bytes("--max-answer-buffer-per-address", clients.max_answer_bytes_per_client, "128MB",
              "The same for the clients of one address");
}

/// What requests may cost that go through inference and pipelines, on top of that.
void add_pipeline_limits(Table& table, elastic::Limits& limits) {
  table
      .value("--elasticsearch-max-waiting-requests", limits.max_waiting_requests,
             "Requests that wait for inference or for the cluster at once; more are answered 429")
      ->check(plain(CLI::Range(2, 10'000)));
  table.time("--elasticsearch-max-inference-timeout", limits.max_inference_timeout, "10m",
             "Longest call of an inference endpoint; what a request asks for is cut to it");
  table.count("--elasticsearch-max-pipeline-steps", limits.max_pipeline_steps,
              "Processors that one document may run through");
  table.bytes("--elasticsearch-max-pipeline-document-bytes", limits.max_pipeline_document_bytes, "100MB",
              "Memory that pipelines may make one document take");
  table.bytes("--elasticsearch-max-pipeline-growth-bytes", limits.max_pipeline_growth_bytes, "256MB",
              "What pipelines may add to all documents on their way at once; more: 429");
}

/// The option table. docs/server.md shows it as --help prints it.
void add_options(CLI::App& app, ServerOptions& options, NamedValues& models, NamedValues& max_tokens, NamedValues& dtypes,
                 NamedValues& labels) {
  Table table(app);
  const CLI::Validator port = plain(CLI::Range(0, 65535)),
                       pixels = plain(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 50));

  table.group("Models");
  table.named_values(
      "--model", models, "FOLDER",
      "A model: a name of your choosing and its Hugging Face folder; again for each. Names are up to 96 "
      "letters, digits, '.', '_' and '-', and may have slashes inside: google/siglip2-base-patch16-224");
  table.named_values(
      "--labels", labels, "FILE",
      "Labels to classify by: a name of your choosing and a file of one label a line; again for each");
  table.named_values("--max-tokens", max_tokens, "NUMBER",
                     "What texts for the model of that name are cut to, where its usual number will not do: "
                     "jina-clip takes up to 8192 (usual: 512); again for each");
  table.value("--device", options.device, "Where the towers run: cpu, cuda, cuda:1 ...");
  table.named_values("--dtype", dtypes, "DTYPE",
                     "What a model computes in: float32 (the usual one), bfloat16, int8 or float16; without NAME= all "
                     "that are not named. Faster and a little less exact; repeatable");
  table.flag("--exif-orientation", options.exif_orientation,
             "Turn pictures as their EXIF tag says; the reference implementations do not");

  table.group("Network");
  table.value("--host", options.host, "Address to listen on, of both ports");
  table.value("--port", options.port, "Port of the inference API and the web page; 0: any free one, printed at the start")
      ->check(port);
  table.value("--workers", options.workers, "Threads that read requests and write answers")
      ->check(plain(CLI::Range(1, 256)));
  table.value("--api-key-file", options.api_key_file,
              "File of keys, one a line, read anew at SIGHUP; then all routes but /health, /openapi.json, "
              "/docs and the files of the web page want Authorization: Bearer KEY, or Sightline-Key: KEY");
  table
      .value("--allowed-hosts", options.clients.allowed_hosts,
             "Further host names that URLs of this server may have: NAME, *.NAME, * for all. Addresses and "
             "private names always may")
      ->type_name("NAME")
      ->delimiter(',')
      ->default_str("");
  table
      .value("--allowed-origins", options.clients.allowed_origins,
             "Sites whose web pages may call this server: https://app.example.com, * for all. Pages of this "
             "server and of localhost always may")
      ->type_name("ORIGIN")
      ->delimiter(',')
      ->default_str("");
  table.time("--drain-timeout", options.drain_timeout, "10s",
             "At SIGTERM, how long requests in flight may take");

  table.group("Elasticsearch");
  table.flag("--embedded-elasticsearch", options.embedded_elasticsearch,
             "Also serve an Elasticsearch-compatible port over an embedded store");
  table
      .value(
          "--elasticsearch-gateway", options.elasticsearch_gateway,
          "Also serve an Elasticsearch port before the cluster at this URL, and do there what it cannot do")
      ->type_name("URL");
  table
      .value("--elasticsearch-port", options.elasticsearch_port,
             "Its port; 0: any free one, printed at the start")
      ->check(port);
  table.value("--data-dir", options.data_dir, "Folder of the embedded store; made if missing");
  table
      .value("--gateway-mode", options.gateway_mode,
             "auto: inference that the cluster can do is left to it; always: all is done here")
      ->check(CLI::IsMember({"auto", "always"}));
  table.value("--elasticsearch-ca-file", options.elasticsearch_ca_file,
              "PEM of the authority behind the cluster's certificate; without: the system's");
  table.value("--elasticsearch-ca-fingerprint", options.elasticsearch_ca_fingerprint,
              "Or its SHA-256, as Elasticsearch prints it at its first start");
  table.time("--elasticsearch-timeout", options.elasticsearch_timeout, "0ms",
             "How long an answer of the cluster may take to begin; 0ms: as long as it takes");
  table.value(
      "--secret-key-file", options.secret_key_file,
      "File of 32 random bytes in base64 or hex, which encrypt the secrets of endpoints; the same for "
      "all gateways of a cluster");

  table.group("Cohere");
  table.flag("--cohere", options.cohere,
             "Pass requests for models named embed-* on to Cohere, with the key that the caller sends");
  table.value("--cohere-api-key-file", options.cohere_api_key_file,
              "The same with the key in this file; callers then spend the operator's money");
  table.value("--cohere-url", options.cohere_url, "Where Cohere's API is")->type_name("URL");
  table.value("--cohere-concurrency", options.cohere_concurrency, "Calls to Cohere at once")
      ->check(plain(CLI::Range(1, 256)));
  table
      .value("--cohere-calls-per-minute", options.cohere_calls_per_minute,
             "Budget of calls to Cohere in any minute, tries counted; 0: no limit but Cohere's own")
      ->check(plain(CLI::Range(0, 1'000'000)));
  table.time("--cohere-timeout", options.cohere_timeout, "30s", "How long Cohere may take for one answer");

  table.group("Limits");
  table.bytes("--max-body-bytes", options.max_body_bytes, "64MB", "Of one request; more is answered 413");
  table.bytes("--elasticsearch-max-body-bytes", options.elasticsearch_limits.max_body_bytes, "100MB",
              "The same at the Elasticsearch port");
  add_elasticsearch_limits(table, options.elasticsearch_limits);
  add_client_limits(table, options.clients);
  add_pipeline_limits(table, options.elasticsearch_limits);
  table.count("--max-inputs", options.max_inputs, "Inputs of one request");
  table.bytes("--max-text-bytes", options.max_text_bytes, "256kB",
              "Of one text, before it is cut to the model's tokens");
  table.bytes("--max-image-bytes", options.max_image_bytes, "20MB", "Of one encoded picture");
  table.count("--max-image-pixels", options.max_image_pixels,
              "Width x height of one picture, read from its header");
  table
      .value("--max-image-scans", options.max_image_scans,
             "Scans of one JPEG: each can cost as much as a whole picture")
      ->check(plain(CLI::Range(1, 10'000)));
  table.time("--image-timeout", options.image_timeout, "10s",
             "Processor time to decode one picture; 0ms: no limit");
  table
      .value("--max-request-pixels", options.max_request_pixels,
             "Pixels to decode for one request; each scan of a JPEG of several counts for an eighth more")
      ->check(pixels);
  table.bytes("--max-decode-bytes", options.max_decode_bytes, "512MB",
              "Memory of the pictures that are decoded at the same time; one that takes more is answered 413");
  table.count("--max-queue-items", options.max_queue_items,
              "Inputs accepted and not yet answered, for each model; more: 429");
  table.bytes("--max-queue-bytes", options.max_queue_bytes, "512MB", "Memory behind these inputs; more: 429");
  table
      .value("--max-queue-pixels", options.max_queue_pixels,
             "Pixels to decode for these inputs, counted as for one request; more: 429")
      ->check(pixels);
  table.time("--query-timeout", options.query_timeout, "10s",
             "A query that has not begun to run by then is answered 429");
  table.time("--document-timeout", options.document_timeout, "2m", "The same for documents");

  table.group("Speed");
  table.value("--threads", options.threads, "Threads of the towers; 0: one a core")
      ->check(plain(CLI::Range(0, 1024)));
  table
      .value("--preparation-threads", options.preparation_threads,
             "Threads that decode pictures and tokenize texts of documents, and as many more for queries; 0: one a "
             "core")
      ->check(plain(CLI::Range(0, 1024)));
  table.count("--max-batch", options.max_batch, "Inputs in one batch");
  table.time("--max-batch-wait", options.max_batch_wait, "2ms",
             "How long a batch waits for inputs that are being prepared; 0ms: never");
  table.time("--target-batch-time", options.target_batch_time, "500ms",
             "Batches are kept to what runs in this time, so that queries need not wait; 0ms: no limit");
  table.time("--watchdog-interval", options.watchdog_interval, "10s",
             "How often each model must give a known vector again for /health/ready; 0ms: never");

  table.bytes("--vector-cache-texts", options.vector_cache.text_bytes, "16MB",
              "Memory for vectors of texts that may come again; 0MB: none are kept");
  table.bytes("--vector-cache-pictures", options.vector_cache.picture_bytes, "64MB",
              "The same for vectors of pictures");
  table.bytes("--picture-cache-memory", options.picture_cache_memory, "64MB",
              "Memory for thumbnails of documents' pictures");
  table.bytes("--picture-cache-disk", options.picture_cache_disk, "256MB",
              "Disk space for them; 0MB: none are kept there");
  table.value("--picture-cache-dir", options.picture_cache_dir,
              "Folder for them, of this server alone. Without: pictures in --data-dir; none for a gateway");

  table.group("Logs");
  table.value("--log-format", options.log_format, "Of the log on standard error")
      ->check(CLI::IsMember({"text", "json"}));
  table
      .value("--log-level", options.log_level,
             "What is logged; debug has requests to /health and /metrics too")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  table.bytes("--log-buffer-bytes", options.log_buffer_bytes, "1MB",
              "Log lines that wait to be written; more are dropped and counted");
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
    throw CLI::ValidationError("--labels", "the name [" + name + "] is given twice");
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
      throw CLI::ValidationError("--dtype", "[" + dtype + "] is none of float32, bfloat16, int8 and float16");
    }
    if (!given.insert(name).second) {
      throw CLI::ValidationError("--dtype", named ? "the name [" + name + "] is given twice"
                                                  : "a dtype for all models is given twice");
    }
    (named ? model_named("--dtype", name, models).embedder.dtype : for_all) = dtype;
  }
  for (serving::ModelSpec& model : models) {
    if (!for_all.empty() && !given.contains(model.name)) model.embedder.dtype = for_all;
  }
}

/// NAME=NUMBER, of a model that is given too. What a model can take is found out when it is loaded.
void read_max_tokens(const std::string& text, std::vector<serving::ModelSpec>& models) {
  const auto [name, number] = split_named_value("--max-tokens", text, "NAME=NUMBER");
  const auto tokens = number_from<std::uint32_t>(number);
  if (!tokens || *tokens == 0) {
    throw CLI::ValidationError("--max-tokens", "[" + text + "] must be NAME=NUMBER, a number of tokens");
  }
  serving::ModelSpec& model = model_named("--max-tokens", name, models);
  if (model.embedder.max_tokens != 0) {
    throw CLI::ValidationError("--max-tokens", "the name [" + name + "] is given twice");
  }
  model.embedder.max_tokens = *tokens;
}

/// A key of Sightline's own in Authorization must not reach Cohere.
void check_cohere(ServerOptions& options) {
  if (!options.cohere_api_key_file.empty()) options.cohere = true;
  if (options.cohere && options.cohere_api_key_file.empty() && !options.api_key_file.empty()) {
    throw CLI::ValidationError("--cohere",
                               "with --api-key-file callers have no place for a key of Cohere's: give the "
                               "operator's with --cohere-api-key-file");
  }
}

void check_gateway(ServerOptions& options) {
  if (options.embedded_elasticsearch) {
    throw CLI::ValidationError("--elasticsearch-gateway",
                               "excludes --embedded-elasticsearch: documents are in one place");
  }
  auto url = elastic::checked_cluster_url(options.elasticsearch_gateway);
  if (!url) throw CLI::ValidationError("--elasticsearch-gateway", url.error().message);
  options.elasticsearch_gateway = *std::move(url);
}

}  // namespace

int available_cores() {
  int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::ifstream file("/sys/fs/cgroup/cpu.max");  // "max 100000" or "150000 100000": microseconds a period
  double quota = 0, period = 0;
  if (file >> quota >> period && quota > 0 && period > 0) {
    cores = std::min(cores, std::max(1, static_cast<int>(std::ceil(quota / period))));
  }
  return cores;
}

std::variant<ServerOptions, int> parse_options(int argc, char** argv) {
  ServerOptions options;
  NamedValues models, max_tokens, dtypes, labels;
  CLI::App app("Serves image and text embeddings of CLIP models, in shapes that Elasticsearch can call.",
               "sightline-server");
  app.set_version_flag("--version", "sightline-server " SIGHTLINE_VERSION);
  app.get_formatter()->column_width(44);
  add_options(app, options, models, max_tokens, dtypes, labels);
  try {
    app.parse(argc, argv);
    if (options.threads == 0) options.threads = available_cores();
    if (options.preparation_threads == 0) options.preparation_threads = available_cores();
    if (models.empty()) throw CLI::RequiredError("--model NAME=FOLDER");
    for (const std::string& model : models) options.models.push_back(read_model(model, options));
    for (const std::string& limit : max_tokens) read_max_tokens(limit, options.models);
    read_dtypes(dtypes, options.models);
    for (const std::string& set : labels) read_labels(set, options);
    if (!options.elasticsearch_gateway.empty()) check_gateway(options);
    check_cohere(options);
    if (options.picture_cache_dir.empty() && options.embedded_elasticsearch)
      options.picture_cache_dir = (std::filesystem::path(options.data_dir) / "pictures").string();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return options;
}

}  // namespace sightline
