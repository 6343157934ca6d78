// Device, element type and threads of the towers. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/result.h"
#include "models/kernels/packed_linear.h"
#include "models/towers/calibration.h"
#include "models/towers/towers.h"

namespace sightline::models {

/// Shared by the linear layers of a model while they are created.
struct LoadState {
  std::set<std::pair<std::int64_t, std::int64_t>> checked;  ///< [in, out] whose arithmetic was checked
  const Calibration* calibration = nullptr;                 ///< of this model; null: unknown
  Calibration* record = nullptr;                            ///< later passes fill it; null: no recording
  std::size_t layers = 0;                                   ///< made so far
  std::size_t float_layers = 0;                             ///< layers in float32 despite int8
};

/// The device and the data types of the towers.
struct Compute {
  at::Device device{at::kCPU};
  at::ScalarType dtype = at::kFloat;          ///< of everything except the following
  at::ScalarType product_dtype = at::kFloat;  ///< of the inputs of products
  at::ScalarType table_dtype = at::kFloat;    ///< of tables for looking up single rows
  int threads = 1;
  std::shared_ptr<kernels::MatmulCache> products;          ///< null: libtorch computes everything, in `dtype`
  kernels::Precision precision = kernels::Precision::f32;  ///< of products that are not libtorch's
  std::shared_ptr<LoadState> load;                         ///< of the layers during loading; unused later

  at::TensorOptions options() const { return at::TensorOptions().device(device).dtype(dtype); }
};

/// Reads the options, and runs each kind of operation once on small matrices, so that unsupported
/// operations are found before any weights are read. Errors: invalid_argument (no such name),
/// unsupported.
Result<Compute> make_compute(const ComputeOptions& options);

/// The first line of libtorch's error text.
std::string message_of(const std::exception& error);

/// Sets the number of threads for the calling thread's operations. Call it on the thread that computes, before it
/// computes: libtorch and OpenMP store this number per thread.
void use_threads(const Compute& compute);

}  // namespace sightline::models
