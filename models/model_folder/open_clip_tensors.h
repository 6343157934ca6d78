// The tensors of a checkpoint with OpenCLIP's and timm's names.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "models/model_folder/checkpoint.h"
#include "models/model_folder/open_clip_config.h"

namespace sightline::models {

/// The weights of `folder` under OpenCLIP's names: open_clip_model.safetensors, open_clip_pytorch_model.safetensors or
/// model.safetensors, the first that exists (OpenCLIP's order). If all names begin with "module." or "model.", that is
/// removed. Errors: not_found; unsupported (weights only as a pickle, with what to do about it); those of
/// read_safetensors.
Result<Checkpoint> open_clip_weights(const std::filesystem::path& folder);

/// The same under the names and in the shapes that the towers require, which are Hugging Face's: a fused matrix becomes
/// several, a matrix stored as [in, out] is marked as transposed. Nothing is copied. Errors: corrupt_data, one error that
/// lists, by OpenCLIP's names, every tensor missing, of another shape, or unknown.
Result<Checkpoint> named_for_towers(Checkpoint weights, const OpenClipConfig& config);

}  // namespace sightline::models
