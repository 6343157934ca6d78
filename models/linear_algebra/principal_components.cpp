#include "models/linear_algebra/principal_components.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <c10/core/InferenceMode.h>
#include <cmath>
#include <cstdint>
#include <dlfcn.h>

#include "base/exception_error.h"

namespace sightline::models {
namespace {

constexpr std::size_t k_spare = 10;  ///< additional directions, which make the wanted ones exact (4.2 of the paper)
constexpr int k_rounds = 6;

/// Matrix products of this thread run only on this thread, so that sums are always added in the same order.
/// `at::set_num_threads` would also affect other threads; OpenMP's number is per thread.
class OneThread {
 public:
  OneThread() : get_(function<int()>("omp_get_max_threads")), set_(function<void(int)>("omp_set_num_threads")) {
    at::get_num_threads();  // a thread's first call sets its number
    if (!get_ || !set_) return;
    before_ = get_();
    set_(1);
  }
  ~OneThread() {
    if (get_ && set_) set_(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  template <class Signature>
  static Signature* function(const char* name) {
    return reinterpret_cast<Signature*>(dlsym(RTLD_DEFAULT, name));
  }

  int (*const get_)();
  void (*const set_)(int);
  int before_ = 1;
};

void centre(std::vector<float>& vectors, std::size_t count, std::size_t dims) {
  std::vector<double> mean(dims);
  for (std::size_t i = 0; i < vectors.size(); ++i) mean[i % dims] += static_cast<double>(vectors[i]);
  for (double& x : mean) x /= static_cast<double>(count);
  for (std::size_t i = 0; i < vectors.size(); ++i) vectors[i] -= static_cast<float>(mean[i % dims]);
}

/// The same numbers in [-1, 1) in every call (splitmix64: Steele, Lea, Flood, OOPSLA 2014).
at::Tensor fixed_start(std::size_t rows, std::size_t columns) {
  std::uint64_t state = 0;
  at::Tensor start = at::empty({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)}, at::kFloat);
  float* out = start.data_ptr<float>();
  for (std::size_t i = 0; i < rows * columns; ++i) {
    std::uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    out[i] = static_cast<float>(static_cast<double>(z >> 11) * 0x1.0p-52 - 1);
  }
  return start;
}

at::Tensor orthonormal(const at::Tensor& matrix) {
  return std::get<0>(at::linalg_qr(matrix));
}

void make_largest_positive(Components& components, std::size_t count) {
  for (std::size_t column = 0; column < components.count; ++column) {
    float largest = 0;
    for (std::size_t row = 0; row < count; ++row) {
      const float value = components.values[row * components.count + column];
      if (std::abs(value) > std::abs(largest)) largest = value;
    }
    if (largest >= 0) continue;
    for (std::size_t row = 0; row < count; ++row) components.values[row * components.count + column] *= -1;
  }
}

}  // namespace

Result<Components> principal_components(std::vector<float>& vectors, std::size_t count, std::size_t dims,
                                        std::size_t wanted) {
  try {
    const c10::InferenceMode inference;
    const OneThread alone;
    Components components;
    components.count = std::max<std::size_t>(1, std::min({wanted, dims, count - 1}));
    centre(vectors, count, dims);
    const at::Tensor x =
        at::from_blob(vectors.data(), {static_cast<std::int64_t>(count), static_cast<std::int64_t>(dims)}, at::kFloat);
    const std::size_t directions = std::min({components.count + k_spare, dims, count});
    at::Tensor axes = orthonormal(fixed_start(dims, directions));
    for (int round = 0; round < k_rounds; ++round) axes = orthonormal(x.t().mm(x.mm(axes)));
    const at::Tensor inner = x.mm(axes);  // [count, directions]
    // Within the directions found: the eigenvectors of their small covariance, in ascending order of their values.
    const at::Tensor wide = inner.to(at::kDouble);
    const at::Tensor turn = std::get<1>(at::linalg_eigh(wide.t().mm(wide)))
                                .flip(1)
                                .narrow(1, 0, static_cast<std::int64_t>(components.count));
    const at::Tensor scores = wide.mm(turn).to(at::kFloat).contiguous();
    const float* begin = scores.data_ptr<float>();
    components.values.assign(begin, begin + count * components.count);
    make_largest_positive(components, count);
    return components;
  } catch (...) {
    return error_of_exception("finding principal components");
  }
}

}  // namespace sightline::models
