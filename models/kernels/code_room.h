// Address space for the code that oneDNN generates. Private to models/kernels.
#pragma once

#include <cstddef>

namespace sightline::models::kernels {

/// Reserves address space for generated code: without free address space, oneDNN writes its code to address 0.
class CodeRoom {
 public:
  CodeRoom() = default;
  ~CodeRoom() { release(); }
  CodeRoom(const CodeRoom&) = delete;
  CodeRoom& operator=(const CodeRoom&) = delete;

  /// Runs `generate` with the reserved space released for it, and reserves it again afterwards. Throws std::bad_alloc
  /// if there is none, and what `generate` throws.
  template <class Generate>
  auto use(Generate generate) {
    keep();
    release();
    struct Again {
      CodeRoom& room;
      ~Again() { room.try_to_keep(); }
    } again{*this};
    return generate();
  }

 private:
  void keep();
  bool try_to_keep();
  void release();

  void* room_ = nullptr;
};

}  // namespace sightline::models::kernels
