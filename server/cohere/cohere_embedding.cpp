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
  bool any_dimensions;  // takes output_dimension
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

/// Of a picture that could not be made ready.
UpstreamFailure failure_of(const Error& error) {
  const int status = error.code == ErrorCode::too_large ? 413 : error.code == ErrorCode::internal ? 500 : 400;
  return {status, error.message, std::nullopt};
}

bool is_key(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F; });
}

UpstreamFailure too_many() {
  return {429, "too many inputs are waiting for Cohere: retry later", std::chrono::seconds(1)};
}

/// The indices of the texts, as many to a call as Cohere takes.
std::vector<std::vector<std::size_t>> text_calls(const std::vector<Input>& inputs) {
  std::vector<std::vector<std::size_t>> calls;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].modality != Modality::text) continue;
    bytes += inputs[i].bytes.size();
    if (calls.empty() || calls.back().size() == k_max_texts || bytes > k_max_text_bytes) {
      calls.emplace_back();
      bytes = inputs[i].bytes.size();
    }
    calls.back().push_back(i);
  }
  return calls;
}

}  // namespace

/// One request, which becomes one call or many.
class CohereEmbedding::Job : public std::enable_shared_from_this<Job> {
 public:
  Job(serving::UpstreamRequest request, std::string key, Callback done, std::shared_ptr<Load> load)
      : request_(std::move(request)),
        key_(std::move(key)),
        client_(Cancellation::follow(request_.options.cancellation, cancellation_)),
        done_(std::move(done)),
        load_(std::move(load)) {
    embeddings_.resize(request_.inputs.size());
    missing_ = request_.inputs.size();
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
    const auto wanted = request_.options.dimensions;
    if (wanted && (*wanted < 1 || (known && !known->any_dimensions && *wanted != known->dims))) {
      return refuse({400,
                     "model [" + request_.model + "] gives no vectors of " + std::to_string(*wanted) +
                         " numbers: leave the length out",
                     std::nullopt});
    }
    head_.model = request_.model;
    if (!known || known->any_dimensions) head_.output_dimension = wanted;
    dims_ = wanted ? *wanted : known ? known->dims : 0;
    return plan(options);
  }

  /// The pictures that do not fit have to be decoded: false, and answered, if that costs too much.
  bool plan(const Options& options) {
    std::uint64_t pixels = 0;
    for (std::size_t i = 0; i < request_.inputs.size(); ++i) {
      const Input& input = request_.inputs[i];
      if (input.modality != Modality::image || fits(input.bytes)) continue;
      const models::PictureCost cost = cost_of_fitting(input.bytes, options.pictures);
      pixels += cost.pixels;
      const Status affordable =
          serving::check_cost(cost, options.preparation.max_bytes, pixels, options.max_request_pixels);
      if (!affordable) {
        fail({i}, failure_of(affordable.error()));
        return false;
      }
      to_fit_.push_back({i, Modality::image, cost});
    }
    pixels_ = pixels;
    load_->pixels += pixels;
    return load_->pixels <= options.max_pixels || refuse(too_many());
  }

  void start(CohereClient& client, serving::PreparationPool& pool, const models::ImageLimits& limits) {
    for (const auto& call : text_calls(request_.inputs)) send(client, call);
    for (std::size_t i = 0; i < request_.inputs.size(); ++i) {
      if (request_.inputs[i].modality == Modality::image && fits(request_.inputs[i].bytes)) send(client, {i});
    }
    pool.post({request_.options.lane, std::move(to_fit_), [self = shared_from_this(), &client, &limits](std::size_t i) {
                 self->fit_and_send(client, i, limits);
               }});
  }

 private:
  bool over() const {
    const std::lock_guard lock(mutex_);
    return !done_;
  }

  void fit_and_send(CohereClient& client, std::size_t index, const models::ImageLimits& limits) {
    try {
      if (over()) return;
      auto picture = fitted(request_.inputs[index].bytes, limits);
      if (!picture) return fail({index}, failure_of(picture.error()));
      request_.inputs[index].bytes = *std::move(picture);
      send(client, {index});
    } catch (const std::bad_alloc&) {
      fail({index}, no_memory());
    }
  }

