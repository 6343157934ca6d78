#include "server/cohere/cohere_embedding.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <sstream>
#include <utility>

#include "base/ascii_lower.h"
#include "base/trimmed.h"
#include "server/cohere/call_failure.h"
#include "server/cohere/embed_answer.h"
#include "server/cohere/embed_body.h"
#include "server/cohere/fitting_picture.h"
#include "server/security/key_file.h"

namespace sightline::cohere {
namespace {

using serving::Embeddings;
using serving::Input;
using serving::Modality;
using serving::UpstreamFailure;

/// Models of docs.cohere.com/docs/cohere-embed; others named `embed-*` are sent on as well.
struct Known {
  const char* name;
  std::uint32_t dims, max_tokens;
  bool is_v4;  // takes output_dimension, many pictures per call, and several parts for one vector
};
constexpr Known k_known[] = {
    {"embed-v4.0", 1536, 128'000, true},
    {"embed-english-v3.0", 1024, 512, false},
    {"embed-english-light-v3.0", 384, 512, false},
    {"embed-multilingual-v3.0", 1024, 512, false},
    {"embed-multilingual-light-v3.0", 384, 512, false},
};

const Known* find_known(std::string_view model) {
  const auto* const found =
      std::find_if(std::begin(k_known), std::end(k_known), [model](const Known& known) { return model == known.name; });
  return found == std::end(k_known) ? nullptr : found;
}

constexpr std::size_t k_dimensions[] = {256, 512, 1024, 1536};  // of embed-v4.0

bool has_dimensions(std::size_t wanted) {
  return std::find(std::begin(k_dimensions), std::end(k_dimensions), wanted) != std::end(k_dimensions);
}

/// Pictures in one call: at most half the budget of a minute. A call of the whole budget would not be sent as long as
/// queries use a part of each minute.
std::size_t pictures_per_call(const Known* known, const CohereClient::Options& client) {
  if (!known || !known->is_v4) return 1;
  const auto budget = static_cast<std::size_t>(client.pictures_per_minute);
  return budget == 0 ? k_max_pictures : std::clamp<std::size_t>(budget / 2, 1, k_max_pictures);
}

/// Of a picture that could not be made ready.
UpstreamFailure failure_of(const Error& error) {
  const int status = error.code == ErrorCode::too_large ? 413 : error.code == ErrorCode::internal ? 500 : 400;
  return {status, error.message, std::nullopt};
}

bool is_key(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F; });
}

UpstreamFailure late() {
  return {429, "the deadline passed before the picture was prepared: the server is busy, retry later",
          std::chrono::seconds(1)};
}

UpstreamFailure too_many() {
  return {429, "too many inputs are waiting for Cohere: retry later", std::chrono::seconds(1)};
}

/// What gets one vector: some inputs that follow each other.
struct Content {
  std::size_t first, count;
  std::size_t unready;  // pictures among them that are yet to be made to fit
  bool is_text = false;
};

/// `counts`: inputs of each; empty: one for each.
std::vector<Content> contents_of(const std::vector<Input>& inputs, std::vector<std::size_t> counts) {
  if (counts.empty()) counts.assign(inputs.size(), 1);
  std::vector<Content> contents;
  std::size_t first = 0;
  for (const std::size_t count : counts) {
    contents.push_back({first, count, 0, count == 1 && inputs[first].modality == Modality::text});
    first += count;
  }
  return contents;
}

}  // namespace

/// One request, which becomes one call or many.
class CohereEmbedding::Job final : public PictureWaiter, public std::enable_shared_from_this<Job> {
 public:
  Job(serving::UpstreamRequest request, std::string key, Callback done, std::shared_ptr<Load> load)
      : request_(std::move(request)),
        key_(std::move(key)),
        client_(Cancellation::follow(request_.options.cancellation, cancellation_)),
        contents_(contents_of(request_.inputs, std::move(request_.options.parts))),
        done_(std::move(done)),
        load_(std::move(load)) {
    embeddings_.resize(contents_.size());
    missing_ = contents_.size();
    for (const Input& input : request_.inputs) bytes_ += input.bytes.size();
    load_->items += request_.inputs.size();
    load_->bytes += bytes_;
  }

  bool refuse(UpstreamFailure failure) {
    finish(std::move(failure));
    return false;
  }

