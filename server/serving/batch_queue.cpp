#include "server/serving/batch_queue.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <future>
#include <iterator>
#include <pthread.h>
#include <utility>

#include "base/exception_error.h"

namespace sightline::serving {
namespace {

constexpr int k_query_batches_before_documents = 8;
constexpr int k_queries_time_within_pass = 8;  // at the most, times what the pass has had itself
constexpr float k_norm_tolerance = 1e-3f;      // of bfloat16 results widened to float32

std::size_t index(Lane lane) {
  return static_cast<std::size_t>(lane);
}
std::size_t index(Modality modality) {
  return static_cast<std::size_t>(modality);
}

Modality modality_of(const models::Prepared& input) {
  return std::holds_alternative<models::PreparedText>(input) ? Modality::text : Modality::image;
}

/// The last line of defence: nothing but a finite unit vector of the right length leaves.
Result<std::vector<float>> checked(Result<std::vector<float>> vector, std::uint32_t dims) {
  if (!vector) return vector;
  double squares = 0;
  for (const float value : *vector) squares += static_cast<double>(value) * value;
  if (vector->size() == dims && std::abs(std::sqrt(squares) - 1.0) <= k_norm_tolerance) return vector;
  return Error{ErrorCode::internal, "the model returned " + std::to_string(vector->size()) + " floats of norm " +
                                        std::to_string(std::sqrt(squares)) + " instead of a unit vector of " +
                                        std::to_string(dims)};
}

}  // namespace

struct BatchQueue::Entry {
  enum class Place { arriving, waiting, taken };  // taken: out of its line
  Ticket ticket;
  Item item;
  Timer::TimePoint arrived;
  std::uint64_t order = 0;  // of arrival
  Place place = Place::arriving;
  Deadlines::iterator due{};                  // while it waits
  Cancellation::Registration registration{};  // last: its callback uses the rest
  Modality modality() const { return modality_of(item.input); }
  bool is_cancelled() const { return item.cancellation && item.cancellation->requested(); }
  void answer(Result<std::vector<float>> vector) noexcept;
};

class BatchQueue::Account {
 public:
  Account(std::string model_name, models::Embedder& model, const Options& options)
      : name(std::move(model_name)),
        embedder(model),
        places(options.places),
        sizes{BatchSize(options.max_batch_tokens, options.target_batch_time),
              BatchSize(options.max_batch_pixels, options.target_batch_time)} {}

