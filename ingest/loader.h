// Loading pictures into an index.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "ingest/attributes.h"
#include "ingest/bulk.h"
#include "ingest/cluster.h"
#include "ingest/picture_files.h"
#include "ingest/progress.h"

namespace sightline::ingest {

/// A picture that did not get into the index, and why.
struct Failure {
  std::string name;
  int status = 0;  ///< 0: never reached Elasticsearch
  int attempts = 0;
  std::string reason;
};

/// Loads pictures through `_bulk`.
///
/// Flow: 1. Files are read one after the other, hashed (the hash is the document's `_id`), and put into a
/// bulk until it is
///          full by documents or by bytes.
///       2. Up to `max_in_flight` bulks are under way at once; the reader waits when there are more.
///       3. Each answered document is stored, failed for good, or put back to be sent again after a growing
///       pause.
///       4. A bulk that Elasticsearch finds too large is halved.
/// With `resume`, a window of documents is first looked up by id, and what the index holds is not sent.
class Loader {
 public:
  struct Options {
    std::string index;
    std::string pipeline;                   ///< empty: the index's default pipeline
    std::size_t max_bulk_bytes = 8u << 20;  ///< of one body; a single larger document goes alone
    std::size_t max_bulk_documents = 64;
    int max_in_flight = 2;                       ///< bulks
    int max_attempts = 8;                        ///< for each document
    std::chrono::milliseconds first_pause{500};  ///< before the second attempt; doubles each time
    std::chrono::milliseconds longest_pause{30'000};
    std::uint64_t max_picture_bytes = 20u << 20;
    bool resume = false;
  };

  Loader(Cluster& cluster, const Options& options) : cluster_(cluster), options_(options) {}

  /// Runs to the end, or until `stop` becomes true: then what is in flight is waited for and nothing more is
  /// sent.
  Tally load(const std::vector<PictureFile>& pictures, const Attributes& attributes, Progress& progress,
             const std::atomic<bool>& stop);

  /// Those of the last `load`, in the order in which they were given up.
  const std::vector<Failure>& failures() const { return failures_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Pending {
    BulkDocument document;
    int attempts = 0;
  };
  using Batch = std::vector<Pending>;

  static std::size_t bytes_of(const Batch& batch);

  void read_pictures(const std::vector<PictureFile>& pictures, const Attributes& attributes);
  void look_up_and_add(std::vector<Pending> window);
  void add(Pending pending);
  void flush();
  void send(Batch batch);
  void on_answer(Batch batch, const Result<http::Response>& answer);
  void settle(Pending pending, const BulkOutcome& outcome);
  void give_up(const std::string& name, int status, int attempts, const std::string& reason);
  void send_due_retries(bool wait);
  std::chrono::milliseconds pause_after(int attempts) const;
  bool stopped() const { return stop_ != nullptr && stop_->load(); }

  Cluster& cluster_;
  const Options options_;
  Progress* progress_ = nullptr;
  const std::atomic<bool>* stop_ = nullptr;

  // The reader's own.
  Batch filling_;
  std::size_t filling_bytes_ = 0;
  std::set<std::string> seen_;  ///< ids of this run

  // Shared with the client's thread, under mutex_.
  std::mutex mutex_;
  std::condition_variable changed_;
  int in_flight_ = 0;
  std::multimap<Clock::time_point, Batch> retries_;
  Tally tally_;
  std::vector<Failure> failures_;
};

}  // namespace sightline::ingest
