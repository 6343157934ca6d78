#include "models/towers/blas_check.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <dlfcn.h>
#include <filesystem>
#include <string_view>
#include <sys/mman.h>
#include <system_error>

#include "models/towers/blas_buffer.h"

namespace sightline::models {
namespace {

/// The return values of openblas_get_parallel().
enum class OpenBlasThreads { none = 0, own = 1, openmp = 2 };

struct Blas {
  enum class Kind { inside_libtorch, openblas, other };
  Kind kind = Kind::inside_libtorch;
  OpenBlasThreads threads = OpenBlasThreads::none;
  std::string description;
};

/// The library file of the matrix product, symbolic links resolved (Debian's alternatives are such links).
std::string file_of(void* function) {
  Dl_info found{};
  if (function == nullptr || dladdr(function, &found) == 0 || found.dli_fname == nullptr) return {};
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(found.dli_fname, error);
  return error ? found.dli_fname : real.string();
}

Blas find_blas() {
  if (at::hasMKL()) return {Blas::Kind::inside_libtorch, {}, "MKL, inside libtorch"};
  void* product = dlsym(RTLD_DEFAULT, "sgemm_");
  if (product == nullptr) return {Blas::Kind::inside_libtorch, {}, "inside libtorch"};
  const std::string file = file_of(product);
  void* parallel = dlsym(RTLD_DEFAULT, "openblas_get_parallel");
  if (parallel == nullptr || file.find("openblas") == std::string::npos) return {Blas::Kind::other, {}, file};

  const auto threads = static_cast<OpenBlasThreads>(reinterpret_cast<int (*)()>(parallel)());
  std::string name = "OpenBLAS";
  if (void* config = dlsym(RTLD_DEFAULT, "openblas_get_config"); config != nullptr) {
    // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..."
    const std::string_view words = reinterpret_cast<const char* (*)()>(config)();
    name = words.substr(0, words.find(' ', words.find(' ') + 1));
  }
  name += threads == OpenBlasThreads::openmp ? " (OpenMP), "
          : threads == OpenBlasThreads::own  ? " (its own threads), "
                                             : " (one thread), ";
  return {Blas::Kind::openblas, threads, name + file};
}

}  // namespace

std::string blas_description() {
  return find_blas().description;
}

Status take_blas_buffer() {
  // Stacks and arenas of the threads that start next: OpenMP's, the server's, and those of libtorch's pthreadpool,
  // which waits forever for a thread that could not start.
  constexpr std::size_t k_threads_bytes = std::size_t{320} << 20;
  constexpr std::size_t k_room_bytes = k_blas_buffer_bytes + k_threads_bytes;
  void* const room = ::mmap(nullptr, k_room_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) {
    return Error{ErrorCode::overloaded,
                 "out of memory for OpenBLAS: raise the limit on address space (ulimit -v), or "
                 "set OPENBLAS_NUM_THREADS to fewer threads"};
  }
  ::munmap(room, k_room_bytes);
  const at::Tensor square = at::ones({64, 64});
  at::mm(square, square);
  return {};
}

std::string blas_warning() {
  const Blas blas = find_blas();
  if (blas.kind == Blas::Kind::inside_libtorch || blas.threads == OpenBlasThreads::openmp) return {};
  constexpr const char* k_cure =
      "; install libopenblas0-openmp and select it with `update-alternatives --config "
      "libblas.so.3-$(uname -m)-linux-gnu`";
  if (blas.kind == Blas::Kind::other) {
    return "the BLAS in use is " + blas.description +
           ", which multiplies matrices several to a hundred times slower than "
           "OpenBLAS with OpenMP" +
           k_cure;
  }
  if (blas.threads == OpenBlasThreads::own) {
    return "the BLAS in use is " + blas.description +
           ": its thread pool and libtorch's compete for the cores, which makes "
           "embedding about four times slower" +
           k_cure;
  }
  return "the BLAS in use is " + blas.description + ": it uses only one core" + k_cure;
}

}  // namespace sightline::models