  const std::string name;
  models::Embedder& embedder;
  Admission places;                                              // of tickets out and of what was submitted
  std::array<std::size_t, k_lanes> expected{};                   // tickets not yet submitted
  std::array<std::array<Entries, k_modalities>, k_lanes> lines;  // what waits, in order of arrival
  std::array<BatchSize, k_modalities> sizes;                     // by Modality: text, image
};

/// A batch in the model.
struct BatchQueue::Pass {
  BatchQueue& queue;
  Entries& batch;
  const Timer::TimePoint began;
  const bool yields;              // to queries
  Entries::iterator wanted;       // what is before it is cancelled
  Timer::Clock::duration lent{};  // what ran in between took
  bool abandoned = false;
};

/// Once. The place is free before the callback: whoever is answered may ask again at once.
void BatchQueue::Entry::answer(Result<std::vector<float>> vector) noexcept {
  const Callback done = std::exchange(item.done, nullptr);
  if (!done) return;
  ticket.give_back();
  item.stage.end();
  try {
    done(std::move(vector));
  } catch (...) {  // callbacks answer their own faults; this thread serves others
  }
}

BatchQueue::Ticket::Ticket(Ticket&& other) noexcept {
  *this = std::move(other);
}

BatchQueue::Ticket& BatchQueue::Ticket::operator=(Ticket&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  queue_ = std::exchange(other.queue_, nullptr);
  account_ = other.account_;
  lane_ = other.lane_;
  claim_ = other.claim_;
  submitted_ = other.submitted_;
  return *this;
}

BatchQueue::Ticket::~Ticket() {
  give_back();
}

void BatchQueue::Ticket::give_back() {
  if (!queue_) return;
  const std::lock_guard lock(queue_->mutex_);
  account_->places.give_back(claim_);
  if (!submitted_) {
    account_->expected[index(lane_)] -= 1;
    if (queue_->ends_wait(*account_, lane_)) queue_->changed_.notify_one();
  }
  queue_ = nullptr;
}

Result<std::unique_ptr<BatchQueue>> BatchQueue::create(const Options& options, Timer& timer, Observer& observer) {
  const bool sound = options.places.max_items > 0 && options.places.max_bytes > 0 && options.places.max_pixels > 0 &&
                     options.places.query_share >= 0 && options.places.query_share < 1 && options.max_batch_items > 0 &&
                     options.max_batch_tokens > 0 && options.max_batch_pixels > 0 && options.max_wait.count() >= 0 &&
                     options.target_batch_time.count() >= 0;
  if (!sound) {
    return Error{ErrorCode::invalid_argument,
                 "the queue's limits must be greater than 0, its times not negative and its query share below 1"};
  }
  std::unique_ptr<BatchQueue> queue(new BatchQueue(options, timer, observer));
  queue->model_thread_ = std::thread([raw = queue.get()] { raw->run(); });
  return queue;
}

BatchQueue::BatchQueue(const Options& options, Timer& timer, Observer& observer)
    : options_(options), timer_(timer), observer_(observer) {}

BatchQueue::~BatchQueue() {
  stop(Timer::TimePoint::min());
}

BatchQueue::Account& BatchQueue::add_model(std::string name, models::Embedder& embedder) {
  const std::lock_guard lock(mutex_);
  return accounts_.emplace_back(std::move(name), embedder, options_);
}

Result<std::vector<BatchQueue::Ticket>> BatchQueue::admit(Account& account, Lane lane, std::span<const Claim> claims) {
  std::vector<Ticket> tickets;
  tickets.reserve(claims.size());
  const std::lock_guard lock(mutex_);
  if (stopping_) return cancelled_error(CancelReason::stopping);
  if (Status taken = account.places.take(lane, claims, account.name); !taken) return taken.error();
  account.expected[index(lane)] += claims.size();
  for (const Claim& one : claims) tickets.push_back(Ticket(this, &account, lane, one));
  return tickets;
}

BatchQueue::Ticket BatchQueue::admit_probe(Account& account) {
  const std::lock_guard lock(mutex_);
  account.places.take_probe();
  account.expected[index(Lane::query)] += 1;
  return Ticket(this, &account, Lane::query, {});
}

void BatchQueue::submit(Ticket ticket, Item item) {
  item.stage.move_to(Stage::queue_wait);
  // Memory is taken before the lock is.
  Entries submitted;
  submitted.push_back(Entry{std::move(ticket), std::move(item), timer_.now()});
  const Entries::iterator entry = submitted.begin();
  Deadlines one;
  auto due = one.extract(one.emplace(entry->item.deadline, entry));
  if (entry->item.cancellation) {
    entry->registration = Cancellation::on_cancel(entry->item.cancellation, [this, entry] { drop(entry); });
  }
  const std::lock_guard lock(mutex_);
  Ticket& own = entry->ticket;
  own.account_->expected[index(own.lane_)] -= 1;
  own.submitted_ = true;
  entry->order = ++submitted_;
  entry->due = deadlines_.insert(std::move(due));
  entry->place = Entry::Place::waiting;
  waiting_[index(own.lane_)] += 1;
  Entries& line = line_of(*entry);
  line.splice(line.end(), submitted);
  const bool cancelled = entry->is_cancelled();  // from now on `drop` sees to that
  if (cancelled) move_out(entry, dead_);
  note_urgent();
  if (cancelled || ends_wait(*own.account_, own.lane_)) changed_.notify_one();
}

/// It is cancelled. Called with the lock of its cancellation held.
void BatchQueue::drop(Entries::iterator entry) {
  const std::lock_guard lock(mutex_);
  if (entry->place != Entry::Place::waiting) return;
  move_out(entry, dead_);
  note_urgent();
  changed_.notify_one();
}

void BatchQueue::teach(Account& account, Modality modality, std::size_t cost, Timer::Clock::duration took) {
  const std::lock_guard lock(mutex_);
  account.sizes[index(modality)].teach(cost, took);
}

bool BatchQueue::run_on_model_thread(std::function<void()> work) {
  const auto done = std::make_shared<std::promise<void>>();  // outlives the waiter on the model thread
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    calls_.push_back([work = std::move(work), done] {
      try {
        work();
        done->set_value();
      } catch (...) {
        done->set_exception(std::current_exception());
      }
    });
    changed_.notify_one();
  }
  done->get_future().get();
  return true;
}

