#include "server/web/pictures/picture_service.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "base/exception_error.h"
#include "base/file_kind.h"
#include "base/free_memory.h"
#include "base/sha256.h"
#include "models/image/thumbnail.h"
#include "server/http/entity_tag.h"

namespace sightline::pictures {
namespace {

using std::chrono::steady_clock;

/// Of a cache that holds thumbnails; what is remembered beside them is small.
constexpr std::size_t k_seen_part = 8, k_failures_part = 64;
/// What reading one picture may take: the document's JSON in base64, and the bytes.
constexpr std::size_t k_reading_copies = 3;
/// Below everything else this process does: a gallery's thumbnails wait for searches and embeddings.
constexpr int k_niceness = 10;
constexpr const char* k_thumbnail_type = "image/jpeg";

/// A hash of all parts, which no other list of parts has.
std::string key_of(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text.append(std::to_string(part.size())).append(":").append(part);
  return sha256_hex(text);
}

/// What of a document a caller has read, or wants to.
std::string seen_key(const PictureRequest& request, const std::string& uuid, const DocumentVersion& version) {
  return key_of({request.caller.key(), uuid, version.index, request.id, request.routing, request.field,
                 std::to_string(request.position), std::to_string(version.seq_no),
                 std::to_string(version.primary_term)});
}

std::string thumbnail_key(const std::string& content, std::uint32_t edge) {
  return key_of({models::k_thumbnail_version, content, std::to_string(edge)});
}

std::string etag_of(const std::string& hash) {
  return "\"" + hash.substr(0, 32) + "\"";
}

Refusal refusal_of(const Error& error) {
  const bool lasting = error.code != ErrorCode::overloaded && error.code != ErrorCode::internal;
  const int status = lasting ? 422 : error.code == ErrorCode::overloaded ? 429 : 500;
  return {status, to_string(error.code), error.message};
}

/// Called in a catch block.
Refusal refusal_of_exception() {
  try {
    throw;
  } catch (const WorkCancelled& cancelled) {
    return {cancelled.reason() == CancelReason::stopping ? 503 : 499, "cancelled", cancelled.what()};
  } catch (...) {
    return refusal_of(error_of_exception("reading the picture"));
  }
}

/// Of a picture behind a link: nothing that its sender does is the client's fault.
Refusal refusal_of_fetch(const std::string& place, const Error& error) {
  int status = 502;
  if (error.code == ErrorCode::invalid_argument || error.code == ErrorCode::too_large) status = 422;
  if (error.code == ErrorCode::overloaded) status = 429;
  if (error.code == ErrorCode::cancelled) status = 503;
  return {status, to_string(error.code), place + ": " + error.message};
}

/// `failure`: a code, a blank, and a message of the picture alone.
Refusal kept_refusal(const PictureRequest& request, const std::string& failure) {
  const auto blank = failure.find(' ');
  return {422, failure.substr(0, blank),
          "field [" + request.field + "] of document [" + request.id + "] of index [" + request.index +
              "]: " + failure.substr(blank + 1)};
}

serving::PreparationPool::Options pool_options(const PictureService::Options& options) {
  serving::PreparationPool::Options pool;
  pool.threads = options.threads;
  pool.max_bytes = options.max_decode_bytes;
  pool.niceness = k_niceness;
  return pool;
}

}  // namespace

const char* to_string(AnswerSource source) {
  switch (source) {
    case AnswerSource::memory:
      return "memory";
    case AnswerSource::disk:
      return "disk";
    case AnswerSource::made:
      return "made";
    case AnswerSource::shared:
      return "shared";
    case AnswerSource::original:
      return "original";
    case AnswerSource::not_modified:
      return "not_modified";
    case AnswerSource::refused:
      return "refused";
  }
  return "";
}

/// A picture as it goes out.
struct PictureService::Answer {
  Texts::Shared bytes;
  std::string content_type;
  std::string etag;
  AnswerSource source = AnswerSource::made;
};

/// One client of a flight.
struct PictureService::Waiting {
  PictureRequest request;
  Client client;
  Cancellation::Registration registration;
};

/// The work for one picture, for all who wait for it.
struct PictureService::Flight {
  PictureRequest request;
  std::string uuid;
  std::string key;
  steady_clock::time_point begun = steady_clock::now();
  std::shared_ptr<Cancellation> cancellation = std::make_shared<Cancellation>();
  // With the service's lock held.
  std::vector<std::shared_ptr<Waiting>> waiting;
  std::size_t staying = 0;  // of these, who have not left
  // Between `read` and `make`.
  DocumentVersion version;
  EncodedPicture picture;
  std::shared_ptr<const void> memory;  // counts a picture that was fetched
  std::string thumbnail;               // its key
};

Result<std::unique_ptr<PictureService>> PictureService::create(Options options) {
  std::unique_ptr<DiskCache> disk;
  if (!options.folder.empty() && options.disk_bytes > 0) {
    auto opened = DiskCache::open(options.folder, options.disk_bytes);
    if (!opened) return opened.error();
    disk = *std::move(opened);
  }
  return std::unique_ptr<PictureService>(new PictureService(std::move(options), std::move(disk)));
}

PictureService::PictureService(Options options, std::unique_ptr<DiskCache> disk)
    : options_(std::move(options)),
      documents_(options_.ask, options_.limits.max_bytes),
      disk_(std::move(disk)),
      seen_(std::max<std::size_t>(options_.memory_bytes / k_seen_part, 1u << 20)),
      thumbnails_(options_.memory_bytes - options_.memory_bytes / k_seen_part -
                  options_.memory_bytes / k_failures_part),
      failures_(std::max<std::size_t>(options_.memory_bytes / k_failures_part, 1u << 18)),
      pool_(pool_options(options_)) {}

PictureService::~PictureService() {
  stop();
}

void PictureService::stop() {
  std::vector<FlightPtr> flights;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [key, flight] : flights_) flights.push_back(flight);
  }
  for (const FlightPtr& flight : flights) flight->cancellation->cancel(CancelReason::stopping);
  pool_.stop();
  std::unique_lock lock(mutex_);
  fetched_.wait(lock, [this] { return fetching_ == 0; });
}

