// The queue in front of the models of one device, and the thread that runs them.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/cancellation.h"
#include "base/request_trace.h"
#include "base/result.h"
#include "base/timer.h"
#include "models/embedder.h"
#include "server/serving/admission.h"
#include "server/serving/batch_size.h"
#include "server/serving/embed_request.h"
#include "server/serving/observer.h"

namespace sightline::serving {

/// Gathers single inputs into batches and runs them, one batch at a time, on one thread: the model thread.
///
/// Flow: 1. `admit` gives a request its places, one ticket per input, or refuses it at once: overloaded. The
///          bounds are kept for each model apart. The inputs are prepared while the tickets are held.
///       2. `submit` hands in a prepared input with its ticket.
///       3. The model thread takes queries before documents, but after eight batches of queries one of
///          documents, so that these move under any load. A batch is of one model, one lane and one
///          modality, in order of arrival, up to the limits of cost. It waits for more inputs only while tickets
///          of its own lane are still out in preparation.
///       4. A running batch of documents yields to queries. Between the steps of its pass, the queries of any
///          model that wait run in separate batches, on the same thread and in the same way, one level
///          deep. While they wait for more inputs, the pass continues. Queries get at most eight times
///          the time that the pass itself has had, so that documents keep a ninth of the time under any load;
///          only the last batch of queries may go beyond that.
///       5. Inputs past their deadline, or that are cancelled, are dropped, and answered before the next
///          batch begins; those cancelled, and queries, already at the next step of a batch of documents. A batch
///          whose inputs are all cancelled is abandoned between two steps.
///       6. Every callback is called exactly once, in any order, on the model thread. If one throws,
///          the current inputs are answered and the thread continues.
/// Cost: nothing iterates over all waiting inputs. `submit` and a drop take the logarithm of their number (they are
/// in order of their deadlines); a batch takes as much as it has inputs; a step of a pass takes an atomic load where no
/// query waits.
/// Latency: the model thread is free for a query after one step of a running pass of documents (a pass has some
///          hundred), or at the end of a running batch of queries. So a query with q others before it begins within
///
///              max_wait + s + ceil((q + 1) / b) * t
///
///          s: the longest step; b: queries per batch, t: what such a batch takes, both by BatchSize, so that
///          t <= target_batch_time, or twice what one query takes alone. `max_wait` counts only while other queries
///          are in preparation. A document with work for w seconds before it begins within 9 * (w + t).
/// Use:     where many callers share one model that is quicker in batches. To tune: a smaller `target_batch_time` shortens
///          t where batches of queries are large, and costs throughput; `max_wait` is worth its time only if requests
///          come within it of each other; `query_share` keeps places for queries while documents fill the queue.
/// Thread safety: all members may be called from any thread, save that callbacks must not call `stop`,
/// `run_on_model_thread` or the destructor.
class BatchQueue {
 public:
  struct Options {
    AdmissionBounds places = {};  ///< per model
    std::size_t max_batch_items = 64;
    std::size_t max_batch_tokens = 2048;
    std::size_t max_batch_pixels = std::size_t{32} * 224 * 224;
    std::chrono::microseconds max_wait{2000};  ///< how long a batch waits for more inputs; 0: never
    /// What a batch may take (BatchSize). 0: no limit.
    std::chrono::milliseconds target_batch_time{500};
  };
  using Callback = std::function<void(Result<std::vector<float>>)>;

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
    Timer::TimePoint deadline = Timer::TimePoint::max();
    std::shared_ptr<Cancellation> cancellation;  ///< see EmbedOptions; may be null
    Callback done;
    StageSpan stage = {};  ///< while it waits and runs; ends before `done` is called
  };

  /// How full a model's share is.
  struct Load {
    std::size_t items = 0;  ///< places taken
    std::size_t bytes = 0;
    std::size_t waiting = 0;  ///< of the items: prepared, not yet running
  };