  /// False, and answered, if a limit is passed or the request contradicts itself.
  bool admit(const Options& options) {
    if (load_->items > options.max_items || load_->bytes > options.max_bytes) {
      return refuse(too_many());
    }
    const Known* const known = find_known(request_.model);
    const bool is_v4 = known && known->is_v4;
    auto wanted = request_.options.dimensions;
    if (wanted && (*wanted < 1 || (known && (is_v4 ? !has_dimensions(*wanted) : *wanted != known->dims)))) {
      return refuse({400,
                     "model [" + request_.model + "] has no vectors of " + std::to_string(*wanted) + " numbers: " +
                         (is_v4 ? "request 256, 512, 1024 or 1536, or leave the length out" : "leave the length out"),
                     std::nullopt});
    }
    if (is_v4 && !wanted && options.dimensions != known->dims) wanted = options.dimensions;
    head_.model = request_.model;
    if (!known || is_v4) head_.output_dimension = wanted;
    dims_ = wanted ? *wanted : known ? known->dims : 0;
    most_pictures_ = pictures_per_call(known, options.client);
    return plan(options);
  }

  /// The pictures that do not fit have to be decoded: false, and answered, if that costs too much.
  bool plan(const Options& options) {
    std::uint64_t pixels = 0;
    for (std::size_t content = 0; content < contents_.size(); ++content) {
      const std::size_t first = contents_[content].first;
      for (std::size_t i = first; i < first + contents_[content].count; ++i) {
        const Input& input = request_.inputs[i];
        if (input.modality != Modality::image || fits(input.bytes)) continue;
        const models::PictureCost cost = cost_of_fitting(input.bytes, options.pictures);
        pixels += cost.pixels;
        const Status affordable =
            serving::check_cost(cost, options.preparation.max_bytes, pixels, options.max_request_pixels);
        if (!affordable) return refuse(at_place(i, failure_of(affordable.error())));
        to_fit_.push_back({i, Modality::image, cost});
        ++contents_[content].unready;
      }
    }
    pixels_ = pixels;
    load_->pixels += pixels;
    return load_->pixels <= options.max_pixels || refuse(too_many());
  }

