// Pictures of documents, and thumbnails of them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/cancellation.h"
#include "base/lru_cache.h"
#include "base/result.h"
#include "models/image/preprocess.h"
#include "server/http/message.h"
#include "server/serving/preparation_pool.h"
#include "server/web/pictures/disk_cache.h"
#include "server/web/pictures/document_pictures.h"
#include "server/web/pictures/picture_request.h"

namespace sightline::pictures {

/// Answers the client of one request.
struct Client {
  std::function<void(http::Response)> send;         ///< called once, from any thread
  std::function<void(const Refusal&)> fail;         ///< the same, instead of `send`
  std::shared_ptr<Cancellation> cancellation = {};  ///< of the request; may be null
};

/// The source of an answer, for metrics.
enum class AnswerSource { memory, disk, made, shared, original, not_modified, refused };
const char* to_string(AnswerSource source);

/// Answers requests for pictures.
///
/// Flow: 1. `answer` asks the Elasticsearch side, as the caller, whether the document is there and which
///          version it has. No cache answers before that: a caller who may not read a document gets no picture of it.
///       2. What a caller has read is cached by the index's identity, the document's version and the
///          caller's credentials: as a hash of the picture's bytes. Thumbnails are kept by that hash and
///          their size, in memory and on disk. So a replaced document, or an index made anew under its name,
///          never shows an old picture; and what is hidden from one caller (field level security) is not
///          shown because another has seen it.
///       3. Otherwise the document's field is read and the thumbnail made, on a few threads of low priority:
///          reading and decoding for a gallery leaves searches and embeddings their time. Requests for the
///          same at the same time are one piece of work, which ends when the last of their clients has disconnected.
/// A document may have a link to its picture instead (DocumentPictures::read): then `fetch` gets the picture. It is
/// cached in the same way, so it is fetched again only when the document has changed.
/// A picture that cannot be decoded is cached as a failure, so that each is tried once.
/// Thread safety: all members may be called from any thread. `stop` once, after the server of its requests
/// has stopped.
class PictureService {
 public:
  /// A picture from a link. `memory` counts its bytes as long as it exists.
  struct Fetched {
    std::string bytes;
    std::shared_ptr<const void> memory;
  };
  /// Calls `done` once, from any thread, perhaps at once, and at the latest when `cancellation` is cancelled.
  using Fetch = std::function<void(const std::string& url, const std::shared_ptr<Cancellation>& cancellation,
                                   std::function<void(Result<Fetched>)> done)>;
  struct Options {
    Ask ask;
    Fetch fetch = {};                           ///< of pictures that are given by URL; empty: those are refused
    models::ImageLimits limits;                 ///< of decoding; `max_bytes` also for pictures sent as they are
    std::size_t max_decode_bytes = 512u << 20;  ///< memory of pictures being read and decoded at the same time
    int threads = 1;                            ///< that read and decode; one more only decodes
    std::size_t max_waiting = 2048;             ///< requests beyond the caches, waiting or at work; more get 429
    std::size_t memory_bytes = 64u << 20;       ///< of thumbnails; 0: none are kept in memory
    std::filesystem::path folder;               ///< of thumbnails on disk; empty: none are kept there
    std::size_t disk_bytes = 256u << 20;        ///< of these; 0: as an empty `folder`
    /// Called for each answer, and for each thumbnail with its time since the request. May be empty; any
    /// thread.
    std::function<void(AnswerSource)> answered = {};
    std::function<void(double seconds)> made = {};
  };

  /// Errors: those of DiskCache::open.
  static Result<std::unique_ptr<PictureService>> create(Options options);
  ~PictureService();

  /// `index` and `id` are the path's, decoded. Blocks while the Elasticsearch side is asked about the
  /// document.
  void answer(const std::string& index, const std::string& id, const http::Request& request, Client client);

  /// Ends the work that is under way, and returns when nothing runs any more; later requests get 503.
  void stop();

  std::size_t memory_bytes() const { return thumbnails_.stats().bytes + seen_.stats().bytes + failures_.stats().bytes; }
  std::size_t disk_bytes() const { return disk_ ? disk_->bytes() : 0; }

 private:
  using Texts = LruCache<std::string>;
  struct Waiting;
  struct Flight;
  using FlightPtr = std::shared_ptr<Flight>;
  struct Answer;
  using Step = void (PictureService::*)(const FlightPtr&);
  /// A fetch whose callback has not returned. `stop` waits for it.
  class Fetching {
   public:
    explicit Fetching(PictureService& service);
    ~Fetching() { end(); }
    Fetching(const Fetching&) = delete;
    Fetching& operator=(const Fetching&) = delete;
    void end();

   private:
    PictureService& service_;
    bool ended_ = false;
  };

  PictureService(Options options, std::unique_ptr<DiskCache> disk);
  bool answer_from_cache(const PictureRequest& request, const std::string& content, Client& client);
  void join_or_start(PictureRequest request, std::string uuid, const std::string& key, Client client);
  void client_left(const FlightPtr& flight);
  void watch(const FlightPtr& flight, Waiting& waiting);
  void take_off(const FlightPtr& flight);
  void post(const FlightPtr& flight, serving::Lane lane, models::PictureCost cost, Step step);
  void read(const FlightPtr& flight);
  void fetch(const FlightPtr& flight, const std::string& url);
  void take(const FlightPtr& flight);
  void make(const FlightPtr& flight);
  void fail(const FlightPtr& flight, const Error& error);
  void finish(const FlightPtr& flight, const Result<Answer, Refusal>& answer);
  void refuse(const Client& client, const Refusal& refusal) const;
  void send(const Client& client, const PictureRequest& request, const Answer& answer, AnswerSource source) const;
  void count(AnswerSource source) const;
  Texts::Shared kept_thumbnail(const std::string& key, AnswerSource& source);

  const Options options_;
  const DocumentPictures documents_;
  const std::unique_ptr<DiskCache> disk_;  // null: none
  Texts seen_;                             // hashes of contents, by who has read what
  Texts thumbnails_;                       // by content and size
  Texts failures_;                         // why there is none, by the same
  std::mutex mutex_;
  std::map<std::string, FlightPtr> flights_;
  std::size_t waiting_ = 0;
  std::uint64_t unshared_ = 0;
  bool stopping_ = false;
  std::size_t fetching_ = 0;         // fetches whose callback has not returned
  std::condition_variable fetched_;  // that has become fewer
  serving::PreparationPool pool_;    // last: its threads use all above
};

}  // namespace sightline::pictures
