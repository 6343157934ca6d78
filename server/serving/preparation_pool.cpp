#include "server/serving/preparation_pool.h"

#include <algorithm>
#include <iterator>
#include <sys/resource.h>
#include <utility>

namespace sightline::serving {
namespace {

/// What any task costs, in pixels: about what it takes to resize a small picture.
constexpr std::uint64_t k_least_cost = 1 << 16;

template <class Enumerator>
std::size_t index(Enumerator value) {
  return static_cast<std::size_t>(value);
}

/// Of this thread alone, as Linux has it.
void lower_priority(int niceness) {
  if (niceness > 0) ::setpriority(PRIO_PROCESS, 0, ::getpriority(PRIO_PROCESS, 0) + niceness);
}

}  // namespace

Status check_cost(const models::PictureCost& cost, std::size_t max_picture_bytes, std::uint64_t request_pixels,
                  std::uint64_t max_request_pixels) {
  if (cost.bytes > max_picture_bytes) {
    return Error{ErrorCode::too_large, "decoding the picture would take " + std::to_string(cost.bytes) +
                                           " bytes of memory; the limit is " + std::to_string(max_picture_bytes) +
                                           " (--max-decode-bytes): send a smaller picture"};
  }
  if (request_pixels > max_request_pixels) {
    return Error{ErrorCode::too_large, "the request's pictures up to this one have " + std::to_string(request_pixels) +
                                           " pixels to decode; the limit is " + std::to_string(max_request_pixels) +
                                           " (--max-request-pixels): send fewer in one request"};
  }
  return {};
}

PreparationPool::PreparationPool(const Options& options)
    : max_bytes_(options.max_bytes),
      niceness_(options.niceness),
      document_niceness_(options.document_niceness),
      free_query_threads_(static_cast<std::size_t>(std::max(1, options.query_threads))) {
  try {
    for (int i = 0; i < std::max(1, options.threads); ++i) threads_.emplace_back([this] { run(Role::all); });
    threads_.emplace_back([this] { run(Role::texts); });
    for (std::size_t i = 0; i < free_query_threads_; ++i) threads_.emplace_back([this] { run(Role::queries); });
  } catch (...) {
    stop();
    throw;
  }
}

PreparationPool::~PreparationPool() {
  stop();
}

PreparationPool::Lines PreparationPool::lines_of(const Work& work) {
  const auto run = std::make_shared<const std::function<void(std::size_t)>>(work.run);
  Lines lines;
  for (const Modality modality : {Modality::text, Modality::image}) {
    Line line{run, {}};
    std::copy_if(work.tasks.begin(), work.tasks.end(), std::back_inserter(line.tasks),
                 [modality](const Task& task) { return task.modality == modality; });
    if (!line.tasks.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

void PreparationPool::post(const Work& work) {
  Lines posted = lines_of(work);
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      for (Line& line : posted) line.spent = spent_[index(work.lane)];
      tasks_[index(work.lane)] += work.tasks.size();
      lines_[index(work.lane)].splice(lines_[index(work.lane)].end(), posted);
      wake(work);
      return;
    }
  }
  for (const Task& task : work.tasks) work.run(task.index);
}

void PreparationPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_all();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void PreparationPool::run(Role role) {
  lower_priority(niceness_ + (role == Role::all ? document_niceness_ : 0));
  std::unique_lock lock(mutex_);
  for (;;) {
    Lane lane = Lane::query;
    Lines::iterator line;
    if (!choose(role, lane, line)) {
      if (stopping_ && is_done(role)) return;
      ready_[index(role)].wait(lock);
      continue;
    }
    Taken taken = take(lane, line);
    if (role == Role::queries) --free_query_threads_;
    lock.unlock();
    try {
      (*taken.run)(taken.task.index);
    } catch (...) {  // against its contract: the thread, which others need, goes on
    }
    taken.run = nullptr;  // what it holds is released without the lock
    lock.lock();
    if (role == Role::queries) ++free_query_threads_;
    bytes_ -= taken.task.cost.bytes;
    if (taken.task.cost.bytes > 0 && std::exchange(lacking_memory_, false)) wake_all();
  }
}

/// Of the lines that a thread may take from, the one whose tasks cost least so far; `end` if there is none.
PreparationPool::Lines::iterator PreparationPool::next_line(Lane lane, Role role) {
  Lines& lines = lines_[index(lane)];
  auto best = lines.end();
  for (auto it = lines.begin(); it != lines.end(); ++it) {
    if (role == Role::texts && it->task().modality != Modality::text) continue;
    if (best == lines.end() || it->spent < best->spent) best = it;
  }
  return best;
}

/// The line whose turn it is, for a thread of that role. False: there is none, or its picture has to wait.
bool PreparationPool::choose(Role role, Lane& lane, Lines::iterator& line) {
  for (const Lane candidate : {Lane::query, Lane::document}) {
    if (role == Role::queries && candidate != Lane::query) break;
    const auto next = next_line(candidate, role);
    if (next == lines_[index(candidate)].end()) continue;
    if (!fits(next->task())) {
      lacking_memory_ = true;
      return false;
    }
    if (role == Role::all && candidate == Lane::query && !stopping_ && queries_beyond_threads() == 0) continue;
    lane = candidate;
    line = next;
    return true;
  }
  return false;
}

/// Tasks of queries that no thread for queries is free for.
std::size_t PreparationPool::queries_beyond_threads() const {
  const std::size_t queries = tasks_[index(Lane::query)];
  return queries - std::min(queries, free_query_threads_);
}

/// Threads for what has just been posted, and no more than it needs.
void PreparationPool::wake(const Work& work) {
  const auto wake_some = [this](Role role, std::size_t count) {
    for (count = std::min(count, threads_.size()); count > 0; --count) ready_[index(role)].notify_one();
  };
  const bool any_text = std::any_of(work.tasks.begin(), work.tasks.end(),
                                    [](const Task& task) { return task.modality == Modality::text; });
  if (any_text) wake_some(Role::texts, 1);
  if (work.lane == Lane::document) return wake_some(Role::all, work.tasks.size());
  wake_some(Role::queries, work.tasks.size());
  wake_some(Role::all, queries_beyond_threads());
}

void PreparationPool::wake_all() {
  for (std::condition_variable& ready : ready_) ready.notify_all();
}

PreparationPool::Taken PreparationPool::take(Lane lane, Lines::iterator line) {
  const Task task = line->task();
  spent_[index(lane)] = std::max(spent_[index(lane)], line->spent);
  line->spent += std::max(task.cost.pixels, k_least_cost);
  bytes_ += task.cost.bytes;
  tasks_[index(lane)] -= 1;
  if (++line->next < line->tasks.size()) return {line->run, task};
  Taken last{std::move(line->run), task};
  lines_[index(lane)].erase(line);
  return last;
}

/// One that is larger than the whole budget runs alone: the border has let it in.
bool PreparationPool::fits(const Task& task) const {
  return task.cost.bytes == 0 || bytes_ == 0 || bytes_ + task.cost.bytes <= max_bytes_;
}

/// Nothing is left that a thread of that role could ever take.
bool PreparationPool::is_done(Role role) const {
  const auto any_text = [](const Lines& lines) {
    return std::any_of(lines.begin(), lines.end(),
                       [](const Line& line) { return line.task().modality == Modality::text; });
  };
  const Lines &queries = lines_[index(Lane::query)], &documents = lines_[index(Lane::document)];
  switch (role) {
    case Role::texts:
      return !any_text(queries) && !any_text(documents);
    case Role::queries:
      return queries.empty();
    case Role::all:
      return queries.empty() && documents.empty();
  }
  return true;
}

}  // namespace sightline::serving
