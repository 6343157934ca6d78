#include "models/kernels/matmul_cache.h"

#include <algorithm>
#include <omp.h>
#include <vector>

#include "models/kernels/arena.h"

namespace sightline::models::kernels {
namespace {

using dnnl::memory;

constexpr std::size_t k_max_entries = 512;
constexpr std::int64_t k_typical_rows = 50;

memory::data_type type_of(Element element) {
  return element == Element::f32 ? memory::data_type::f32 : memory::data_type::bf16;
}

memory::desc matrix(std::int64_t rows, std::int64_t columns, memory::data_type type) {
  return {{rows, columns}, type, memory::format_tag::ab};
}

/// The data types of x, the weights and y.
struct Types {
  memory::data_type x, weights, y;

  Types(Precision precision, Element result) {
    const memory::data_type floats = type_of(input_element(precision));
    const bool integers = precision == Precision::int8;
    x = integers ? memory::data_type::u8 : floats;
    weights = integers ? memory::data_type::s8 : floats;
    y = integers ? memory::data_type::s32 : type_of(result);
  }
};

/// Integers are summed without a bias: finish_quantized adds it after it has removed the offset of the codes.
memory::desc bias_of(std::int64_t out, Precision precision) {
  return precision == Precision::int8 ? memory::desc() : matrix(1, out, memory::data_type::f32);
}

dnnl::primitive_attr attributes_of(const MatmulShape& shape) {
  dnnl::post_ops operations;
  switch (shape.epilogue) {
    case Epilogue::none:
      break;
    case Epilogue::quick_gelu:
      append_activation(operations, dnnl::algorithm::eltwise_swish, 1.702f);
      break;
    case Epilogue::gelu:
      append_activation(operations, dnnl::algorithm::eltwise_gelu_erf, 0);
      break;
    case Epilogue::gelu_tanh:
      append_activation(operations, dnnl::algorithm::eltwise_gelu_tanh, 0);
      break;
    case Epilogue::silu:
      append_activation(operations, dnnl::algorithm::eltwise_swish, 1);
      break;
    case Epilogue::add:
      operations.append_sum(1);
      break;
    case Epilogue::multiply:
      operations.append_binary(dnnl::algorithm::binary_mul, matrix(shape.rows, shape.out, type_of(shape.result)));
      break;
  }
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(operations);
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

}  // namespace

void use_threads(int threads) {
  omp_set_num_threads(threads);
}

std::shared_ptr<MatmulCache> make_matmul_cache(Precision precision) {
  auto cache = with_bad_alloc([] { return std::make_shared<MatmulCache>(); });
  try {
    constexpr std::int64_t k_edge = 32;
    const std::vector<float> weight(k_edge * k_edge, 1);
    std::vector<float> x(k_edge * k_edge, 0), y(k_edge * k_edge);
    const PackedLinear linear({.weight = weight.data(), .in = k_edge, .out = k_edge}, precision, cache);
    linear.apply({x.data(), k_edge, k_edge, k_edge, input_element(precision)}, {},
                 {y.data(), k_edge, k_edge, k_edge, Element::f32});
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_unimplemented) return nullptr;
    throw;
  }
  return cache;
}

std::string describe(const MatmulCache& cache) {
  const dnnl_version_t& version = *dnnl::version();
  return "oneDNN " + std::to_string(version.major) + "." + std::to_string(version.minor) + "." +
         std::to_string(version.patch) + " (" + cache.implementation() + ")";
}

memory::desc MatmulCache::packed_layout(std::int64_t in, std::int64_t out, Precision precision) {
  const Types types(precision, input_element(precision));
  const auto description =
      describe_matmul(engine_, matrix(k_typical_rows, in, types.x), {{in, out}, types.weights, memory::format_tag::any},
                      bias_of(out, precision), matrix(k_typical_rows, out, types.y), {});
  return description.weights_desc();
}

MatmulCache::Entry MatmulCache::make(const MatmulShape& shape, const memory::desc& weights) {
  const Types types(shape.precision, shape.result);
  const memory::desc x = matrix(shape.rows, shape.in, types.x), y = matrix(shape.rows, shape.out, types.y);
  const auto description =
      describe_matmul(engine_, x, weights, bias_of(shape.out, shape.precision), y, attributes_of(shape));
  implementation_ = description.impl_info_str();
  const memory::desc scratchpad = description.scratchpad_desc();
  return {.matmul = dnnl::matmul(description),
          .x = memory(x, engine_, nullptr),
          .y = memory(y, engine_, nullptr),
          .factors = memory(y, engine_, nullptr),
          .scratchpad = memory(scratchpad, engine_, nullptr),
          .scratchpad_bytes = scratchpad.get_size()};
}

/// Removes the quarter that was not used for longest.
void MatmulCache::make_room() {
  if (entries_.size() < k_max_entries) return;
  std::vector<std::uint64_t> used;
  for (const auto& [shape, entry] : entries_) used.push_back(entry.used);
  const auto limit = used.begin() + static_cast<std::ptrdiff_t>(used.size() / 4);
  std::nth_element(used.begin(), limit, used.end());
  std::erase_if(entries_, [&](const auto& item) { return item.second.used < *limit; });
}

void MatmulCache::run(const MatmulShape& shape, const memory& weights, const memory& bias, void* x, void* factors,
                      void* y) {
  with_bad_alloc([&] { multiply(shape, weights, bias, x, factors, y); });
}

void MatmulCache::multiply(const MatmulShape& shape, const memory& weights, const memory& bias, void* x, void* factors,
                           void* y) {
  auto found = entries_.find(shape);
  if (found == entries_.end()) {
    make_room();
    found = entries_.emplace(shape, room_.use([&] { return make(shape, weights.get_desc()); })).first;
  }
  Entry& entry = found->second;
  entry.used = ++calls_;
  Arena& arena = Arena::of_this_thread();
  const Arena::Frame frame(arena);
  entry.x.set_data_handle(x);
  entry.y.set_data_handle(y);
  std::unordered_map<int, memory> arguments{
      {DNNL_ARG_SRC, entry.x}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, entry.y}};
  if (shape.precision != Precision::int8) arguments.emplace(DNNL_ARG_BIAS, bias);
  if (entry.scratchpad_bytes > 0) {
    entry.scratchpad.set_data_handle(arena.take(entry.scratchpad_bytes));
    arguments.emplace(DNNL_ARG_SCRATCHPAD, entry.scratchpad);
  }
  if (factors != nullptr) {
    entry.factors.set_data_handle(factors);
    arguments.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, entry.factors);
  }
  entry.matmul.execute(stream_, arguments);
  stream_.wait();
}

}  // namespace sightline::models::kernels
