// Loading pictures into an index.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ingest/bulk.h"
#include "ingest/bulk_size.h"
#include "ingest/cluster.h"
#include "ingest/load_plan.h"
#include "ingest/note.h"
#include "ingest/progress.h"
#include "ingest/stage_times.h"
#include "server/http/retry_policy.h"

namespace sightline::ingest {

/// The field for the link to a picture, and for the SHA-256 of its bytes, beside the field for its bytes: `image_url` and
/// `image_sha256` beside `image_data`, `NAME_url` and `NAME_sha256` beside `NAME_data`.
std::string url_field(const std::string& data_field);
std::string hash_field(const std::string& data_field);

/// Loads pictures through `_bulk`.
///
/// Flow: 1. Files are read one after the other and hashed (the hash is the document's `_id`, unless the item
///          has one).
///       2. A window of documents is looked up by id, in one request per set of picture fields that they bring. What
///          the index holds keeps the fields that this load does not bring; with `resume` it is sent only if that
///          changes something. With `replace` nothing is looked up.
///       3. Documents fill a bulk until it is full by documents (BulkSize) or by bytes.
///       4. Up to `max_in_flight` bulks are under way at once; the reader waits when there are more.
///       5. Each answered document is stored, failed for good, or put back to be sent again after a growing
///          pause, or that of the answer's Retry-After if it is longer; after a conflict with another writer, or
///          without an answer, it is looked up again first. If the index holds it by then just as it was sent, it is
///          stored: the first answer was lost.
///       6. A bulk that Elasticsearch finds too large is halved.
///
/// However many documents there are, only a window, the bulks under way and those to be sent again are in memory: the
/// reader waits while the latter are more than a few bulks. Of every other document a hash is kept, to find files of
/// the same bytes.
///
/// Whole documents are written, never updates: so the pipeline runs on every document as it will be, in every
/// version of Elasticsearch, in the embedded store and through a gateway.
class Loader {
 public:
  struct Options {
    std::string index;
    std::string lookup_index;                  ///< where documents are looked up; empty: `index`
    std::string pipeline;                      ///< empty: the index's default pipeline
    std::vector<std::string> inferred_fields;  ///< written by the pipeline, or out of date: never kept
    /// Vectors, and fields beside them, that the pipeline does not write: kept while a document has the same pictures.
    std::vector<std::string> old_vectors;
    /// What the pipeline's inference processors read and write, in order.
    std::vector<Cluster::PipelineFields::Inference> inferences;
    /// Of their outputs those that each embedded picture has: fields for vectors of the index's mapping.
    std::vector<std::string> expected_vectors;
    std::size_t max_bulk_bytes = 8u << 20;  ///< of one body; a single larger document goes alone
    std::size_t max_bulk_documents = 64;
    int max_in_flight = 2;  ///< bulks
    /// For each document. Waits have their full length, so that documents that failed together go together again.
    http::RetryPolicy retry{8, std::chrono::milliseconds(500), std::chrono::milliseconds(30'000)};
    std::uint64_t max_picture_bytes = 20u << 20;
    bool resume = false;     ///< send only what the index lacks, or holds with other values
    bool replace = false;    ///< drop the fields that this load does not bring
    std::string url_prefix;  ///< of links to the pictures (`url_field`), before their encoded paths; empty: no links
    bool writes_hashes = false;  ///< of pictures (`hash_field`), of documents whose id is not made of them
  };

  /// `found` gets documents that are given up, files with the same bytes and other attributes, documents that had
  /// another name, pictures with a turn. Both must outlive the loader.
  Loader(Cluster& cluster, const Options& options, FindingSink& found)
      : cluster_(cluster), options_(options), found_(found), bulk_size_(options.max_bulk_documents) {}
  /// Waits for bulks that are under way because `load` ended with an exception.
  ~Loader();

  /// Runs to the end, or until `stop` becomes true: then what is in flight is waited for and nothing more is
  /// sent.
  Tally load(const LoadPlan& plan, Progress& progress, const std::atomic<bool>& stop);

  /// What the time of the last `load` went to.
  const StageTimes& times() const { return times_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Pending {
    BulkDocument document;
    std::uint32_t place = 0;  ///< in the plan
    bool has_hash_id = false;
    int attempts = 0;
    std::optional<bool> is_held;                ///< the index has had it before this load; nothing: not looked up yet
    bool is_stale = false;                      ///< to be looked up before it is sent again
    bool is_sent = false;                       ///< once at least: the index may hold it by now
    std::optional<std::uint64_t> written_over;  ///< `_seq_no` of the version that it replaces; nothing: it is created
    std::optional<BulkOutcome> last;            ///< of the last attempt: only looked up once more
  };
  using Batch = std::vector<Pending>;

  static std::size_t bytes_of(const Batch& batch);
  static std::vector<std::string> ids_of(const Batch& batch);

  void read_items();
  /// Nothing if a picture cannot be read, or if another file of this load has the same bytes.
  std::optional<Pending> read_item(std::size_t at);
  bool is_first_of_its_bytes(std::size_t at, const LoadItem& item, const std::string& id);
  std::string link_to(const PictureFile& file) const;
  std::size_t longest_link(const LoadItem& item) const;
  std::string attributes_of(const LoadItem& item, const std::vector<std::string>& hashes, bool has_hash_id) const;
  /// Whether pictures, and whether vectors are to be looked up.
  bool compares_pictures(const Pending& pending) const;
  bool looks_for_vectors(const Pending& pending) const { return options_.resume || pending.is_sent; }
  std::vector<std::string> fields_to_leave_out(const Batch& window) const;
  void look_up_and_add(Batch window);
  void not_looked_up(Pending pending, const Error& error);
  void add_or_skip(Pending pending, StoredDocument stored);
  /// Takes the vectors that were only looked up out of `stored`. True if one of the document's pictures has none.
  bool lacks_vectors(const Pending& pending, StoredDocument& stored) const;
  bool has_other_pictures(const Pending& pending, const StoredDocument& stored) const;
  bool is_written_already(const Pending& pending, const StoredDocument& stored) const;
  void drop_old_vectors(const Pending& pending, StoredDocument& stored);
  void add(Pending pending);
  void flush();
  void send(Batch batch);
  void land(const std::exception_ptr& fault);
  void on_answer(Batch batch, Clock::time_point sent, const Result<http::Response>& answer);
  /// `least_wait`: before it is sent again, if it is.
  void settle(Pending pending, const BulkOutcome& outcome, std::chrono::seconds least_wait = {});
  void count_indexed(const Pending& pending);
  void fail(const Pending& pending, const BulkOutcome& outcome);
  std::string with_name_of_input(const Pending& pending, const std::string& reason) const;
  void give_up(const std::string& name, int status, int attempts, const std::string& reason);
  void put_back(Clock::time_point due, Batch batch);
  void send_due_retries(std::size_t most_waiting_bytes);
  void wait_for_change(std::unique_lock<std::mutex>& lock);
  template <class Condition>
  void wait_until(std::unique_lock<std::mutex>& lock, const Condition& condition);
  bool stopped() const { return stop_ != nullptr && stop_->load(); }

  Cluster& cluster_;
  const Options options_;
  FindingSink& found_;
  const LoadPlan* plan_ = nullptr;
  Progress* progress_ = nullptr;
  const std::atomic<bool>* stop_ = nullptr;

  // The reader's own.
  Batch filling_;
  std::size_t filling_bytes_ = 0;
  using Hash = std::array<char, 32>;
  struct HashOfHash {
    std::size_t operator()(const Hash& hash) const;
  };
  std::unordered_map<Hash, std::uint32_t, HashOfHash> seen_;  ///< places in the plan, by SHA-256

  // Shared with the client's thread, under mutex_.
  std::mutex mutex_;
  std::condition_variable changed_;
  int in_flight_ = 0;
  std::exception_ptr fault_;  // of an answer that could not be handled
  BulkSize bulk_size_;
  std::multimap<Clock::time_point, Batch> retries_;
  std::size_t retry_bytes_ = 0;                                           // of these
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> copies_;  // files of the same bytes, by the first
  std::unordered_set<std::uint32_t> failed_;                              // first ones that failed
  Tally tally_;
  StageTimes times_;
};

}  // namespace sightline::ingest
