#include "server/api/metrics.h"

#include <iterator>
#include <prometheus/text_serializer.h>

namespace sightline::api {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using Buckets = prometheus::Histogram::BucketBoundaries;

// From a cached answer to a picture in the largest model on a small machine.
const Buckets k_seconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120};
const Buckets k_batch_sizes{1, 2, 4, 8, 16, 32, 64, 128};

std::string name_of(serving::Modality modality) {
  return serving::to_string(modality);
}

/// What the caches of vectors hold.
void add_cache_state(std::vector<prometheus::MetricFamily>& families, const serving::EmbeddingService& service) {
  using serving::Modality;
  std::vector<std::pair<std::string, double>> bytes, entries, evictions;
  for (const Modality modality : {Modality::text, Modality::image}) {
    const auto kept = service.kept(modality);
    bytes.emplace_back(name_of(modality), static_cast<double>(kept.bytes));
    entries.emplace_back(name_of(modality), static_cast<double>(kept.entries));
    evictions.emplace_back(name_of(modality), static_cast<double>(kept.evictions));
  }
  const auto add = [&](const char* name, const char* help, prometheus::MetricType type, const auto& values) {
    families.push_back(labelled_values(name, help, type, "modality", values));
  };
  add("sightline_vector_cache_bytes", "Memory of cached vectors", prometheus::MetricType::Gauge, bytes);
  add("sightline_vector_cache_entries", "Kept vectors", prometheus::MetricType::Gauge, entries);
  add("sightline_vector_cache_evictions_total", "Vectors removed to make room for others",
      prometheus::MetricType::Counter, evictions);
}

}  // namespace

