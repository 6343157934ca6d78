#include "server/serving/embedding_service.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "base/exception_error.h"

namespace sightline::serving {
namespace {

/// How errors call it.
std::string place_of(const std::vector<Input>& inputs, std::size_t i) {
  return inputs[i].place.empty() ? "input " + std::to_string(i) : inputs[i].place;
}

}  // namespace

/// The inputs of a request that have to be computed, on their way. Shared by what is done with each.
class EmbeddingService::Job : public std::enable_shared_from_this<Job> {
 public:
  Job(EmbeddingService& service, ModelRegistry::Model& model, std::vector<Input> inputs,
      std::vector<EmbeddingCache::Key> keys, EmbedOptions options, std::vector<BatchQueue::Ticket> tickets,
      Callback done)
      : service_(service),
        model_(model),
        inputs_(std::move(inputs)),
        keys_(std::move(keys)),
        options_(std::move(options)),
        tickets_(std::move(tickets)),
        done_(std::move(done)),
        cancellation_(std::make_shared<Cancellation>()),
        client_(Cancellation::follow(options_.cancellation, cancellation_)),
        results_(inputs_.size()),
        left_(inputs_.size()) {
    places_.reserve(inputs_.size());
    stages_.reserve(inputs_.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) stages_.emplace_back(options_.trace, Stage::preparation_wait);
    for (const Input& input : inputs_) places_.push_back(input.place);
  }

  void start(std::vector<PreparationPool::Task> tasks) {
    service_.pool_->post(
        {options_.lane, std::move(tasks), [job = shared_from_this()](std::size_t i) { job->prepare(i); }});
  }
  /// Instead of `start`, or after it threw.
  void refuse(Error error) { done_(std::move(error)); }

 private:
  static constexpr std::size_t k_none = static_cast<std::size_t>(-1);

  void prepare(std::size_t i) noexcept;
  void prepare_and_submit(std::size_t i);
  Result<models::Prepared> prepared(std::size_t i);
  void submit(std::size_t i, models::Prepared input);
  /// `error` with the place of the input that it is about.
  Error placed(std::size_t i, const Error& error) const { return {error.code, places_[i] + ": " + error.message}; }
  void take(std::size_t i, Result<std::vector<float>> vector);
  void fail(std::size_t i, Error error) noexcept;
  void finish_one() noexcept;
  void call_back() noexcept;