BatchQueue::Load BatchQueue::load(const Account& account) const {
  const std::lock_guard lock(mutex_);
  Load load{account.places.items(), account.places.bytes(), 0};
  for (const auto& lane : account.lines) {
    for (const Entries& line : lane) load.waiting += line.size();
  }
  return load;
}

BatchQueue::Activity BatchQueue::activity() const {
  return {progress_.load(std::memory_order_relaxed), runs_call_.load(std::memory_order_relaxed)};
}

void BatchQueue::stop(Timer::TimePoint drain_until) {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    drain_until_ = std::min(drain_until_, drain_until);
    changed_.notify_one();
  }
  if (model_thread_.joinable()) model_thread_.join();
}

void BatchQueue::run() {
  ::pthread_setname_np(::pthread_self(), "model");  // as top and debuggers show it
  std::unique_lock lock(mutex_);
  // Callbacks, models and tickets that are given back all run without the lock, and none of them throws. What
  // is done with the lock takes no memory.
  const auto unlocked = [&lock](auto&& work) {
    lock.unlock();
    work();
    lock.lock();
  };
  for (;;) {
    progress_.fetch_add(1, std::memory_order_relaxed);
    if (!calls_.empty()) {
      auto call = std::move(calls_.front());
      calls_.pop_front();
      runs_call_.store(true, std::memory_order_relaxed);
      unlocked(call);
      runs_call_.store(false, std::memory_order_relaxed);
      continue;
    }
    if (Entries dead = take_dead(timer_.now()); !dead.empty()) {
      unlocked([&] { answer_dead(std::move(dead)); });
      continue;
    }
    const Lane lane = next_lane();
    Entries* const line = next_line(lane);
    if (!line) {
      if (stopping_) return;
      changed_.wait(lock);
      continue;
    }
    const Cut next = next_batch(*line);
    if (const Timer::TimePoint until = company_until(*line, next); timer_.now() < until) {
      awaiting_ = line;
      timer_.wait_until(changed_, lock, until);
      awaiting_ = nullptr;
      continue;
    }
    Entries batch = take(*line, next.items);
    query_batches_in_a_row_ = lane == Lane::query ? query_batches_in_a_row_ + 1 : 0;
    unlocked([&] { run_batch(std::move(batch)); });
  }
}

/// Takes out what is late or cancelled.
BatchQueue::Entries BatchQueue::take_dead(Timer::TimePoint now) {
  Entries dead;
  dead.splice(dead.end(), dead_);
  while (!deadlines_.empty() && now >= std::min(deadlines_.begin()->first, drain_until_))
    move_out(deadlines_.begin()->second, dead);
  note_urgent();
  return dead;
}

/// Out of its line.
void BatchQueue::move_out(Entries::iterator entry, Entries& to) {
  deadlines_.erase(entry->due);
  entry->place = Entry::Place::taken;
  waiting_[index(entry->ticket.lane_)] -= 1;
  to.splice(to.end(), line_of(*entry), entry);
}

void BatchQueue::note_urgent() {
  urgent_.store(waiting_[index(Lane::query)] + dead_.size(), std::memory_order_relaxed);
}