  void start(CohereClient& client, PictureCalls& pictures, serving::PreparationPool& pool, const Timer& timer,
             const models::ImageLimits& limits) {
    for (const auto& call : text_calls()) send_texts(client, call);
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < contents_.size(); ++i) {
      if (!contents_[i].is_text && contents_[i].unready == 0) ready.push_back(i);
    }
    send_pictures(pictures, ready);
    pool.post({request_.options.lane, std::move(to_fit_),
               [self = shared_from_this(), &pictures, &timer, &limits](std::size_t i) {
                 self->fit_and_send(pictures, i, timer, limits);
               }});
  }

  // ---- PictureWaiter; `items` are indices of contents, as everywhere below

  const std::shared_ptr<Cancellation>& cancellation() const override { return cancellation_; }

  void take(const std::vector<std::size_t>& items, Embeddings vectors) override {
    {
      const std::lock_guard lock(mutex_);
      for (std::size_t i = 0; i < items.size(); ++i) embeddings_[items[i]] = std::move(vectors[i]);
      missing_ -= items.size();
      if (missing_ > 0) return;
    }
    // Where the length is not known beforehand, each call was only checked in itself.
    const std::size_t size = embeddings_.front().values.size();
    for (std::size_t i = 0; i < embeddings_.size(); ++i) {
      if (embeddings_[i].values.size() == size) continue;
      return fail({i}, {502, "Cohere's answers cannot be used: their vectors differ in length", std::nullopt});
    }
    finish(std::move(embeddings_));
  }

  void fail(const std::vector<std::size_t>& items, UpstreamFailure failure) override {
    const auto [first, last] = std::minmax_element(items.begin(), items.end());
    std::string where = place(*first);
    if (items.size() > 1) {
      const char* const what = contents_[*first].is_text ? "texts" : "pictures";
      where = std::string("the ") + what + " from " + where + " to " + place(*last);
    }
    failure.message = where + ": " + failure.message;
    finish(std::move(failure));
  }

 private:
  bool over() const {
    const std::lock_guard lock(mutex_);
    return !done_;
  }

  /// The contents that are texts, as many to a call as Cohere takes.
  std::vector<std::vector<std::size_t>> text_calls() const {
    std::vector<std::vector<std::size_t>> calls;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < contents_.size(); ++i) {
      if (!contents_[i].is_text) continue;
      const std::size_t own = request_.inputs[contents_[i].first].bytes.size();
      bytes += own;
      if (calls.empty() || calls.back().size() == k_max_texts || bytes > k_max_text_bytes) {
        calls.emplace_back();
        bytes = own;
      }
      calls.back().push_back(i);
    }
    return calls;
  }

  void send_texts(CohereClient& client, const std::vector<std::size_t>& items) {
    CohereClient::Call call;
    call.key = key_;
    call.options = request_.options;
    call.options.cancellation = cancellation_;
    call.body = [self = shared_from_this(), items] { return self->texts_body(items); };
    client.send(std::move(call), [self = shared_from_this(), items](Result<std::string, UpstreamFailure> answer) {
      self->take_texts(items, std::move(answer));
    });
  }

  std::string texts_body(const std::vector<std::size_t>& items) const {
    std::vector<std::string_view> texts;
    texts.reserve(items.size());
    for (const std::size_t i : items) texts.emplace_back(request_.inputs[contents_[i].first].bytes);
    return text_body(head_, input_type_of_texts(request_.options.input_type), request_.options.truncate, texts);
  }

  void take_texts(const std::vector<std::size_t>& items, Result<std::string, UpstreamFailure> answer) {
    if (!answer) return fail(items, std::move(answer).error());
    try {
      auto read = read_embed_answer(*answer, items.size(), dims_);
      if (!read) return fail(items, {502, read.error().message, std::nullopt});
      for (serving::Embedding& embedding : *read) embedding.width = embedding.height = 0;  // it is no picture
      take(items, *std::move(read));
    } catch (const std::bad_alloc&) {
      fail(items, no_memory());
    }
  }

  void fit_and_send(PictureCalls& pictures, std::size_t index, const Timer& timer, const models::ImageLimits& limits) {
    const auto after = std::upper_bound(contents_.begin(), contents_.end(), index,
                                        [](std::size_t at, const Content& content) { return at < content.first; });
    const auto content = static_cast<std::size_t>(after - contents_.begin()) - 1;
    try {
      if (over()) return;
      if (cancellation_->requested()) return finish(client_left());
      if (timer.now() >= request_.options.deadline) return finish(at_place(index, late()));
      auto picture = fitted(request_.inputs[index].bytes, limits);
      if (!picture) return finish(at_place(index, failure_of(picture.error())));
      {
        const std::lock_guard lock(mutex_);
        request_.inputs[index].bytes = *std::move(picture);
        if (--contents_[content].unready > 0) return;
      }
      send_pictures(pictures, {content});
    } catch (const std::bad_alloc&) {
      fail({content}, no_memory());
    }
  }

  void send_pictures(PictureCalls& pictures, const std::vector<std::size_t>& items) {
    PictureCalls::Terms terms;
    terms.key = key_;
    terms.head = head_;
    terms.truncate = request_.options.truncate;
    terms.dims = dims_;
    terms.lane = request_.options.lane;
    terms.deadline = request_.options.deadline;
    terms.most = most_pictures_;
    const std::string several(input_type_of_texts(request_.options.input_type));
    for (const std::size_t i : items) {
      PictureCalls::Item item{shared_from_this(), i, {}};
      for (std::size_t k = contents_[i].first; k < contents_[i].first + contents_[i].count; ++k)
        item.parts.push_back({request_.inputs[k].modality == Modality::image, request_.inputs[k].bytes});
      terms.input_type = contents_[i].count == 1 ? "" : several;
      pictures.add(terms, std::move(item));
    }
    if (terms.lane != serving::Lane::query || most_pictures_ == 1) return;
    for (const std::string& type : {std::string(), several}) {  // a query does not wait for company
      terms.input_type = type;
      pictures.flush(terms);
    }
  }

  std::string place_of_input(std::size_t index) const {
    const std::string& own = request_.inputs[index].place;
    return own.empty() ? "input " + std::to_string(index) : own;
  }
  UpstreamFailure at_place(std::size_t index, UpstreamFailure failure) const {
    failure.message = place_of_input(index) + ": " + failure.message;
    return failure;
  }
  /// Of a content; that of its first part without the part's number.
  std::string place(std::size_t item) const {
    const std::string first = place_of_input(contents_[item].first);
    return contents_[item].count == 1 ? first : first.substr(0, first.rfind(", part "));
  }

  void finish(Result<Embeddings, UpstreamFailure> outcome) {
    Callback done;
    {
      const std::lock_guard lock(mutex_);
      done = std::exchange(done_, nullptr);
    }
    if (!done) return;
    cancellation_->cancel(CancelReason::client_left);  // calls that are not made yet
    // Before the answer: whoever has it may send the next request at once.
    load_->items -= request_.inputs.size();
    load_->bytes -= bytes_;
    load_->pixels -= pixels_;
    done(std::move(outcome));
  }

  serving::UpstreamRequest request_;  // a picture's bytes change before its call is made, and not after
  const std::string key_;
  const std::shared_ptr<Cancellation> cancellation_ = std::make_shared<Cancellation>();  // of the calls
  const Cancellation::Registration client_;
  std::vector<serving::PreparationPool::Task> to_fit_;
  BodyHead head_;
  std::size_t dims_ = 0, bytes_ = 0, most_pictures_ = 1;
  std::uint64_t pixels_ = 0;

  mutable std::mutex mutex_;
  std::vector<Content> contents_;
  Callback done_;  // empty: answered
  Embeddings embeddings_;
  std::size_t missing_ = 0;
  const std::shared_ptr<Load> load_;
};

