#include "models/towers/compute.h"

#include <ATen/Parallel.h>
#include <algorithm>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <charconv>
#include <optional>
#include <string_view>
#include <thread>

namespace sightline::models {
namespace {

constexpr int k_max_threads = 1024;
constexpr int k_max_devices = 128;

Result<at::Device> parse_device(std::string_view name) {
  if (name == "cpu") return at::Device(at::kCPU);
  int index = 0;
  if (name != "cuda") {
    const std::string_view number = name.starts_with("cuda:") ? name.substr(5) : std::string_view();
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), index);
    if (number.empty() || error != std::errc() || end != number.data() + number.size() || index < 0 ||
        index >= k_max_devices) {
      return Error{ErrorCode::invalid_argument, "device \"" + std::string(name) + "\" is not cpu, cuda or cuda:N"};
    }
  }
  if (!at::hasCUDA()) {
    return Error{ErrorCode::unsupported, "device \"" + std::string(name) +
                                             "\" requires CUDA, but this libtorch was built without CUDA or finds no "
                                             "graphics card; use cpu, or build with a libtorch with CUDA"};
  }
  return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
}

/// The meaning of a name of --dtype.
struct NamedDtype {
  at::ScalarType libtorch;                      ///< the type in libtorch
  std::optional<kernels::Precision> precision;  ///< the precision of the kernels; none: not supported by them
};

Result<NamedDtype> parse_dtype(std::string_view name) {
  if (name == "float32") return NamedDtype{at::kFloat, kernels::Precision::f32};
  if (name == "bfloat16") return NamedDtype{at::kBFloat16, kernels::Precision::bf16};
  if (name == "int8") return NamedDtype{at::kFloat, kernels::Precision::int8};
  if (name == "float16") return NamedDtype{at::kHalf, std::nullopt};
  return Error{ErrorCode::invalid_argument,
               "dtype \"" + std::string(name) + "\" is not float32, bfloat16, int8 or float16"};
}

/// Every kind of operation that the towers use.
void try_operations(const Compute& compute) {
  const c10::InferenceMode inference;
  const at::Tensor square = at::ones({32, 32}, compute.options());
  const at::Tensor row = at::ones({32}, compute.options());
  at::Tensor x = at::layer_norm(square, {32}, row, row, 1e-5);
  x = at::addmm(row, x, square.t(), 0.5, 0.5);
  at::silu_(x);
  x = at::gelu(x);
  x = at::softmax(at::baddbmm(square, x.unsqueeze(0), x.unsqueeze(0)), -1, at::kFloat);
  x = at::bmm(x.to(compute.dtype), square.unsqueeze(0));
  x.to(at::kCPU, at::kFloat).sum().item<float>();
}

/// On the CPU, if oneDNN supports the precision, kernels compute the products, and everything else is float32.
void use_kernels(Compute& compute, std::optional<kernels::Precision> precision) {
  if (!compute.device.is_cpu() || !precision) return;
  compute.products = kernels::make_matmul_cache(*precision);
  if (!compute.products) return;
  compute.precision = *precision;
  compute.dtype = at::kFloat;
  compute.product_dtype = kernels::input_element(*precision) == kernels::Element::bf16 ? at::kBFloat16 : at::kFloat;
  compute.table_dtype = *precision == kernels::Precision::f32 ? at::kFloat : at::kBFloat16;
}

}  // namespace

std::string message_of(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  const std::string text = torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
  return text.substr(0, text.find('\n'));
}

void use_threads(const Compute& compute) {
  kernels::use_threads(compute.threads);
  // Only if libtorch does not share OpenMP's threads: otherwise it would create its second pool again, whose threads
  // spin.
  if (at::get_num_threads() != compute.threads) at::set_num_threads(compute.threads);
}

Result<Compute> make_compute(const ComputeOptions& options) {
  const Result<at::Device> device = parse_device(options.device);
  if (!device) return device.error();
  const Result<NamedDtype> dtype = parse_dtype(options.dtype);
  if (!dtype) return dtype.error();
  if (options.threads < 0 || options.threads > k_max_threads) {
    return Error{ErrorCode::invalid_argument,
                 "threads is " + std::to_string(options.threads) + ", not from 0 to " + std::to_string(k_max_threads)};
  }
  const int threads =
      options.threads > 0 ? options.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  Compute compute{.device = *device,
                  .dtype = dtype->libtorch,
                  .product_dtype = dtype->libtorch,
                  .table_dtype = dtype->libtorch,
                  .threads = threads,
                  .products = {},
                  .precision = {},
                  .load = {}};
  const auto refused = [&](const std::string& why) {
    return Error{ErrorCode::unsupported, "dtype " + options.dtype + " on device " + options.device +
                                             " is not supported " + why + "; use another --dtype or --device"};
  };
  try {
    use_threads(compute);
    use_kernels(compute, dtype->precision);
    if (dtype->precision == kernels::Precision::int8 && !compute.products) {
      return refused(compute.device.is_cpu() ? "by oneDNN on this processor" : "there");
    }
    try_operations(compute);
  } catch (const std::exception& error) {
    return refused("by this libtorch: " + message_of(error));
  }
  return compute;
}

}  // namespace sightline::models