Lane BatchQueue::next_lane() const {
  if (waiting_[index(Lane::query)] == 0) return Lane::document;
  const bool documents_turn = query_batches_in_a_row_ >= k_query_batches_before_documents;
  return documents_turn && waiting_[index(Lane::document)] > 0 ? Lane::document : Lane::query;
}

/// The one with the oldest input; null: nothing waits in that lane.
BatchQueue::Entries* BatchQueue::next_line(Lane lane) {
  Entries* next = nullptr;
  for (Account& account : accounts_) {
    for (Entries& line : account.lines[index(lane)]) {
      if (!line.empty() && (!next || line.front().order < next->front().order)) next = &line;
    }
  }
  return next;
}

BatchQueue::Entries& BatchQueue::line_of(Entry& entry) {
  return entry.ticket.account_->lines[index(entry.ticket.lane_)][index(entry.modality())];
}

/// Of a line that is not empty: in order, within the limits.
BatchQueue::Cut BatchQueue::next_batch(const Entries& line) const {
  const std::size_t cost_limit = line.front().ticket.account_->sizes[index(line.front().modality())].limit();
  Cut batch;
  std::size_t total = 0;
  for (const Entry& entry : line) {
    total += cost(entry.item.input);
    batch.full = batch.items > 0 && total > cost_limit;
    if (batch.full) break;
    ++batch.items;
    batch.full = batch.items >= options_.max_batch_items || total >= cost_limit;
    if (batch.full) break;
  }
  return batch;
}

BatchQueue::Entries BatchQueue::take(Entries& line, std::size_t items) {
  Entries batch;
  for (; items > 0; --items) move_out(line.begin(), batch);
  note_urgent();
  return batch;
}

/// Until when the next batch of a line may wait for more: not at all if it is full or nothing is being
/// prepared.
Timer::TimePoint BatchQueue::company_until(const Entries& line, const Cut& batch) const {
  const Entry& first = line.front();
  const bool company_expected = first.ticket.account_->expected[index(first.ticket.lane_)] > 0;
  return company_expected && !batch.full && !stopping_ ? first.arrived + options_.max_wait : Timer::TimePoint::min();
}

/// Whether the model thread has something to do now that an input has come to that lane, or will not come: not
/// while it goes on waiting for company.
bool BatchQueue::ends_wait(const Account& account, Lane lane) const {
  if (!awaiting_ || awaiting_->empty()) return true;
  const Ticket& first = awaiting_->front().ticket;
  if (lane != first.lane_) return lane == Lane::query;
  return &account == first.account_ && (account.expected[index(lane)] == 0 || next_batch(*awaiting_).full);
}

void BatchQueue::run_batch(Entries batch, bool interleaved) noexcept {
  try {
    embed_and_answer(batch, interleaved);
  } catch (...) {
    for (Entry& entry : batch) entry.answer(error_of_exception("running the batch"));
  }
}

void BatchQueue::embed_and_answer(Entries& batch, bool interleaved) {
  Account& account = *batch.front().ticket.account_;
  const Modality modality = batch.front().modality();
  const bool yields = batch.front().ticket.lane_ == Lane::document && !interleaved;
  Pass pass{*this, batch, timer_.now(), yields, batch.begin()};
  std::vector<models::Prepared> inputs;
  inputs.reserve(batch.size());
  std::size_t total_cost = 0;
  for (Entry& entry : batch) {
    unharmed([&] { observer_.input_waited(account.name, entry.ticket.lane_, in_seconds(pass.began - entry.arrived)); });
    entry.item.stage.move_to(Stage::forward);
    total_cost += cost(entry.item.input);
    inputs.push_back(std::move(entry.item.input));
  }
  auto vectors = embed(account, inputs, [&pass] { return pass.queue.between_steps(pass); });
  if (pass.abandoned) return answer_dead(std::move(batch));
  const auto took = timer_.now() - pass.began - pass.lent;
  {
    const std::lock_guard lock(mutex_);
    account.sizes[index(modality)].ran(batch.size(), total_cost, took);
  }
  unharmed([&] { observer_.batch_ran(account.name, modality, batch.size(), in_seconds(took)); });
  if (interleaved) unharmed([&] { observer_.batch_interleaved(account.name); });
  std::size_t at = 0;
  for (Entry& entry : batch) entry.answer(checked(std::move(vectors[at++]), account.embedder.info().dims));
}