Metrics::Metrics()
    : requests_(BuildCounter().Name("sightline_http_requests_total").Help("Requests answered").Register(registry_)),
      request_seconds_(BuildHistogram()
                           .Name("sightline_http_request_seconds")
                           .Help("Time from the start of a request's handler to its answer")
                           .Register(registry_)),
      refused_(BuildCounter()
                   .Name("sightline_requests_refused_total")
                   .Help("Requests answered with an error, by the code in its body")
                   .Register(registry_)),
      slow_(BuildCounter()
                .Name("sightline_slow_requests_total")
                .Help("Requests that took longer than --slow-request-log")
                .Register(registry_)),
      inputs_(BuildCounter().Name("sightline_inputs_total").Help("Inputs of well-formed requests").Register(registry_)),
      truncated_(BuildCounter()
                     .Name("sightline_inputs_truncated_total")
                     .Help("Texts cut to the model's limit")
                     .Register(registry_)),
      dropped_(BuildCounter()
                   .Name("sightline_inputs_dropped_total")
                   .Help("Inputs dropped from the queue before they ran, or whose batch was abandoned")
                   .Register(registry_)),
      cache_hits_(BuildCounter()
                      .Name("sightline_vector_cache_hits_total")
                      .Help("Inputs whose vectors were cached, or repeated within a request")
                      .Register(registry_)),
      cache_misses_(BuildCounter()
                        .Name("sightline_vector_cache_misses_total")
                        .Help("Inputs whose vectors were not cached")
                        .Register(registry_)),
      preparation_seconds_(BuildHistogram()
                               .Name("sightline_preparation_seconds")
                               .Help("Tokenizing a text; decoding, resizing and cropping a picture")
                               .Register(registry_)),
      queue_seconds_(BuildHistogram()
                         .Name("sightline_queue_seconds")
                         .Help("Time that a prepared input waited for the model")
                         .Register(registry_)),
      batch_size_(BuildHistogram().Name("sightline_batch_size").Help("Inputs in a batch").Register(registry_)),
      inference_seconds_(BuildHistogram()
                             .Name("sightline_inference_seconds")
                             .Help("Time of a batch in the model, without batches of queries in between")
                             .Register(registry_)),
      interleaved_(BuildCounter()
                       .Name("sightline_batches_interleaved_total")
                       .Help("Batches of queries that ran between the steps of a batch of documents")
                       .Register(registry_)),
      gateway_requests_(BuildCounter()
                            .Name("sightline_gateway_requests_total")
                            .Help("Requests at the gateway: forwarded to the cluster, or answered here")
                            .Register(registry_)),
      gateway_failures_(BuildCounter()
                            .Name("sightline_gateway_cluster_failures_total")
                            .Help("Requests that the cluster did not answer completely")
                            .Register(registry_)),
      cohere_calls_(BuildCounter()
                        .Name("sightline_cohere_calls_total")
                        .Help("Calls to Cohere, including retries, by status or kind of failure")
                        .Register(registry_)),
      cohere_retries_(BuildCounter()
                          .Name("sightline_cohere_retries_total")
                          .Help("Calls to Cohere that were queued again")
                          .Register(registry_)),
      cohere_wait_seconds_(BuildHistogram()
                               .Name("sightline_cohere_wait_seconds")
                               .Help("Time that a call to Cohere waited for a free slot and for the budget")
                               .Register(registry_)),
      pictures_(BuildCounter()
                    .Name("sightline_pictures_total")
                    .Help("Requests for pictures of documents, by the source of the answer")
                    .Register(registry_)),
      picture_fetches_(BuildCounter()
                           .Name("sightline_picture_fetches_total")
                           .Help("Pictures that requests gave by URL, by outcome of the download")
                           .Register(registry_)),
      picture_seconds_(BuildHistogram()
                           .Name("sightline_picture_seconds")
                           .Help("Time from a request for a thumbnail that is not cached until it is made")
                           .Register(registry_)),
      picture_cache_bytes_(BuildGauge()
                               .Name("sightline_picture_cache_bytes")
                               .Help("Size of the cached thumbnails, in memory and on disk")
                               .Register(registry_)),
      precision_cosine_(BuildGauge()
                            .Name("sightline_model_precision_cosine")
                            .Help("Cosine between vectors in the model's precision and in float32, measured at load")
                            .Register(registry_)),
      queue_items_(
          BuildGauge().Name("sightline_queue_items").Help("Inputs accepted and not yet answered").Register(registry_)),
      queue_bytes_(
          BuildGauge().Name("sightline_queue_bytes").Help("Memory reserved for these inputs").Register(registry_)),
      queue_waiting_(BuildGauge()
                         .Name("sightline_queue_waiting")
                         .Help("Those of them that are prepared and wait for the model")
                         .Register(registry_)),
      ready_(BuildGauge().Name("sightline_ready").Help("1 if /health/ready answers 200").Register(registry_).Add({})) {
  BuildGauge()
      .Name("sightline_build_info")
      .Help("Always 1")
      .Register(registry_)
      .Add({{"version", SIGHTLINE_VERSION}})
      .Set(1);
}

void Metrics::request_done(const std::string& route, const std::string& method, int status, double seconds) {
  requests_.Add({{"route", route}, {"method", method}, {"status", std::to_string(status)}}).Increment();
  request_seconds_.Add({{"route", route}}, k_seconds).Observe(seconds);
}

void Metrics::request_refused(const std::string& code) {
  refused_.Add({{"code", code}}).Increment();
}

void Metrics::request_was_slow(const std::string& port, const std::string& route) {
  slow_.Add({{"port", port}, {"route", route}}).Increment();
}

void Metrics::inputs_received(const std::string& model, serving::Modality modality, std::size_t count) {
  inputs_.Add({{"model", model}, {"modality", name_of(modality)}}).Increment(static_cast<double>(count));
}

void Metrics::gateway_request(const std::string& way) {
  gateway_requests_.Add({{"way", way}}).Increment();
}

void Metrics::gateway_cluster_failed() {
  gateway_failures_.Add({}).Increment();
}

void Metrics::cohere_answered(const std::string& outcome) {
  cohere_calls_.Add({{"status", outcome}}).Increment();
}

