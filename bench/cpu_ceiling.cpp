// Measures the maximum speed of a processor in the towers' work: matrix products, and reading the weights.
// bench/run.sh runs it by turns with the programs that it compares.
//
//   sightline-cpu-ceiling [--threads N]
//
// Each line of standard input is answered with one line of JSON:
//
//   product DTYPE M K N SECONDS   [M, K] by [K, N] with a bias, oneDNN's matmul, the weights in the layout
//                                 that it prefers. DTYPE is float32, bfloat16, or int8 (activations of
//                                 unsigned bytes, weights of signed ones, sums of 32 bits):
//                                 {"gflops" (median), "best_gflops", "implementation"}
//   blas M K N SECONDS            the same product in float32 by the BLAS that libtorch uses, which gets the weights as a
//                                 checkpoint stores them, [N, K], and adds no bias: {"gflops", "best_gflops",
//                                 "implementation"}
//   read SECONDS                  reading 1 GiB of memory in order, all threads together:
//                                 {"gb_per_s" (median), "best_gb_per_s"}
//
// A command that fails (a dtype that the processor does not support) is answered with {"error"}.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <iostream>
#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/round_answer.h"

namespace {

using sightline::bench::RoundAnswer;
using Clock = std::chrono::steady_clock;

constexpr std::size_t k_least_runs = 3;
/// A byte that gives ordinary numbers in every dtype: 0.01 in floats, 60 in integers. Zeros would use less
/// power.
constexpr int k_filling = 0x3c;
constexpr std::size_t k_read_bytes = std::size_t{1} << 30;

/// Seconds of each run in ascending order, after one run that is not timed.
template <class Run>
std::vector<double> time_runs(double seconds, Run run) {
  run();
  std::vector<double> times;
  const auto start = Clock::now();
  const auto since = [](Clock::time_point then) { return std::chrono::duration<double>(Clock::now() - then).count(); };
  while (times.size() < k_least_runs || since(start) < seconds) {
    const auto begin = Clock::now();
    run();
    times.push_back(since(begin));
  }
  std::sort(times.begin(), times.end());
  return times;
}

double median(const std::vector<double>& sorted) {
  return sorted[sorted.size() / 2];
}

struct ProductTypes {
  dnnl::memory::data_type activations, weights, result;
};

ProductTypes types_of(const std::string& dtype) {
  using Type = dnnl::memory::data_type;
  if (dtype == "float32") return {Type::f32, Type::f32, Type::f32};
  if (dtype == "bfloat16") return {Type::bf16, Type::bf16, Type::bf16};
  if (dtype == "int8") return {Type::u8, Type::s8, Type::f32};
  throw std::runtime_error("dtype \"" + dtype + "\" is none of float32, bfloat16 and int8");
}

/// One product with its own memory.
class Product {
 public:
  Product(const std::string& dtype, dnnl::memory::dim m, dnnl::memory::dim k, dnnl::memory::dim n) {
    using Tag = dnnl::memory::format_tag;
    const ProductTypes types = types_of(dtype);
    const dnnl::memory::desc activations({m, k}, types.activations, Tag::ab);
    const dnnl::memory::desc weights({k, n}, types.weights, Tag::any);
    const dnnl::memory::desc bias({1, n}, dnnl::memory::data_type::f32, Tag::ab);
    const dnnl::memory::desc result({m, n}, types.result, Tag::ab);
#if DNNL_VERSION_MAJOR < 3
    const dnnl::matmul::primitive_desc chosen({activations, weights, bias, result}, engine_);
#else
    const dnnl::matmul::primitive_desc chosen(engine_, activations, weights, bias, result);
#endif
    implementation_ = chosen.impl_info_str();
    product_ = dnnl::matmul(chosen);
    arguments_ = {{DNNL_ARG_SRC, filled(activations)},
                  {DNNL_ARG_WEIGHTS, filled(chosen.weights_desc())},
                  {DNNL_ARG_BIAS, filled(bias)},
                  {DNNL_ARG_DST, filled(result)}};
  }

  void run() {
    product_.execute(stream_, arguments_);
    stream_.wait();
  }

  const std::string& implementation() const {
    return implementation_;
  }

 private:
  dnnl::memory filled(const dnnl::memory::desc& shape) const {
    dnnl::memory memory(shape, engine_);
    std::memset(memory.get_data_handle(), k_filling, shape.get_size());
    return memory;
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::matmul product_;
  std::unordered_map<int, dnnl::memory> arguments_;
  std::string implementation_;
};

/// The Fortran interface of BLAS: C = alpha op(A) op(B) + beta C, all in columns.
using Sgemm = void (*)(const char* of_a, const char* of_b, const int* m, const int* n, const int* k, const float* alpha,
                       const float* a, const int* lda, const float* b, const int* ldb, const float* beta, float* c,
                       const int* ldc);

/// A function of the library that libtorch links, which `dlopen` finds by its name. Null: there is none.
template <class Function>
Function blas_function(const char* name) {
  static void* const library = dlopen("libblas.so.3", RTLD_NOW);
  return library ? reinterpret_cast<Function>(dlsym(library, name)) : nullptr;
}

/// One product of a linear layer with its own memory.
class BlasProduct {
 public:
  BlasProduct(int m, int k, int n)
      : sgemm_(blas_function<Sgemm>("sgemm_")),
        m_(m),
        k_(k),
        n_(n),
        activations_(filled(m, k)),
        weights_(filled(n, k)),
        result_(filled(m, n)) {
    if (!sgemm_) throw std::runtime_error("there is no libblas.so.3 with sgemm_");
  }

