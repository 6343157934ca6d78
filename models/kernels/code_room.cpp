#include "models/kernels/code_room.h"

#include <new>
#include <sys/mman.h>

namespace sightline::models::kernels {
namespace {

/// A product has code for whole blocks and for each kind of remainder, each at most a quarter of a megabyte.
constexpr std::size_t k_bytes = std::size_t{16} << 20;

}  // namespace

bool CodeRoom::try_to_keep() {
  if (room_ != nullptr) return true;
  void* const room = ::mmap(nullptr, k_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return false;
  room_ = room;
  return true;
}

void CodeRoom::keep() {
  if (!try_to_keep()) throw std::bad_alloc();
}

void CodeRoom::release() {
  if (room_ != nullptr) ::munmap(room_, k_bytes);
  room_ = nullptr;
}

}  // namespace sightline::models::kernels