Result<std::string> read_key_file(const std::filesystem::path& file) {
  auto text = security::read_key_file("Cohere key file", file);
  if (!text) return text.error();
  std::istringstream in(*std::move(text));
  std::string line;
  while (std::getline(in, line)) {
    const std::string_view key = trimmed(line, " \t\r");
    if (key.empty() || key.front() == '#') continue;
    if (is_key(key)) return std::string(key);
    return Error{ErrorCode::invalid_argument,
                 file.string() + ": a key is printable ASCII without whitespace, alone on its line"};
  }
  return Error{ErrorCode::invalid_argument, file.string() + " contains no key: write it on a separate line"};
}

CohereEmbedding::CohereEmbedding(Options options, std::unique_ptr<CohereClient> client, Timer& timer)
    : options_(std::move(options)),
      load_(std::make_shared<Load>()),
      timer_(timer),
      client_(std::move(client)),
      pictures_(std::make_shared<PictureCalls>(*client_, timer, options_.gathering)),
      pool_(options_.preparation) {}

CohereEmbedding::~CohereEmbedding() {
  shut_down();
}

Result<std::unique_ptr<CohereEmbedding>> CohereEmbedding::create(Options options, Timer& timer) {
  if (!has_dimensions(options.dimensions))
    return Error{ErrorCode::invalid_argument, "embed-v4.0 gives vectors of 256, 512, 1024 or 1536 numbers"};
  auto client = CohereClient::create(options.client, timer);
  if (!client) return client.error();
  return std::unique_ptr<CohereEmbedding>(new CohereEmbedding(std::move(options), *std::move(client), timer));
}

std::vector<serving::UpstreamModel> CohereEmbedding::models() const {
  std::vector<serving::UpstreamModel> models;
  // Whoever reads results should not take a stand-in for Cohere.
  const bool elsewhere = options_.client.url != CohereClient::Options().url;
  const std::string description =
      elsewhere ? "answered by " + options_.client.url + ", which is not Cohere's own address" : "";
  for (const Known& known : k_known) {
    serving::UpstreamModel& model = models.emplace_back();
    model = {known.name, known.dims, known.max_tokens, description};
    if (known.is_v4) model.dims = static_cast<std::uint32_t>(options_.dimensions);
    model.pictures_per_call = static_cast<std::uint32_t>(pictures_per_call(&known, options_.client));
    model.pictures_per_minute = static_cast<std::uint32_t>(options_.client.pictures_per_minute);
    model.calls_per_minute = static_cast<std::uint32_t>(options_.client.calls_per_minute);
  }
  return models;
}

bool CohereEmbedding::fuses(std::string_view model) const {
  const Known* const known = find_known(model);
  return known && known->is_v4;
}

Result<std::string, UpstreamFailure> CohereEmbedding::key_for(const std::string& authorization) const {
  if (!options_.key.empty()) return options_.key;
  constexpr std::string_view k_scheme = "bearer ";
  const std::string_view key = starts_with_any_case(authorization, k_scheme)
                                   ? trimmed(std::string_view(authorization).substr(k_scheme.size()), " \t\r")
                                   : std::string_view();
  if (is_key(key)) return std::string(key);
  return UpstreamFailure{401,
                         "this model runs at Cohere: send your Cohere key as Authorization: Bearer KEY, or start "
                         "the server with --cohere-api-key-file",
                         std::nullopt};
}

void CohereEmbedding::embed(serving::UpstreamRequest request, Callback done) {
  auto key = key_for(request.authorization);
  if (!key) return done(std::move(key).error());
  if (request.inputs.empty()) return done(Embeddings{});
  const auto job = std::make_shared<Job>(std::move(request), *std::move(key), std::move(done), load_);
  try {
    if (job->admit(options_)) job->start(*client_, *pictures_, pool_, timer_, options_.pictures);
  } catch (const std::bad_alloc&) {
    job->refuse(no_memory());
  }
}

void CohereEmbedding::shut_down() {
  client_->shut_down();  // first: what the pool still makes ready is refused at once
  pool_.stop();
  pictures_->stop();
}

}  // namespace sightline::cohere
