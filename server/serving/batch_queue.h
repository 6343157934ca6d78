// The queue in front of the models of one device, and the thread that runs them.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "models/embedder.h"
#include "server/serving/clock.h"
#include "server/serving/embed_request.h"
#include "server/serving/observer.h"

namespace sightline::serving {

/// Gathers single inputs into batches and runs them, one batch at a time, on one thread: the model thread.
///
/// Flow: 1. `admit` gives a request its places, one ticket an input, or refuses it at once: overloaded. The
///          bounds are kept for each model apart. The inputs are prepared while the tickets are held.
///       2. `submit` hands in a prepared input with its ticket.
///       3. The model thread takes queries before documents, but after eight batches of queries one of
///          documents, so that these move under any load. A batch is of one model, one lane and one
///          modality, in order of arrival, up to the limits of cost. It waits for company only while tickets
///          of its own lane are still out in preparation.
///       4. Inputs past their deadline, or whose client has left, are dropped unrun.
///       5. Every callback is called exactly once, in any order, on the model thread. Whatever throws there,
///          the inputs at hand are answered and the thread goes on.
/// Thread safety: all members may be called from any thread, save that callbacks must not call `stop`,
/// `run_on_model_thread` or the destructor.
class BatchQueue {
 public:
  struct Options {
    std::size_t max_items = 2048;        ///< places of a model, from `admit` until the callback
    std::size_t max_bytes = 512u << 20;  ///< memory behind those places, as `admit` was told
    std::uint64_t max_pixels = 8'000'000'000;  ///< that are to be decoded for those places, the same
    double query_share = 0.125;                ///< of these bounds, kept free of documents, 0 to 1
    std::size_t max_batch_items = 64;
    std::size_t max_batch_tokens = 2048;
    std::size_t max_batch_pixels = std::size_t{32} * 224 * 224;
    std::chrono::microseconds max_wait{2000};  ///< how long a batch waits for company; 0: never
    /// Batches are kept to what runs in this time, so that queries need not wait long for a batch of
    /// documents to end. One that took longer halves the next, full ones that took less than half of it
    /// double it. Where a single input takes about as long anyway, smaller batches would only cost
    /// throughput: then they may take twice as long as a single one. 0: no limit.
    std::chrono::milliseconds target_batch_time{500};
  };
  using Callback = std::function<void(Result<std::vector<float>>)>;

  /// What an input asks for while it has a place.
  struct Claim {
    std::size_t bytes = 0;     ///< of memory, while it waits
    std::uint64_t pixels = 0;  ///< to decode, as models::PictureCost counts them
  };

  /// A model's share of the queue. Made by `add_model`, valid as long as the queue.
  class Account;

  /// A place in the queue; given back when destroyed or when its input's callback has been called.
  class Ticket {
   public:
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket();

   private:
    friend class BatchQueue;
    Ticket(BatchQueue* queue, Account* account, Lane lane, Claim claim)
        : queue_(queue), account_(account), lane_(lane), claim_(claim) {}
    void give_back();

    BatchQueue* queue_ = nullptr;  ///< null: moved from, or given back
    Account* account_ = nullptr;
    Lane lane_ = Lane::document;
    Claim claim_;
    bool submitted_ = false;
  };

  struct Item {
    models::Prepared input;
    Clock::time_point deadline = Clock::time_point::max();
    std::function<bool()> cancelled;  ///< see EmbedOptions; may be empty
    Callback done;
  };

  /// How full a model's share is.
  struct Load {
    std::size_t items = 0;  ///< places taken
    std::size_t bytes = 0;
    std::size_t waiting = 0;  ///< of the items: prepared, not yet running
  };

  /// Starts the model thread. Errors: invalid_argument if an option makes no sense.
  static Result<std::unique_ptr<BatchQueue>> create(const Options& options, Clock& clock, Observer& observer);
  ~BatchQueue();

  /// `embedder` must outlive the queue's last batch of it.
  Account& add_model(std::string name, models::Embedder& embedder);

  /// Places for one request: one ticket for each of `claims`.
  /// Errors: overloaded (no room now, or stopping), too_large (would not fit into an empty queue).
  Result<std::vector<Ticket>> admit(Account& account, Lane lane, std::span<const Claim> claims);
  /// A place outside the bounds, for the server's own probes.
  Ticket admit_probe(Account& account);

  /// Throws std::bad_alloc; the callback is then not called.
  void submit(Ticket ticket, Item item);

  /// Tells what one input of `cost` units (tokens, pixels) took, as a first guess for `target_batch_time`.
  void teach(Account& account, Modality modality, std::size_t cost, Clock::time_point::duration took);

  /// Runs `work` on the model thread, before any batch, and waits for it. False: stopping, `work` was not
  /// run. Throws what `work` throws.
  bool run_on_model_thread(std::function<void()> work);

  Load load(const Account& account) const;

  /// Admits nothing more, runs what was submitted, and ends the model thread. What has not begun by
  /// `drain_until` is answered with ErrorCode::overloaded. Tickets still out must be submitted or destroyed
  /// before.
  void stop(Clock::time_point drain_until);

 private:
  struct Entry;
  using Entries = std::list<Entry>;

  BatchQueue(const Options& options, Clock& clock, Observer& observer);
  void run();
  Entries take_dead(Clock::time_point now);
  Lane next_lane() const;
  bool gather(Lane lane);
  Entries take_gathered(Lane lane);
  Clock::time_point company_until(const Entry& first) const;
  void run_batch(Entries batch) noexcept;
  void embed_and_answer(Entries& batch);
  void answer_dead(Entries dead) noexcept;
  Error cause_of_death(const Entry& entry, Clock::time_point now) const;
  std::vector<Result<std::vector<float>>> embed(Account& account, std::span<const models::Prepared> inputs);
  void adapt(Account& account, Modality modality, std::size_t items, std::size_t cost,
             Clock::time_point::duration took);
  std::size_t max_cost(Modality modality) const;
  static std::size_t cost(const models::Prepared& input);

  const Options options_;
  Clock& clock_;
  Observer& observer_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Account> accounts_;
  std::array<Entries, k_lanes> lanes_;
  std::list<std::function<void()>> calls_;
  int query_batches_in_a_row_ = 0;
  bool stopping_ = false;
  Clock::time_point drain_until_ = Clock::time_point::max();
  std::thread model_thread_;
};

}  // namespace sightline::serving
