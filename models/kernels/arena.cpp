#include "models/kernels/arena.h"

#include <algorithm>
#include <new>

namespace sightline::models::kernels {
namespace {

constexpr std::size_t k_alignment = 64;
constexpr std::size_t k_least_block = std::size_t{1} << 20;

}  // namespace

Arena& Arena::of_this_thread() {
  thread_local Arena arena;
  return arena;
}

Arena::~Arena() {
  free_blocks();
}

void* Arena::take(std::size_t bytes) {
  const std::size_t size = (bytes + k_alignment - 1) / k_alignment * k_alignment;
  while (block_ < blocks_.size() && used_ + size > blocks_[block_].size) {
    ++block_;
    used_ = 0;
  }
  if (block_ == blocks_.size()) add_block(std::max(size, k_least_block));
  void* const memory = blocks_[block_].data + used_;
  used_ += size;
  return memory;
}

std::size_t Arena::bytes() const {
  std::size_t total = 0;
  for (const Block& block : blocks_) total += block.size;
  return total;
}

void Arena::add_block(std::size_t size) {
  blocks_.reserve(blocks_.size() + 1);
  auto* const data = static_cast<std::byte*>(::operator new(size, std::align_val_t(k_alignment)));
  blocks_.push_back({data, size});
}

void Arena::free_blocks() {
  for (const Block& block : blocks_) ::operator delete(block.data, std::align_val_t(k_alignment));
  blocks_.clear();
}

void Arena::release(std::size_t block, std::size_t used) {
  block_ = block;
  used_ = used;
  if (--frames_ > 0 || blocks_.size() < 2) return;
  const std::size_t total = bytes();
  free_blocks();
  try {
    add_block(total);
  } catch (const std::bad_alloc&) {  // the next pass allocates blocks as it needs them
  }
}

}  // namespace sightline::models::kernels