void Metrics::cohere_retried() {
  cohere_retries_.Add({}).Increment();
}

void Metrics::cohere_waited(double seconds) {
  cohere_wait_seconds_.Add({}, k_seconds).Observe(seconds);
}

void Metrics::picture_answered(const std::string& outcome) {
  pictures_.Add({{"from", outcome}}).Increment();
}

void Metrics::picture_fetched(const std::string& outcome) {
  picture_fetches_.Add({{"outcome", outcome}}).Increment();
}

void Metrics::picture_made(double seconds) {
  picture_seconds_.Add({}, k_seconds).Observe(seconds);
}

void Metrics::input_prepared(const std::string& model, serving::Modality modality, double seconds, bool truncated) {
  preparation_seconds_.Add({{"model", model}, {"modality", name_of(modality)}}, k_seconds).Observe(seconds);
  if (truncated) truncated_.Add({{"model", model}}).Increment();
}

void Metrics::inputs_looked_up(const std::string& model, serving::Modality modality, std::size_t hits,
                               std::size_t misses) {
  const prometheus::Labels labels{{"model", model}, {"modality", name_of(modality)}};
  cache_hits_.Add(labels).Increment(static_cast<double>(hits));
  cache_misses_.Add(labels).Increment(static_cast<double>(misses));
}

void Metrics::truncated_texts_reused(const std::string& model, std::size_t count) {
  truncated_.Add({{"model", model}}).Increment(static_cast<double>(count));
}

void Metrics::input_waited(const std::string& model, serving::Lane lane, double seconds) {
  queue_seconds_.Add({{"model", model}, {"lane", serving::to_string(lane)}}, k_seconds).Observe(seconds);
}

void Metrics::model_checked(const std::string& model, const models::PrecisionCheck& check) {
  precision_cosine_.Add({{"model", model}, {"statistic", "lowest"}}).Set(check.lowest_cosine);
  precision_cosine_.Add({{"model", model}, {"statistic", "mean"}}).Set(check.mean_cosine);
}

void Metrics::input_dropped(const std::string& model, ErrorCode reason) {
  dropped_.Add({{"model", model}, {"reason", to_string(reason)}}).Increment();
}

void Metrics::batch_ran(const std::string& model, serving::Modality modality, std::size_t items, double seconds) {
  const prometheus::Labels labels{{"model", model}, {"modality", name_of(modality)}};
  batch_size_.Add(labels, k_batch_sizes).Observe(static_cast<double>(items));
  inference_seconds_.Add(labels, k_seconds).Observe(seconds);
}

void Metrics::batch_interleaved(const std::string& model) {
  interleaved_.Add({{"model", model}}).Increment();
}

std::string Metrics::text(const serving::EmbeddingService& service, bool ready) {
  for (const auto& [model, load] : service.loads()) {
    queue_items_.Add({{"model", model}}).Set(static_cast<double>(load.items));
    queue_bytes_.Add({{"model", model}}).Set(static_cast<double>(load.bytes));
    queue_waiting_.Add({{"model", model}}).Set(static_cast<double>(load.waiting));
  }
  ready_.Set(ready ? 1 : 0);
  {
    const std::lock_guard lock(picture_bytes_mutex_);
    if (picture_bytes_) {
      const auto [memory, disk] = picture_bytes_();
      picture_cache_bytes_.Add({{"place", "memory"}}).Set(static_cast<double>(memory));
      picture_cache_bytes_.Add({{"place", "disk"}}).Set(static_cast<double>(disk));
    }
  }
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  families.push_back(single_value("sightline_log_lines_dropped_total",
                                  "Log lines dropped because they were not read fast enough or could not be written",
                                  prometheus::MetricType::Counter, static_cast<double>(dropped_log_lines_())));
  add_cache_state(families, service);
  auto process = process_metrics();
  std::move(process.begin(), process.end(), std::back_inserter(families));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace sightline::api
