// Metrics for Prometheus.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>
#include <string>
#include <utility>
#include <vector>

#include "server/serving/embedding_service.h"
#include "server/serving/observer.h"

namespace sightline::api {

/// Counts what happens and writes it in Prometheus' text format. Label values are names of routes, models,
/// states and error codes, never text from a client.
/// Thread safety: all members may be called from any thread.
class Metrics final : public serving::Observer {
 public:
  Metrics();

  void request_done(const std::string& route, const std::string& method, int status, double seconds);
  /// A request was refused or failed, with the code of error bodies.
  void request_refused(const std::string& code);
  /// A request took longer than --slow-request-log; `route` is one of our names.
  void request_was_slow(const std::string& port, const std::string& route);
  void inputs_received(const std::string& model, serving::Modality modality, std::size_t count);

  void input_prepared(const std::string& model, serving::Modality modality, double seconds, bool truncated) override;
  void inputs_looked_up(const std::string& model, serving::Modality modality, std::size_t hits,
                        std::size_t misses) override;
  void truncated_texts_reused(const std::string& model, std::size_t count) override;
  void input_waited(const std::string& model, serving::Lane lane, double seconds) override;
  void input_dropped(const std::string& model, ErrorCode reason) override;
  void batch_ran(const std::string& model, serving::Modality modality, std::size_t items, double seconds) override;
  void batch_interleaved(const std::string& model) override;

  /// A request at the gateway's port; `way` is one of our names.
  void gateway_request(const std::string& way);
  void gateway_cluster_failed();

  /// An attempt at a call to Cohere: `outcome` is its status, "timeout" or "broken".
  void cohere_answered(const std::string& outcome);
  void cohere_retried();
  /// Time that a call to Cohere waited for a free slot and for the budget of the minute.
  void cohere_waited(double seconds);

  /// A model in a lower precision was loaded.
  void model_checked(const std::string& model, const models::PrecisionCheck& check);

  /// A request for a picture was answered; `outcome` is pictures::to_string's.
  void picture_answered(const std::string& outcome);
  void picture_made(double seconds);
  /// A picture that a request gave by URL; `outcome` is PictureFetcher's.
  void picture_fetched(const std::string& outcome);
  /// `bytes` gives what the caches of thumbnails hold, in memory and on disk. May be called while others call
  /// `text`.
  void count_picture_bytes(std::function<std::pair<std::size_t, std::size_t>()> bytes) {
    const std::lock_guard lock(picture_bytes_mutex_);
    picture_bytes_ = std::move(bytes);
  }

  /// `dropped` gives the log lines dropped since the start. To be called once, before `text`.
  void count_dropped_log_lines(std::function<std::uint64_t()> dropped) { dropped_log_lines_ = std::move(dropped); }

  /// All of it as text, with the state of the service and of the process as they are now.
  std::string text(const serving::EmbeddingService& service, bool ready);

 private:
  template <class T>
  using Family = prometheus::Family<T>;

  prometheus::Registry registry_;
  Family<prometheus::Counter>& requests_;
  Family<prometheus::Histogram>& request_seconds_;
  Family<prometheus::Counter>& refused_;
  Family<prometheus::Counter>& slow_;
  Family<prometheus::Counter>& inputs_;
  Family<prometheus::Counter>& truncated_;
  Family<prometheus::Counter>& dropped_;
  Family<prometheus::Counter>& cache_hits_;
  Family<prometheus::Counter>& cache_misses_;
  Family<prometheus::Histogram>& preparation_seconds_;
  Family<prometheus::Histogram>& queue_seconds_;
  Family<prometheus::Histogram>& batch_size_;
  Family<prometheus::Histogram>& inference_seconds_;
  Family<prometheus::Counter>& interleaved_;
  Family<prometheus::Counter>& gateway_requests_;
  Family<prometheus::Counter>& gateway_failures_;
  Family<prometheus::Counter>& cohere_calls_;
  Family<prometheus::Counter>& cohere_retries_;
  Family<prometheus::Histogram>& cohere_wait_seconds_;
  Family<prometheus::Counter>& pictures_;
  Family<prometheus::Counter>& picture_fetches_;
  Family<prometheus::Histogram>& picture_seconds_;
  Family<prometheus::Gauge>& picture_cache_bytes_;
  Family<prometheus::Gauge>& precision_cosine_;
  Family<prometheus::Gauge>& queue_items_;
  Family<prometheus::Gauge>& queue_bytes_;
  Family<prometheus::Gauge>& queue_waiting_;
  prometheus::Gauge& ready_;
  std::function<std::uint64_t()> dropped_log_lines_ = [] { return 0; };
  std::mutex picture_bytes_mutex_;
  std::function<std::pair<std::size_t, std::size_t>()> picture_bytes_;  // empty: no pictures are served
};

/// A family of one value without labels, for a number that is counted elsewhere.
prometheus::MetricFamily single_value(const char* name, const char* help, prometheus::MetricType type, double value);

/// The same of one value for each of a label's values.
prometheus::MetricFamily labelled_values(const char* name, const char* help, prometheus::MetricType type,
                                         const char* label, const std::vector<std::pair<std::string, double>>& values);

/// This process' memory, processor time, descriptors and start, in the names that Prometheus' own libraries
/// use; values that the system does not provide are left out.
std::vector<prometheus::MetricFamily> process_metrics();

}  // namespace sightline::api
