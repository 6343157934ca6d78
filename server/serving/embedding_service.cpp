#include "server/serving/embedding_service.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "base/exception_error.h"

namespace sightline::serving {

/// One request on its way. Shared by the jobs of its inputs.
class EmbeddingService::Job : public std::enable_shared_from_this<Job> {
 public:
  Job(EmbeddingService& service, ModelRegistry::Model& model, std::vector<Input> inputs, EmbedOptions options,
      std::vector<BatchQueue::Ticket> tickets, Callback done)
      : service_(service),
        model_(model),
        inputs_(std::move(inputs)),
        options_(std::move(options)),
        tickets_(std::move(tickets)),
        done_(std::move(done)),
        cancellation_(std::make_shared<Cancellation>()),
        client_(Cancellation::follow(options_.cancellation, cancellation_)),
        results_(inputs_.size()),
        left_(inputs_.size()) {
    places_.reserve(inputs_.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) places_.push_back(place_of(inputs_, i));
  }

  static std::string place_of(const std::vector<Input>& inputs, std::size_t i) {
    return inputs[i].place.empty() ? "input " + std::to_string(i) : inputs[i].place;
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
  Error placed(std::size_t i, const Error& error) const {
    return {error.code, places_[i] + ": " + error.message};
  }
  void take(std::size_t i, Result<std::vector<float>> vector);
  void fail(std::size_t i, Error error) noexcept;
  void finish_one() noexcept;
  void call_back() noexcept;

  EmbeddingService& service_;
  ModelRegistry::Model& model_;
  std::vector<Input> inputs_;
  std::vector<std::string> places_;
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
  };
  // An input before the bad one is still looked at: so the error is always that of the first bad input.
  if (i > first_bad_) {
    finish_unrun();
    return finish_one();
  }
  if (options_.cancellation && options_.cancellation->requested()) {
    finish_unrun();
    return fail(i, cancelled_error(*options_.cancellation->reason()));
  }
  if (service_.clock_.now() >= options_.deadline) {
    finish_unrun();
    unharmed(
        [this] { service_.observer_.input_dropped(model_.name(), ErrorCode::deadline_exceeded); });
    return fail(
        i, {ErrorCode::deadline_exceeded,
            "the deadline passed before the inputs were prepared: the server is busy, send it again later"});
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
  const Clock::time_point began = service_.clock_.now();
  const auto observe = [&] {
    unharmed([&] {
      service_.observer_.input_prepared(model_.name(), input.modality,
                                        in_seconds(service_.clock_.now() - began), results_[i].truncated);
    });
  };
  const models::ModelInfo& info = model_.embedder().info();
  const bool is_text = input.modality == Modality::text;
  if (!(is_text ? info.has_text : info.has_image)) {
    return Error{ErrorCode::unsupported, "model [" + std::string(model_.name()) + "] has no " +
                                             (is_text ? "text tower: it embeds only pictures"
                                                      : "vision tower: it embeds only texts")};
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
  item.done = [job = shared_from_this(), i](Result<std::vector<float>> vector) {
    job->take(i, std::move(vector));
  };
  service_.queue_->submit(std::move(tickets_[i]), std::move(item));
}

void EmbeddingService::Job::take(std::size_t i, Result<std::vector<float>> vector) {
  if (vector) {
    results_[i].values = *std::move(vector);
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
    service_.pool_->post({options_.lane, {{0, Modality::text, {}}}, [job = shared_from_this()](std::size_t) {
                            job->call_back();
                          }});
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

Result<std::unique_ptr<EmbeddingService>> EmbeddingService::create(const Options& options,
                                                                   ModelRegistry::Loader loader, Clock& clock,
                                                                   Observer& observer) {
  std::unique_ptr<EmbeddingService> service(new EmbeddingService(options, clock, observer));
  auto queue = BatchQueue::create(options.queue, clock, observer);
  if (!queue) return queue.error();
  service->queue_ = *std::move(queue);
  auto registry = ModelRegistry::create(options.models, std::move(loader), *service->queue_, clock,
                                        options.fingerprint);
  if (!registry) return registry.error();
  service->registry_ = *std::move(registry);
  service->pool_ = std::make_unique<PreparationPool>(options.preparation);
  service->watchdog_ =
      std::make_unique<Watchdog>(options.watchdog, *service->registry_, *service->queue_, clock);
  return service;
}

EmbeddingService::~EmbeddingService() {
  if (watchdog_) stop(Clock::time_point::min());
}

void EmbeddingService::stop(Clock::time_point drain_until) {
  watchdog_->stop();
  pool_->stop();  // all it holds is in the queue afterwards
  queue_->stop(drain_until);
}

void EmbeddingService::embed(std::string_view name, std::vector<Input> inputs, EmbedOptions options,
                             Callback done) {
  if (inputs.empty()) return done(Error{ErrorCode::invalid_argument, "there is no input"});
  const auto model = registry_->find(name);
  if (!model) return done(model.error());
  auto tasks = tasks_of((*model)->embedder(), inputs);
  if (!tasks) return done(tasks.error());
  // While it waits an input is either its bytes, or what its tower takes.
  const models::ModelInfo& info = (*model)->embedder().info();
  const std::size_t window_bytes = std::size_t{info.image_size} * info.image_size * 3;
  std::vector<BatchQueue::Claim> claims;
  claims.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::size_t size = inputs[i].bytes.size();
    claims.push_back({inputs[i].modality == Modality::image ? std::max(size, window_bytes) : size,
                      (*tasks)[i].cost.pixels});
  }
  auto tickets = queue_->admit((*model)->account(), options.lane, claims);
  if (!tickets) return done(tickets.error());
  const auto job = std::make_shared<Job>(*this, **model, std::move(inputs), std::move(options),
                                         *std::move(tickets), std::move(done));
  try {
    job->start(*std::move(tasks));
  } catch (...) {
    job->refuse(error_of_exception("the request"));
  }
}

/// One an input, in input order. Errors: too_large (one picture, or all together).
Result<std::vector<PreparationPool::Task>> EmbeddingService::tasks_of(
    const models::Embedder& embedder, const std::vector<Input>& inputs) const {
  std::vector<PreparationPool::Task> tasks;
  tasks.reserve(inputs.size());
  std::uint64_t pixels = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    PreparationPool::Task task{i, inputs[i].modality, {}};
    if (task.modality == Modality::image) task.cost = embedder.image_cost(inputs[i].bytes);
    pixels += task.cost.pixels;
    if (Status fits = check_cost(task.cost, max_picture_bytes_, pixels, max_request_pixels_); !fits)
      return Error{fits.error().code, Job::place_of(inputs, i) + ": " + fits.error().message};
    tasks.push_back(task);
  }
  return tasks;
}

std::vector<EmbeddingService::ModelLoad> EmbeddingService::loads() const {
  std::vector<ModelLoad> all;
  for (ModelRegistry::Model* model : registry_->models()) {
    if (model->status().loaded) all.push_back({model->name(), queue_->load(model->account())});
  }
  return all;
}

}  // namespace sightline::serving