PictureService::Fetching::Fetching(PictureService& service) : service_(service) {
  const std::lock_guard lock(service_.mutex_);
  ++service_.fetching_;
}

void PictureService::Fetching::end() {
  if (std::exchange(ended_, true)) return;
  const std::lock_guard lock(service_.mutex_);
  --service_.fetching_;
  service_.fetched_.notify_all();
}

void PictureService::count(AnswerSource source) const {
  if (options_.answered) options_.answered(source);
}

void PictureService::refuse(const Client& client, const Refusal& refusal) const {
  count(AnswerSource::refused);
  client.fail(refusal);
}

void PictureService::send(const Client& client, const PictureRequest& request, const Answer& answer,
                          AnswerSource source) const {
  http::Response response;
  response.headers.set("ETag", answer.etag);
  response.headers.set("Cache-Control",
                       request.versioned ? "private, max-age=31536000, immutable" : "private, no-cache");
  response.headers.set("Vary", "Authorization, Sightline-Key, es-security-runas-user");
  if (http::names_tag(request.if_none_match, answer.etag)) {
    count(AnswerSource::not_modified);
    response.status = 304;
    response.content_type.clear();
    return client.send(std::move(response));
  }
  count(source);
  response.content_type = answer.content_type;
  response.body = *answer.bytes;
  client.send(std::move(response));
}

void PictureService::answer(const std::string& index, const std::string& id, const http::Request& incoming,
                            Client client) {
  auto request = read_picture_request(index, id, incoming);
  if (!request) return refuse(client, request.error());
  // The document before the index: where the index is replaced between both, the key is one that nothing has.
  const auto version = documents_.look(*request);
  if (!version) return refuse(client, version.error());
  std::string uuid = documents_.index_uuid(*request, version->index);
  std::string key = uuid.empty() ? std::string() : seen_key(*request, uuid, *version);
  if (!key.empty()) {
    const Texts::Shared content = seen_.get(key);
    if (content && answer_from_cache(*request, *content, client)) return;
  }
  join_or_start(*std::move(request), std::move(uuid), key, std::move(client));
}

/// A thumbnail that is kept; null: there is none. `source`: where.
PictureService::Texts::Shared PictureService::kept_thumbnail(const std::string& key, AnswerSource& source) {
  source = AnswerSource::memory;
  if (auto kept = thumbnails_.get(key)) return kept;
  if (!disk_) return nullptr;
  auto bytes = disk_->get(key);
  if (!bytes) return nullptr;
  source = AnswerSource::disk;
  auto text = std::make_shared<const std::string>(*std::move(bytes));
  thumbnails_.put(key, text, text->size());
  return text;
}

