// The threads that decode pictures, tokenize texts and build answers.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "models/embedder.h"
#include "server/serving/embed_request.h"

namespace sightline::serving {

/// Whether a picture may be decoded: `cost` is its own, `request_pixels` that of all of its request up to it.
/// Errors: too_large, with the limit's name.
Status check_cost(const models::PictureCost& cost, std::size_t max_picture_bytes, std::uint64_t request_pixels,
                  std::uint64_t max_request_pixels);

/// Prepares the inputs of requests on a fixed number of threads.
///
/// Flow: 1. `post` takes a request's tasks, each with what its picture will cost.
///       2. Queries come before documents. Within a lane, requests take turns by what their tasks so far
///          cost: a request of many large pictures does not keep a small one waiting.
///       3. A picture begins only while all that are being decoded stay within `max_bytes`. Until the one
///          whose turn it is fits, no other begins, so that large ones get their turn.
///       4. Beside the `threads` that do everything, one does texts only, and `query_threads` do queries only:
///          neither waits for pictures of documents, however many and long they are. The threads that do
///          everything take queries only when no other one is free for them, as they may run at a lower
///          priority.
/// It has no bound on what is posted: who posts holds tickets of a BatchQueue.
/// Thread safety: all members may be called from any thread; `stop` not from a task.
class PreparationPool {
 public:
  struct Options {
    int threads = 2;                     ///< that do everything; at least one is started
    std::size_t max_bytes = 512u << 20;  ///< memory of the pictures that are decoded at the same time
    int query_threads = 1;               ///< that do queries only; at least one is started
    /// Added to the threads' own, as nice(1) does: 10 leaves others nearly all of a core that both want.
    int niceness = 0;
    int document_niceness = 0;  ///< the same for the threads that do everything, on top of `niceness`
  };
  struct Task {
    std::size_t index = 0;  ///< what `run` is called with
    Modality modality = Modality::text;
    models::PictureCost cost;  ///< of a picture
  };
  /// What one request asks for.
  struct Work {
    Lane lane = Lane::document;
    std::vector<Task> tasks;
    std::function<void(std::size_t index)> run;  ///< called once per task, from any thread; must not throw
  };

  /// Throws std::system_error if no thread can be started.
  explicit PreparationPool(const Options& options);
  ~PreparationPool();

  /// After `stop`, tasks run at once on the caller's thread, so that none is ever lost. Throws
  /// std::bad_alloc, and then runs nothing.
  void post(const Work& work);

  /// Runs all that was posted, then ends the threads.
  void stop();

 private:
  using Run = std::shared_ptr<const std::function<void(std::size_t)>>;  // copied without memory
  /// A request's tasks of one modality, of which those before `next` have begun.
  struct Line {
    Run run;
    std::vector<Task> tasks;
    std::size_t next = 0;
    std::uint64_t spent = 0;  // what those cost, and what the others had cost when this request came
    const Task& task() const { return tasks[next]; }
  };
  using Lines = std::list<Line>;
  enum class Role { all, texts, queries };
  static constexpr std::size_t k_roles = 3;

  struct Taken {
    Run run;
    Task task;
  };

  void run(Role role);
  Lines::iterator next_line(Lane lane, Role role);
  bool choose(Role role, Lane& lane, Lines::iterator& line);
  Taken take(Lane lane, Lines::iterator line);
  static Lines lines_of(const Work& work);
  bool fits(const Task& task) const;
  std::size_t queries_beyond_threads() const;
  void wake(const Work& work);
  void wake_all();
  bool is_done(Role role) const;

  const std::size_t max_bytes_;
  const int niceness_, document_niceness_;
  std::mutex mutex_;
  std::array<std::condition_variable, k_roles> ready_;  // by role
  std::array<Lines, k_lanes> lines_;
  std::array<std::uint64_t, k_lanes> spent_{};  // of the line that had the last turn
  std::size_t bytes_ = 0;                       // of the pictures that are being decoded
  bool lacking_memory_ = false;                 // a thread waits for that to become less
  std::array<std::size_t, k_lanes> tasks_{};    // not begun
  std::size_t free_query_threads_;              // that work on nothing
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sightline::serving