/// False: nobody waits for any of the batch.
bool BatchQueue::between_steps(Pass& pass) noexcept {
  progress_.fetch_add(1, std::memory_order_relaxed);
  while (pass.yields && urgent_.load(std::memory_order_relaxed) > 0 && lend(pass)) {
  }
  while (pass.wanted != pass.batch.end() && pass.wanted->is_cancelled()) ++pass.wanted;
  pass.abandoned = pass.wanted == pass.batch.end();
  return !pass.abandoned;
}

/// Lends the model thread to what is urgent, in the midst of a pass. False: nothing is, or the pass must go on
/// first.
bool BatchQueue::lend(Pass& pass) noexcept {
  const Timer::TimePoint now = timer_.now();
  if (pass.lent > k_queries_time_within_pass * (now - pass.began - pass.lent)) return false;
  std::unique_lock lock(mutex_);
  if (Entries dead = take_dead(now); !dead.empty()) {
    lock.unlock();
    answer_dead(std::move(dead));
  } else {
    Entries* const line = next_line(Lane::query);
    if (!line) return false;
    const Cut next = next_batch(*line);
    if (now < company_until(*line, next)) return false;
    Entries batch = take(*line, next.items);
    lock.unlock();
    run_batch(std::move(batch), true);
  }
  pass.lent += timer_.now() - now;
  return true;
}

void BatchQueue::answer_dead(Entries dead) noexcept {
  const Timer::TimePoint now = timer_.now();
  for (Entry& entry : dead) {
    try {
      Error error = cause_of_death(entry, now);
      unharmed([&] { observer_.input_dropped(entry.ticket.account_->name, error.code); });
      entry.answer(std::move(error));
    } catch (...) {
      entry.answer(error_of_exception("dropping the input"));
    }
  }
}

Error BatchQueue::cause_of_death(const Entry& entry, Timer::TimePoint now) const {
  if (entry.is_cancelled()) return cancelled_error(*entry.item.cancellation->reason());
  if (now >= entry.item.deadline) {
    return {ErrorCode::deadline_exceeded,
            "waited " + std::to_string(static_cast<long>(in_seconds(now - entry.arrived) * 1000)) +
                " ms for the model, past the request's deadline: the server is busy, retry later"};
  }
  return cancelled_error(CancelReason::stopping);
}

/// One answer an input, whatever the model does: if a batch throws, each input is tried alone, so that the
/// one that cannot be run does not take its neighbours with it. (Within a pass the towers do the same.)
std::vector<Result<std::vector<float>>> BatchQueue::embed(Account& account, std::span<const models::Prepared> inputs,
                                                          const std::function<bool()>& between_steps) {
  Error fault;
  try {
    auto vectors = account.embedder.embed(inputs, between_steps);
    if (vectors.size() == inputs.size()) return vectors;
    fault = {ErrorCode::internal, "model [" + account.name + "] failed: " + std::to_string(vectors.size()) +
                                      " vectors for " + std::to_string(inputs.size()) + " inputs"};
  } catch (...) {
    fault = error_of_exception("model [" + account.name + "]");
  }
  std::vector<Result<std::vector<float>>> vectors;
  if (inputs.size() == 1) {
    vectors.emplace_back(std::move(fault));
    return vectors;
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    auto one = embed(account, inputs.subspan(i, 1), between_steps);
    vectors.push_back(std::move(one.front()));
  }
  return vectors;
}

std::size_t BatchQueue::cost(const models::Prepared& input) {
  if (const auto* text = std::get_if<models::PreparedText>(&input)) return text->ids.size();
  const auto& image = std::get<models::PreparedImage>(input);
  return std::size_t{image.width} * image.height;
}

}  // namespace sightline::serving
