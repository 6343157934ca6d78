// Says at the start that the limit on address space is too tight, instead of hanging.
//
// OpenBLAS takes a buffer for each thread when it is loaded, before `main` (blas_buffer.h). So the check runs
// earlier still: an executable's .preinit_array comes before the constructors of its libraries. Part of the
// program itself, as only an executable may have that section.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "models/towers/blas_buffer.h"

namespace {

using sightline::models::k_blas_buffer_bytes;
/// What else OpenBLAS takes to begin with.
constexpr std::size_t k_other_bytes = 64u << 20;
constexpr int k_max_threads = 64;

int number_of(char** environment, const char* name) {
  const std::size_t length = std::strlen(name);
  for (char** entry = environment; *entry; ++entry) {
    if (std::strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') return std::atoi(*entry + length + 1);
  }
  return 0;
}

/// How many buffers OpenBLAS will take: one a thread, and one for its caller.
int buffers(char** environment) {
  int threads = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}) {
    if (const int wanted = number_of(environment, name); wanted > 0) threads = std::min(threads, wanted);
  }
  return std::clamp(threads, 1, k_max_threads) + 1;
}

bool has_room(int count) {
  std::array<void*, k_max_threads + 2> blocks{};
  bool room = true;
  for (int i = 0; i <= count && room; ++i) {
    const std::size_t size = i < count ? k_blas_buffer_bytes : k_other_bytes;
    blocks[i] = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    room = blocks[i] != MAP_FAILED;
  }
  for (int i = 0; i <= count; ++i) {
    if (blocks[i] && blocks[i] != MAP_FAILED) ::munmap(blocks[i], i < count ? k_blas_buffer_bytes : k_other_bytes);
  }
  return room;
}

void check_address_space(int, char**, char** environment) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  if (has_room(buffers(environment))) return;
  constexpr char k_message[] =
      "sightline-server: the limit on address space (ulimit -v) is too low to start: raise it, or set "
      "OPENBLAS_NUM_THREADS to fewer threads\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, k_message, sizeof k_message - 1);
  ::_exit(EXIT_FAILURE);
}

[[gnu::section(".preinit_array"), gnu::used]] void (*const before_libraries)(int, char**, char**) = check_address_space;

}  // namespace
