#include "server/elastic/embedded/search/vector_graph.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "server/elastic/embedded/search/vector_math.h"

// hnswlib defines functions in its headers, so it is only included here. Its own vector code is not used. Disabling
// that code also disables its prefetching, which reads beyond the end of its lists.
#define NO_MANUAL_VECTORIZATION
#include <hnswlib/hnswlib.h>

#ifdef __SANITIZE_THREAD__
// hnswlib locks its lists in varying order. This could only deadlock if two threads linked rows at once, but one thread
// does.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "deadlock:hnswlib\n";
}
#endif

namespace sightline::elastic {
namespace {

struct Measure {
  VectorSimilarity similarity;
  std::size_t dims;
};

/// hnswlib's items are addresses of rows, so that vectors are stored once. hnswlib does not align its items.
const float* row_at(const void* item) {
  const float* row;
  std::memcpy(&row, item, sizeof row);
  return row;
}

float distance(const void* a, const void* b, const void* measure) {
  const auto& how = *static_cast<const Measure*>(measure);
  return -nearness(how.similarity, row_at(a), row_at(b), how.dims);
}

class RowSpace : public hnswlib::SpaceInterface<float> {
 public:
  explicit RowSpace(Measure measure) : measure_(measure) {}
  std::size_t get_data_size() override { return sizeof(const float*); }
  hnswlib::DISTFUNC<float> get_dist_func() override { return distance; }
  void* get_dist_func_param() override { return &measure_; }

 private:
  Measure measure_;
};

constexpr std::size_t k_first_capacity = 1024;

}  // namespace

struct VectorGraph::Graph {
  RowSpace space;
  hnswlib::HierarchicalNSW<float> links;

  Graph(Measure measure, const Options& options)
      : space(measure),
        links(&space, k_first_capacity, std::clamp<std::size_t>(options.links, 2, 512),
              std::clamp<std::size_t>(options.ef_construction, 1, 3200)) {}
};

VectorGraph::VectorGraph(VectorSimilarity similarity, std::size_t dims, const Options& options)
    : graph_(std::make_unique<Graph>(Measure{similarity, dims}, options)), linker_([this] { link_rows(); }) {}

VectorGraph::~VectorGraph() {
  {
    const std::lock_guard lock(line_mutex_);
    stopping_ = true;
  }
  line_changed_.notify_all();
  linker_.join();
}

void VectorGraph::extend(const std::vector<const float*>& rows) {
  {
    const std::lock_guard lock(line_mutex_);
    line_.insert(line_.end(), rows.begin(), rows.end());
  }
  line_changed_.notify_all();
}

std::size_t VectorGraph::given() const {
  const std::lock_guard lock(line_mutex_);
  return line_.size();
}

void VectorGraph::wait_until_linked() const {
  std::unique_lock lock(line_mutex_);
  line_changed_.wait(lock, [&] { return linked_ == line_.size() || failed_ || stopping_; });
}

void VectorGraph::link_rows() {
  std::unique_lock lock(line_mutex_);
  for (;;) {
    line_changed_.wait(lock, [&] { return stopping_ || (linked_ < line_.size() && !failed_); });
    if (stopping_) return;
    const float* row = line_[linked_];
    lock.unlock();
    const bool linked = link(row);
    lock.lock();
    if (linked) {
      ++linked_;
    } else {
      failed_ = true;  // searches use the linked rows, and compare the rest one by one
    }
    if (linked_ == line_.size() || failed_) line_changed_.notify_all();
  }
}

bool VectorGraph::link(const float* row) {
  while (searches_waiting_.load(std::memory_order_relaxed) > 0) std::this_thread::yield();
  const auto alone = graph_lock_.write();
  try {
    auto& links = graph_->links;
    if (links.cur_element_count == links.max_elements_) links.resizeIndex(links.max_elements_ * 2);
    links.addPoint(&row, links.cur_element_count);
    return true;
  } catch (const std::exception&) {
    return false;  // out of memory
  }
}

VectorGraph::Found VectorGraph::search(const float* query, std::size_t candidates) const {
  searches_waiting_.fetch_add(1, std::memory_order_relaxed);
  const auto together = graph_lock_.read();
  searches_waiting_.fetch_sub(1, std::memory_order_relaxed);
  Found found;
  found.covered = graph_->links.cur_element_count;
  if (found.covered == 0) return found;
  auto nearest = graph_->links.searchKnn(&query, std::min(candidates, found.covered));
  found.nearest.reserve(nearest.size());
  for (; !nearest.empty(); nearest.pop()) {
    found.nearest.emplace_back(nearest.top().second, -nearest.top().first);
  }
  return found;
}

}  // namespace sightline::elastic
