// Memory for the intermediate results of a pass.
#pragma once

#include <cstddef>
#include <vector>

namespace sightline::models::kernels {

/// A stack of memory that is reused between passes: in the steady state nothing is allocated.
///
/// Memory is allocated within a `Frame` and freed when the frame ends; frames nest, so that a pass may run inside
/// another one. Every thread has a separate arena. After the outermost frame one block is left, as large as all
/// that was in use at once.
class Arena {
 public:
  static Arena& of_this_thread();

  class Frame {
   public:
    explicit Frame(Arena& arena) : arena_(arena), block_(arena.block_), used_(arena.used_) { ++arena.frames_; }
    ~Frame() { arena_.release(block_, used_); }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

   private:
    Arena& arena_;
    std::size_t block_, used_;
  };

  /// `bytes` bytes, aligned to 64, not initialised, valid until the innermost frame ends. Throws std::bad_alloc.
  void* take(std::size_t bytes);

  /// The size of the arena's blocks.
  std::size_t bytes() const;

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

 private:
  struct Block {
    std::byte* data;
    std::size_t size;
  };
  void release(std::size_t block, std::size_t used);
  void add_block(std::size_t size);
  void free_blocks();

  std::vector<Block> blocks_;
  std::size_t block_ = 0, used_ = 0;  ///< the current block, and the used bytes of it
  std::size_t frames_ = 0;
};

}  // namespace sightline::models::kernels
