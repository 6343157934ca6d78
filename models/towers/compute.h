// Device, element type and threads of the towers. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <memory>
#include <string>

#include "base/result.h"
#include "models/kernels/packed_linear.h"
#include "models/towers/towers.h"

namespace sightline::models {

/// Where the towers live and what they compute in.
struct Compute {
  at::Device device{at::kCPU};
  at::ScalarType dtype = at::kFloat;          ///< of all that is not below
  at::ScalarType product_dtype = at::kFloat;  ///< of what goes into products
  int threads = 1;
  std::shared_ptr<kernels::MatmulCache> products;  ///< null: libtorch computes, all in `dtype`

  at::TensorOptions options() const { return at::TensorOptions().device(device).dtype(dtype); }
};

/// Reads the options, and runs each kind of operation once on small matrices: what this libtorch or this
/// machine cannot do is known before any weights are read. Errors: invalid_argument (no such name),
/// unsupported.
Result<Compute> make_compute(const ComputeOptions& options);

/// The first line of what libtorch says went wrong.
std::string message_of(const std::exception& error);

/// Sets the threads of the calling thread's operations. Call on the thread that computes, before it does:
/// libtorch and OpenMP keep this number per thread.
void use_threads(const Compute& compute);

}  // namespace sightline::models