  /// Starts the model thread. Errors: invalid_argument if an option makes no sense.
  static Result<std::unique_ptr<BatchQueue>> create(const Options& options, Timer& timer, Observer& observer);
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

  /// Reports the time of one input of `cost` units (tokens, pixels), as a first estimate for `target_batch_time`.
  void teach(Account& account, Modality modality, std::size_t cost, Timer::Clock::duration took);

  /// Runs `work` on the model thread, before any further batch but not within a running one, and waits for it.
  /// False: stopping, `work` was not run. Throws what `work` throws.
  bool run_on_model_thread(std::function<void()> work);

  Load load(const Account& account) const;

  /// What the model thread does, for the watchdog.
  struct Activity {
    /// Grows with each step of a pass and each turn of the thread: as long as it does not, the thread waits for work or
    /// hangs.
    std::uint64_t progress = 0;
    bool runs_call = false;  ///< work of `run_on_model_thread`, which has no steps
  };
  /// Takes no lock.
  Activity activity() const;

  /// Admits nothing more, runs what was submitted, and ends the model thread. What has not begun by
  /// `drain_until` is answered with ErrorCode::overloaded; a batch that runs then is still finished, unless its
  /// inputs are all cancelled. Tickets still out must be submitted or destroyed before.
  void stop(Timer::TimePoint drain_until);

 private:
  struct Entry;
  struct Pass;
  using Entries = std::list<Entry>;
  using Deadlines = std::multimap<Timer::TimePoint, Entries::iterator>;
  /// The next batch of a line.
  struct Cut {
    std::size_t items = 0;  ///< from the front
    bool full = false;      ///< no more would go in
  };

  BatchQueue(const Options& options, Timer& timer, Observer& observer);
  void run();
  void drop(Entries::iterator entry);
  Entries take_dead(Timer::TimePoint now);
  void move_out(Entries::iterator entry, Entries& to);
  void note_urgent();
  Lane next_lane() const;
  Entries* next_line(Lane lane);
  static Entries& line_of(Entry& entry);
  Cut next_batch(const Entries& line) const;
  Entries take(Entries& line, std::size_t items);
  Timer::TimePoint company_until(const Entries& line, const Cut& batch) const;
  bool ends_wait(const Account& account, Lane lane) const;
  void run_batch(Entries batch, bool interleaved = false) noexcept;
  void embed_and_answer(Entries& batch, bool interleaved);
  bool between_steps(Pass& pass) noexcept;
  bool lend(Pass& pass) noexcept;
  void answer_dead(Entries dead) noexcept;
  Error cause_of_death(const Entry& entry, Timer::TimePoint now) const;
  std::vector<Result<std::vector<float>>> embed(Account& account, std::span<const models::Prepared> inputs,
                                                const std::function<bool()>& between_steps);
  static std::size_t cost(const models::Prepared& input);

  const Options options_;
  Timer& timer_;
  Observer& observer_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // for the model thread alone
  std::list<Account> accounts_;      // with the lines of what waits
  Deadlines deadlines_;              // of all that waits
  Entries dead_;                     // cancelled, to be answered unrun
  std::array<std::size_t, k_lanes> waiting_{};
  std::uint64_t submitted_ = 0;  // inputs so far
  /// The line whose next batch waits for more inputs, while the model thread sleeps for that.
  const Entries* awaiting_ = nullptr;
  std::list<std::function<void()>> calls_;
  int query_batches_in_a_row_ = 0;
  bool stopping_ = false;
  Timer::TimePoint drain_until_ = Timer::TimePoint::max();
  /// What a running batch of documents checks between its steps: queries that wait, and `dead_`. Changed
  /// with the lock held.
  std::atomic<std::size_t> urgent_{0};
  std::atomic<std::uint64_t> progress_{0};  // see Activity
  std::atomic<bool> runs_call_{false};
  std::thread model_thread_;
};

}  // namespace sightline::serving