/// The caller has read the picture with the hash `content` before. False: the document has to be read again.
bool PictureService::answer_from_cache(const PictureRequest& request, const std::string& content, Client& client) {
  if (request.edge == 0) {
    const Answer unchanged{nullptr, "", etag_of(content)};
    if (!http::names_tag(request.if_none_match, unchanged.etag)) return false;
    send(client, request, unchanged, AnswerSource::original);
    return true;
  }
  const std::string key = thumbnail_key(content, request.edge);
  if (const Texts::Shared failure = failures_.get(key)) {
    refuse(client, kept_refusal(request, *failure));
    return true;
  }
  AnswerSource source{};
  const Texts::Shared thumbnail = kept_thumbnail(key, source);
  if (!thumbnail) return false;
  send(client, request, {thumbnail, k_thumbnail_type, etag_of(key)}, source);
  return true;
}

/// Where the index's identity is not known, nothing is shared: another may have read before the index was
/// replaced.
void PictureService::join_or_start(PictureRequest request, std::string uuid, const std::string& key, Client client) {
  const auto mine = std::make_shared<Waiting>(Waiting{std::move(request), std::move(client), {}});
  FlightPtr flight;
  bool is_new = false;
  std::optional<Refusal> refused;
  {
    const std::lock_guard lock(mutex_);
    const std::string name =
        key.empty() ? "unshared " + std::to_string(++unshared_) : key + " " + std::to_string(mine->request.edge);
    if (stopping_) {
      refused = Refusal{503, "cancelled", "the server is stopping"};
    } else if (waiting_ >= options_.max_waiting) {
      refused = Refusal{429, "overloaded", "too many thumbnails are being made; retry later"};
    } else {
      FlightPtr& place = flights_[name];
      if (!place) {
        is_new = true;
        place = std::make_shared<Flight>();
        place->request = mine->request;
        place->uuid = std::move(uuid);
        place->key = name;
      }
      flight = place;
      ++waiting_;
      ++flight->staying;
      flight->waiting.push_back(mine);
    }
  }
  if (refused) return refuse(mine->client, *refused);
  watch(flight, *mine);
  const models::PictureCost cost{k_reading_copies * options_.limits.max_bytes, 0};
  if (is_new) post(flight, serving::Lane::document, cost, &PictureService::read);
}

/// The work ends with the last client. A client that has left by now counts at once.
void PictureService::watch(const FlightPtr& flight, Waiting& waiting) {
  if (!waiting.client.cancellation) return;
  waiting.registration = Cancellation::on_cancel(waiting.client.cancellation, [this, flight] { client_left(flight); });
}

void PictureService::client_left(const FlightPtr& flight) {
  {
    const std::lock_guard lock(mutex_);
    if (--flight->staying > 0) return;
    take_off(flight);  // who comes now begins anew
  }
  flight->cancellation->cancel(CancelReason::client_left);
}

/// With the lock held.
void PictureService::take_off(const FlightPtr& flight) {
  const auto found = flights_.find(flight->key);
  if (found != flights_.end() && found->second == flight) flights_.erase(found);
}

void PictureService::post(const FlightPtr& flight, serving::Lane lane, models::PictureCost cost, Step step) {
  serving::PreparationPool::Work work;
  work.lane = lane;
  work.tasks.push_back({0, serving::Modality::image, cost});
  work.run = [this, flight, step](std::size_t) {
    const CancellationScope scope(flight->cancellation);
    try {
      check_cancelled();
      (this->*step)(flight);
    } catch (...) {
      finish(flight, refusal_of_exception());
    }
  };
  try {
    pool_.post(work);
  } catch (...) {
    finish(flight, refusal_of_exception());
  }
}

void PictureService::read(const FlightPtr& flight) {
  auto found = documents_.read(flight->request);
  if (!found) return finish(flight, found.error());
  flight->version = std::move(found->version);
  if (!found->url.empty()) return fetch(flight, found->url);
  flight->picture = std::move(found->picture);
  take(flight);
}