  void run() {
    const float one = 1, zero = 0;  // rows of one side are columns of the other, so the operands change places
    sgemm_("T", "N", &n_, &m_, &k_, &one, weights_.data(), &k_, activations_.data(), &k_, &zero, result_.data(), &n_);
  }

  /// E.g. "OpenBLAS 0.3.21 ... SkylakeX MAX_THREADS=64".
  static std::string implementation() {
    const auto config = blas_function<const char* (*)()>("openblas_get_config");
    return config ? config() : "libblas.so.3";
  }

 private:
  static std::vector<float> filled(std::int64_t rows, std::int64_t columns) {
    std::vector<float> values(rows * columns);
    std::memset(values.data(), k_filling, values.size() * sizeof(float));
    return values;
  }

  Sgemm sgemm_;
  int m_, k_, n_;
  std::vector<float> activations_, weights_, result_;
};

struct Shape {
  std::int64_t m = 0, k = 0, n = 0;
  double seconds = 0;
};

Shape read_shape(std::istream& words, const char* form) {
  Shape shape;
  constexpr std::int64_t k_most = 1 << 20;
  if (!(words >> shape.m >> shape.k >> shape.n >> shape.seconds) || std::min({shape.m, shape.k, shape.n}) < 1 ||
      std::max({shape.m, shape.k, shape.n}) > k_most)
    throw std::runtime_error(form);
  return shape;
}

std::string answer_of(const Shape& shape, const std::vector<double>& times, const std::string& implementation) {
  const double operations =
      2e-9 * static_cast<double>(shape.m) * static_cast<double>(shape.k) * static_cast<double>(shape.n);
  return RoundAnswer()
      .add("gflops", operations / median(times))
      .add("best_gflops", operations / times.front())
      .add("implementation", implementation)
      .line();
}

std::string measure_product(std::istream& words) {
  std::string dtype;
  words >> dtype;
  const Shape shape = read_shape(words, "product takes DTYPE M K N SECONDS");
  Product product(dtype, shape.m, shape.k, shape.n);
  return answer_of(shape, time_runs(shape.seconds, [&] { product.run(); }), product.implementation());
}

std::string measure_blas(std::istream& words) {
  const Shape shape = read_shape(words, "blas takes M K N SECONDS");
  BlasProduct product(static_cast<int>(shape.m), static_cast<int>(shape.k), static_cast<int>(shape.n));
  return answer_of(shape, time_runs(shape.seconds, [&] { product.run(); }), BlasProduct::implementation());
}

std::string measure_reading(std::istream& words) {
  double seconds = 0;
  if (!(words >> seconds)) throw std::runtime_error("read takes SECONDS");
  const std::vector<std::uint64_t> memory(k_read_bytes / sizeof(std::uint64_t), 1);
  std::uint64_t sum = 0;
  const std::vector<double> times = time_runs(seconds, [&] {
#pragma omp parallel for simd reduction(+ : sum) schedule(static)
    for (std::size_t i = 0; i < memory.size(); ++i) sum += memory[i];
  });
  if (sum == 0) throw std::runtime_error("the sum of ones is 0");  // the result is used, so the loop must run
  const double gigabytes = 1e-9 * static_cast<double>(k_read_bytes);
  return RoundAnswer()
      .add("gb_per_s", gigabytes / median(times))
      .add("best_gb_per_s", gigabytes / times.front())
      .line();
}

std::string run_command(const std::string& line) {
  std::istringstream words(line);
  std::string what;
  words >> what;
  if (what == "product") return measure_product(words);
  if (what == "blas") return measure_blas(words);
  if (what == "read") return measure_reading(words);
  throw std::runtime_error(
      "\"" + line + "\" is none of \"product DTYPE M K N SECONDS\", \"blas M K N SECONDS\" and \"read SECONDS\"");
}

int run(int argc, char** argv) {
  CLI::App app("Measures products of matrices and reading of memory, as asked on standard input");
  int threads = 0;
  app.add_option("--threads", threads, "0: one a core")->check(CLI::Range(0, 1024))->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (threads > 0) omp_set_num_threads(threads);
  const dnnl_version_t* version = dnnl_version();
  std::cout << RoundAnswer()
                   .add("onednn", std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
                                      std::to_string(version->patch))
                   .add("threads", std::uint64_t(omp_get_max_threads()))
                   .line()
            << std::flush;
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    std::string answer;
    try {
      answer = run_command(line);
    } catch (const std::exception& error) {  // dnnl::error: what this processor has no implementation for
      answer = RoundAnswer().add("error", std::string(error.what())).line();
    }
    std::cout << answer << std::flush;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sightline-cpu-ceiling: %s\n", error.what());
    return 1;
  }
}