  void send(CohereClient& client, const std::vector<std::size_t>& indices) {
    CohereClient::Call call;
    call.key = key_;
    call.options = request_.options;
    call.options.cancellation = cancellation_;
    call.body = [self = shared_from_this(), indices] { return self->body(indices); };
    client.send(std::move(call), [self = shared_from_this(), indices](Result<std::string, UpstreamFailure> answer) {
      self->take(indices, std::move(answer));
    });
  }

  std::string body(const std::vector<std::size_t>& indices) const {
    const auto& inputs = request_.inputs;
    if (inputs[indices.front()].modality == Modality::image) return picture_body(head_, inputs[indices.front()].bytes);
    std::vector<std::string_view> texts;
    texts.reserve(indices.size());
    for (const std::size_t i : indices) texts.emplace_back(inputs[i].bytes);
    return text_body(head_, input_type_of_texts(request_.options.input_type), request_.options.truncate, texts);
  }

  void take(const std::vector<std::size_t>& indices, Result<std::string, UpstreamFailure> answer) {
    if (!answer) return fail(indices, std::move(answer).error());
    try {
      auto read = read_embed_answer(*answer, indices.size(), dims_);
      if (!read) return fail(indices, {502, read.error().message, std::nullopt});
      keep(indices, *std::move(read));
    } catch (const std::bad_alloc&) {
      fail(indices, no_memory());
    }
  }

  void keep(const std::vector<std::size_t>& indices, Embeddings read) {
    {
      const std::lock_guard lock(mutex_);
      for (std::size_t i = 0; i < indices.size(); ++i) embeddings_[indices[i]] = std::move(read[i]);
      missing_ -= indices.size();
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

  std::string place(std::size_t index) const {
    const std::string& own = request_.inputs[index].place;
    return own.empty() ? "input " + std::to_string(index) : own;
  }

  void fail(const std::vector<std::size_t>& indices, UpstreamFailure failure) {
    const std::string where = indices.size() == 1
                                  ? place(indices.front())
                                  : "the texts from " + place(indices.front()) + " to " + place(indices.back());
    failure.message = where + ": " + failure.message;
    finish(std::move(failure));
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
  std::size_t dims_ = 0, bytes_ = 0;
  std::uint64_t pixels_ = 0;

  mutable std::mutex mutex_;
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

CohereEmbedding::CohereEmbedding(Options options, std::unique_ptr<CohereClient> client)
    : options_(std::move(options)),
      load_(std::make_shared<Load>()),
      client_(std::move(client)),
      pool_(options_.preparation) {}

CohereEmbedding::~CohereEmbedding() {
  shut_down();
}

Result<std::unique_ptr<CohereEmbedding>> CohereEmbedding::create(Options options, Timer& timer) {
  auto client = CohereClient::create(options.client, timer);
  if (!client) return client.error();
  return std::unique_ptr<CohereEmbedding>(new CohereEmbedding(std::move(options), *std::move(client)));
}

std::vector<serving::UpstreamModel> CohereEmbedding::models() const {
  std::vector<serving::UpstreamModel> models;
  // Whoever reads results should not take a stand-in for Cohere.
  const bool elsewhere = options_.client.url != CohereClient::Options().url;
  const std::string description =
      elsewhere ? "answered by " + options_.client.url + ", which is not Cohere's own address" : "";
  for (const Known& known : k_known) models.push_back({known.name, known.dims, known.max_tokens, description});
  return models;
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
    if (job->admit(options_)) job->start(*client_, pool_, options_.pictures);
  } catch (const std::bad_alloc&) {
    job->refuse(no_memory());
  }
}

void CohereEmbedding::shut_down() {
  client_->shut_down();  // first: what the pool still makes ready is refused at once
  pool_.stop();
}

}  // namespace sightline::cohere
