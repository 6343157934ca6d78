#include "tests/serving/thread_memory.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<bool> g_none_elsewhere{false};
thread_local bool t_is_spared = false;

}  // namespace

void* operator new(std::size_t size) {
  if (g_none_elsewhere.load(std::memory_order_relaxed) && !t_is_spared) throw std::bad_alloc();
  if (void* const bytes = std::malloc(size == 0 ? 1 : size)) return bytes;
  throw std::bad_alloc();
}

void operator delete(void* bytes) noexcept {
  std::free(bytes);
}
void operator delete(void* bytes, std::size_t) noexcept {
  std::free(bytes);
}

namespace sightline::serving {

NoMemoryElsewhere::NoMemoryElsewhere() {
  t_is_spared = true;
  g_none_elsewhere = true;
}

NoMemoryElsewhere::~NoMemoryElsewhere() {
  g_none_elsewhere = false;
  t_is_spared = false;
}

}  // namespace sightline::serving