void PictureService::fetch(const FlightPtr& flight, const std::string& url) {
  const std::string place = "document [" + flight->request.id + "] of index [" + flight->request.index + "]";
  if (!options_.fetch) {
    return finish(flight, Refusal{404, "not_found",
                                  place + " has only a link to its picture: Sightline downloads "
                                          "pictures only with --allow-picture-urls"});
  }
  const auto fetching = std::make_shared<Fetching>(*this);
  options_.fetch(url, flight->cancellation, [this, flight, place, fetching](Result<Fetched> fetched) {
    const auto end = [](Fetching* ending) { ending->end(); };
    const std::unique_ptr<Fetching, decltype(end)> at_end(fetching.get(), end);
    if (!fetched) return finish(flight, refusal_of_fetch(place, fetched.error()));
    flight->picture.bytes = std::move(fetched->bytes);
    flight->memory = std::move(fetched->memory);
    post(flight, serving::Lane::document, {flight->picture.bytes.size(), 0}, &PictureService::take);
  });
}

void PictureService::take(const FlightPtr& flight) {
  EncodedPicture& picture = flight->picture;
  const std::string content = sha256_hex(picture.bytes);
  if (!flight->uuid.empty()) {
    seen_.put(seen_key(flight->request, flight->uuid, flight->version), std::make_shared<const std::string>(content),
              content.size());
  }
  if (flight->request.edge == 0) {
    const std::string type(media_type_of(*picture_format(picture.bytes)));
    auto bytes = std::make_shared<const std::string>(std::move(picture.bytes));
    return finish(flight, Answer{std::move(bytes), type, etag_of(content), AnswerSource::original});
  }
  flight->thumbnail = thumbnail_key(content, flight->request.edge);
  if (const Texts::Shared failure = failures_.get(flight->thumbnail))
    return finish(flight, kept_refusal(flight->request, *failure));
  AnswerSource source{};
  if (const Texts::Shared kept = kept_thumbnail(flight->thumbnail, source))
    return finish(flight, Answer{kept, k_thumbnail_type, etag_of(flight->thumbnail), source});

  models::PictureCost cost = models::cost_of_thumbnail(picture.bytes, flight->request.edge, options_.limits);
  const Status fits =
      serving::check_cost(cost, options_.max_decode_bytes, cost.pixels, std::numeric_limits<std::uint64_t>::max());
  if (!fits) return fail(flight, fits.error());
  cost.bytes += picture.bytes.size();
  // Before any other document is read: so few of them are in memory at once.
  post(flight, serving::Lane::query, cost, &PictureService::make);
}

void PictureService::make(const FlightPtr& flight) {
  auto made = models::make_thumbnail(flight->picture.bytes, flight->request.edge, options_.limits);
  if (!made) return fail(flight, made.error());
  free_memory(flight->picture.bytes);
  flight->memory.reset();
  const auto text = std::make_shared<const std::string>(*std::move(made));
  thumbnails_.put(flight->thumbnail, text, text->size());
  if (disk_) disk_->put(flight->thumbnail, *text);
  if (options_.made) options_.made(std::chrono::duration<double>(steady_clock::now() - flight->begun).count());
  finish(flight, Answer{text, k_thumbnail_type, etag_of(flight->thumbnail), AnswerSource::made});
}

/// The picture cannot be shown; remembered, unless it could be later.
void PictureService::fail(const FlightPtr& flight, const Error& error) {
  const Refusal refusal = refusal_of(error);
  if (refusal.status != 422) return finish(flight, refusal);
  const std::string failure = refusal.code + " " + flight->picture.place + refusal.message;
  failures_.put(flight->thumbnail, std::make_shared<const std::string>(failure), failure.size());
  finish(flight, kept_refusal(flight->request, failure));
}

void PictureService::finish(const FlightPtr& flight, const Result<Answer, Refusal>& answer) {
  std::vector<std::shared_ptr<Waiting>> waiting;
  {
    const std::lock_guard lock(mutex_);
    take_off(flight);
    waiting.swap(flight->waiting);
    waiting_ -= waiting.size();
  }
  for (const auto& one : waiting) {
    if (!answer) {
      refuse(one->client, answer.error());
      continue;
    }
    const bool is_first = one == waiting.front();
    send(one->client, one->request, *answer, is_first ? answer->source : AnswerSource::shared);
  }
}

}  // namespace sightline::pictures
