// The server's options: flags, environment variables, and their texts in --help.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "server/api/label_book.h"
#include "server/elastic/limits.h"
#include "server/http/server.h"
#include "server/serving/embedding_cache.h"
#include "server/serving/model_registry.h"

namespace sightline {

struct ServerOptions {
  // models
  std::vector<serving::ModelSpec> models;  ///< with device, dtype, threads and limits filled in
  std::map<std::string, api::LabelSet> labels;

  // network
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;
  int workers = 8;
  std::string api_key_file;
  double rate_limit = 0;  ///< requests per second of a key without a rate of its own; 0: no limit
  std::string tls_certificate, tls_key, tls_client_ca;
  bool insecure_no_auth = false;  ///< other machines may use the server without a key
  http::ClientLimits clients;     ///< of both ports

  // the Elasticsearch port
  bool embedded_elasticsearch = false;
  std::string elasticsearch_gateway;  ///< URL of the cluster, checked; empty: no gateway
  std::uint16_t elasticsearch_port = 9200;
  std::string data_dir = "data";
  std::string gateway_mode = "auto";
  std::string elasticsearch_ca_file, elasticsearch_ca_fingerprint;
  std::chrono::milliseconds elasticsearch_timeout{0};
  std::string secret_key_file;
  std::vector<std::string> endpoint_addresses;

  // pictures that are given by URL
  bool allow_picture_urls = false;
  std::vector<std::string> picture_url_addresses;
  std::string picture_url_ca_file;
  std::chrono::milliseconds picture_url_timeout{10'000};
  int picture_url_concurrency = 16, picture_url_concurrency_per_host = 4;

  // models that run at Cohere
  bool cohere = false;  ///< after parsing true too if there is a key file
  std::string cohere_api_key_file;
  std::string cohere_url = "https://api.cohere.com";
  int cohere_concurrency = 8;
  int cohere_calls_per_minute = 0, cohere_pictures_per_minute = 0;
  int cohere_dimensions = 1536;
  std::chrono::milliseconds cohere_timeout{30'000};

  // limits
  elastic::Limits elasticsearch_limits;
  std::size_t max_body_bytes = 64u << 20;
  std::size_t max_inputs = 256;
  std::size_t max_text_bytes = 256u << 10;
  std::size_t max_image_bytes = 20u << 20;
  std::size_t max_image_pixels = 50'000'000;
  int max_image_scans = 100;
  std::chrono::milliseconds image_timeout{10'000};
  std::uint64_t max_request_pixels = 1'000'000'000;
  std::size_t max_decode_bytes = 512u << 20;
  std::size_t max_queue_items = 2048;
  std::size_t max_queue_bytes = 512u << 20;
  std::uint64_t max_queue_pixels = 8'000'000'000;
  std::chrono::milliseconds query_timeout{10'000}, document_timeout{120'000}, drain_timeout{10'000};

  // speed
  int threads = 0;              ///< of the towers, after parsing never 0
  int preparation_threads = 0;  ///< after parsing never 0
  std::string device = "cpu";
  std::size_t max_batch = 64;
  std::chrono::milliseconds max_batch_wait{2}, target_batch_time{500};
  serving::EmbeddingCache::Options vector_cache;
  std::size_t picture_cache_memory = 64u << 20, picture_cache_disk = 256u << 20;
  std::string picture_cache_dir;  ///< after parsing only empty where no thumbnails are kept on disk
  std::chrono::milliseconds watchdog_interval{10'000}, watchdog_limit{300'000};
  bool exif_orientation = false;

  // logs
  std::string log_format = "text", log_level = "info";
  std::size_t log_buffer_bytes = 1u << 20;
  std::chrono::milliseconds slow_request_log{5'000};  ///< 0: off
};

/// Reads the command line, and for each option not on it the environment variable SIGHTLINE_ + its name
/// (--log-format: SIGHTLINE_LOG_FORMAT). Answers the options, or the exit code if the program should end now:
/// after --help or --version, or after an error that has been printed.
std::variant<ServerOptions, int> parse_options(int argc, char** argv);

/// Cores this process may use: those it may run on, less if a container's quota allows less.
int available_cores();

}  // namespace sightline