  EmbeddingService& service_;
  ModelRegistry::Model& model_;
  std::vector<Input> inputs_;
  std::vector<std::string> places_;
  std::vector<StageSpan> stages_;  // of the inputs that are not yet with the queue
  std::vector<EmbeddingCache::Key> keys_;
  const EmbedOptions options_;
  std::vector<BatchQueue::Ticket> tickets_;
  Callback done_;
  const std::shared_ptr<Cancellation> cancellation_;  // of the inputs that wait: as the client's, or after an error
  const Cancellation::Registration client_;
  Embeddings results_;
  std::atomic<std::size_t> left_;
  std::atomic<std::size_t> first_bad_{k_none};  // the lowest index that failed
  std::mutex error_mutex_;
  std::optional<Error> error_;
};

void EmbeddingService::Job::prepare(std::size_t i) noexcept {
  stages_[i].move_to(Stage::prepare);
  try {
    prepare_and_submit(i);
  } catch (...) {
    fail(i, error_of_exception("preparing it"));
  }
}

/// Throws only before the input is with the queue, and before it is answered.
void EmbeddingService::Job::prepare_and_submit(std::size_t i) {
  const auto finish_unrun = [&] {
    const BatchQueue::Ticket given_back = std::move(tickets_[i]);
    inputs_[i] = {};
    stages_[i].end();
  };
  // An input before the bad one is still looked at: so the error is always that of the first bad input.
  if (i > first_bad_) {
    finish_unrun();
    return finish_one();
  }
  if (Status alive = service_.check_alive(model_.name(), options_); !alive) {
    finish_unrun();
    return fail(i, alive.error());
  }
  auto input = prepared(i);
  if (!input) {
    finish_unrun();
    return fail(i, placed(i, input.error()));
  }
  inputs_[i] = {};  // its bytes are no longer needed
  submit(i, *std::move(input));
}

Result<models::Prepared> EmbeddingService::Job::prepared(std::size_t i) {
  const Input& input = inputs_[i];
  const Timer::TimePoint began = service_.timer_.now();
  const auto observe = [&] {
    unharmed([&] {
      service_.observer_.input_prepared(model_.name(), input.modality, in_seconds(service_.timer_.now() - began),
                                        results_[i].truncated);
    });
  };
  const models::ModelInfo& info = model_.embedder().info();
  const bool is_text = input.modality == Modality::text;
  if (!(is_text ? info.has_text : info.has_image)) {
    return Error{ErrorCode::unsupported,
                 "model [" + std::string(model_.name()) + "] has no " +
                     (is_text ? "text tower: it embeds only pictures" : "vision tower: it embeds only texts")};
  }
  try {
    if (is_text) {
      auto text = model_.embedder().prepare_text(input.bytes, options_.truncate);
      if (!text) return text.error();
      results_[i].tokens = text->tokens();
      results_[i].truncated = text->truncated();
      observe();
      return models::Prepared{*std::move(text)};
    }
    auto image = model_.embedder().prepare_image(input.bytes);
    if (!image) return image.error();
    results_[i].width = image->source_width;
    results_[i].height = image->source_height;
    observe();
    return models::Prepared{*std::move(image)};
  } catch (...) {
    return error_of_exception("preparing it");
  }
}

void EmbeddingService::Job::submit(std::size_t i, models::Prepared input) {
  BatchQueue::Item item;
  item.input = std::move(input);
  item.deadline = options_.deadline;
  item.cancellation = cancellation_;
  item.stage = std::move(stages_[i]);
  item.done = [job = shared_from_this(), i](Result<std::vector<float>> vector) { job->take(i, std::move(vector)); };
  service_.queue_->submit(std::move(tickets_[i]), std::move(item));
}

void EmbeddingService::Job::take(std::size_t i, Result<std::vector<float>> vector) {
  if (vector) {
    results_[i].values = *std::move(vector);
    unharmed([&] { service_.cache_.keep(std::move(keys_[i]), results_[i]); });
    return finish_one();
  }
  Error error = std::move(vector).error();
  try {
    if (error.code == ErrorCode::internal) error = placed(i, error);
  } catch (...) {  // no memory for the place: the error goes without it
  }
  fail(i, std::move(error));
}

void EmbeddingService::Job::fail(std::size_t i, Error error) noexcept {
  {
    const std::lock_guard lock(error_mutex_);
    // What was dropped because a neighbour is bad must not hide the neighbour's error.
    const bool consequence = error_ && error.code == ErrorCode::cancelled;
    if (!consequence && (!error_ || i < first_bad_)) {
      error_ = std::move(error);
      first_bad_ = i;
    }
  }
  cancellation_->cancel(CancelReason::client_left);
  finish_one();
}

void EmbeddingService::Job::finish_one() noexcept {
  if (left_.fetch_sub(1) > 1) return;
  if (error_) return call_back();  // that is soon done
  try {
    // Like a text: short, and not to wait for pictures.
    service_.pool_->post(
        {options_.lane, {{0, Modality::text, {}}}, [job = shared_from_this()](std::size_t) { job->call_back(); }});
  } catch (...) {  // no memory
    call_back();
  }
}

void EmbeddingService::Job::call_back() noexcept {
  const auto& client = options_.cancellation;
  try {
    if (!error_ && client && client->requested()) error_ = cancelled_error(*client->reason());
    if (error_) {
      done_(*std::move(error_));
    } else {
      done_(std::move(results_));
    }
  } catch (...) {  // who is called back answers its own faults; this thread serves others
  }
}

Result<std::unique_ptr<EmbeddingService>> EmbeddingService::create(const Options& options, ModelRegistry::Loader loader,
                                                                   Timer& timer, Observer& observer) {
  std::unique_ptr<EmbeddingService> service(new EmbeddingService(options, timer, observer));
  auto queue = BatchQueue::create(options.queue, timer, observer);
  if (!queue) return queue.error();
  service->queue_ = *std::move(queue);
  auto registry =
      ModelRegistry::create(options.models, std::move(loader), *service->queue_, timer, options.fingerprint);
  if (!registry) return registry.error();
  service->registry_ = *std::move(registry);
  service->pool_ = std::make_unique<PreparationPool>(options.preparation);
  service->watchdog_ = std::make_unique<Watchdog>(options.watchdog, *service->registry_, *service->queue_, timer);
  return service;
}

EmbeddingService::~EmbeddingService() {
  if (watchdog_) stop(Timer::TimePoint::min());
}

void EmbeddingService::stop(Timer::TimePoint drain_until) {
  stopping_ = true;
  watchdog_->stop();
  pool_->stop();  // all it holds is in the queue afterwards
  queue_->stop(drain_until);
}

void EmbeddingService::embed(std::string_view name, std::vector<Input> inputs, EmbedOptions options, Callback done) {
  if (inputs.empty()) return done(Error{ErrorCode::invalid_argument, "there is no input"});
  const auto model = registry_->find(name);
  if (!model) return done(model.error());
  auto costs = costs_of((*model)->embedder(), inputs);
  if (!costs) return done(costs.error());
  auto known = cache_.look_up((*model)->edition(), options.truncate, inputs);
  report((*model)->name(), known);
  if (known.missing.empty()) {
    if (stopping_) return done(Error{ErrorCode::overloaded, "the server is stopping: retry the request"});
    if (Status alive = check_alive((*model)->name(), options); !alive) return done(alive.error());
    return done(completed((*model)->name(), known, {}));
  }
  std::vector<Input> missing;
  std::vector<models::PictureCost> missing_costs;
  for (const std::size_t i : known.missing) {
    inputs[i].place = place_of(inputs, i);
    missing.push_back(std::move(inputs[i]));
    missing_costs.push_back((*costs)[i]);
  }
  auto keys = std::move(known.keys);
  auto complete = [this, &model_name = (*model)->name(), known = std::move(known),
                   done = std::move(done)](Result<Embeddings> computed) {
    if (!computed) return done(computed.error());
    Result<Embeddings> all = Embeddings();
    try {
      all = completed(model_name, known, *std::move(computed));
    } catch (...) {  // no memory for the copies
      all = error_of_exception("the request");
    }
    done(std::move(all));
  };
  compute(**model, std::move(missing), missing_costs, std::move(keys), std::move(options), std::move(complete));
}

/// Takes places in the queue and starts the work. `inputs` carry their places.
void EmbeddingService::compute(ModelRegistry::Model& model, std::vector<Input> inputs,
                               const std::vector<models::PictureCost>& costs, std::vector<EmbeddingCache::Key> keys,
                               EmbedOptions options, Callback done) {
  // While it waits an input is either its bytes, or what its tower takes.
  const models::ModelInfo& info = model.embedder().info();
  const std::size_t window_bytes = std::size_t{info.image_size} * info.image_size * 3;
  std::vector<Claim> claims;
  std::vector<PreparationPool::Task> tasks;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::size_t size = inputs[i].bytes.size();
    claims.push_back({inputs[i].modality == Modality::image ? std::max(size, window_bytes) : size, costs[i].pixels});
    tasks.push_back({i, inputs[i].modality, costs[i]});
  }
  auto tickets = queue_->admit(model.account(), options.lane, claims);
  if (!tickets) return done(tickets.error());
  const auto job = std::make_shared<Job>(*this, model, std::move(inputs), std::move(keys), std::move(options),
                                         *std::move(tickets), std::move(done));
  try {
    job->start(std::move(tasks));
  } catch (...) {
    job->refuse(error_of_exception("the request"));
  }
}

/// Errors: cancelled, deadline_exceeded: nobody waits for what has not begun yet.
Status EmbeddingService::check_alive(const std::string& model, const EmbedOptions& options) {
  if (options.cancellation && options.cancellation->requested()) {
    return cancelled_error(*options.cancellation->reason());
  }
  if (timer_.now() < options.deadline) return {};
  unharmed([&] { observer_.input_dropped(model, ErrorCode::deadline_exceeded); });
  return Error{ErrorCode::deadline_exceeded,
               "the deadline passed before the inputs were prepared: the server is busy, retry later"};
}

void EmbeddingService::report(const std::string& model, const EmbeddingCache::KnownAnswers& known) {
  for (const Modality modality : {Modality::text, Modality::image}) {
    const EmbeddingCache::Counts& counts = known.counts[static_cast<std::size_t>(modality)];
    if (counts.hits + counts.misses == 0) continue;
    unharmed([&] { observer_.inputs_looked_up(model, modality, counts.hits, counts.misses); });
  }
}

/// All answers of a request, and those of them counted that say that a text was cut though none was now.
Embeddings EmbeddingService::completed(const std::string& model, const EmbeddingCache::KnownAnswers& known,
                                       Embeddings computed) {
  const auto truncated = [](const Embeddings& embeddings) {
    return static_cast<std::size_t>(
        std::count_if(embeddings.begin(), embeddings.end(), [](const auto& one) { return one.truncated; }));
  };
  const std::size_t cut_now = truncated(computed);
  Embeddings all = known.complete(std::move(computed));
  const std::size_t reused = truncated(all) - cut_now;
  if (reused > 0) unharmed([&] { observer_.truncated_texts_reused(model, reused); });
  return all;
}

/// One an input, in input order. Errors: too_large (one picture, or all together).
Result<std::vector<models::PictureCost>> EmbeddingService::costs_of(const models::Embedder& embedder,
                                                                    const std::vector<Input>& inputs) const {
  std::vector<models::PictureCost> costs;
  costs.reserve(inputs.size());
  std::uint64_t pixels = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    models::PictureCost cost;
    if (inputs[i].modality == Modality::image) cost = embedder.image_cost(inputs[i].bytes);
    pixels += cost.pixels;
    if (Status fits = check_cost(cost, max_picture_bytes_, pixels, max_request_pixels_); !fits)
      return Error{fits.error().code, place_of(inputs, i) + ": " + fits.error().message};
    costs.push_back(cost);
  }
  return costs;
}

std::vector<EmbeddingService::ModelLoad> EmbeddingService::loads() const {
  std::vector<ModelLoad> all;
  for (ModelRegistry::Model* model : registry_->models()) {
    if (model->status().loaded) all.push_back({model->name(), queue_->load(model->account())});
  }
  return all;
}

}  // namespace sightline::serving
