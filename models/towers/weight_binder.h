// From the names of a checkpoint to the tensors of a tower. Private to models/towers.
#pragma once

#include <ATen/ATen.h>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/model_folder/checkpoint.h"
#include "models/model_folder/xlm_roberta_config.h"
#include "models/towers/compute.h"

namespace sightline::models {

/// The modules that have adapters.
enum class AdaptedKind {
  linear,  ///< lora_A is R [sets, rank, columns], lora_B is L [sets, rows, rank]
  table,   ///< of embeddings: lora_A is L [sets, rows, rank], lora_B is R [sets, rank, columns]
};

/// Returns a checkpoint's tensors by name and shape, and records which requested ones are
/// missing or have another shape, and which were never requested. The towers take all they need and
/// `finish` reports all errors together.
class WeightBinder {
 public:
  WeightBinder(const Checkpoint& checkpoint, const Compute& compute) : checkpoint_(checkpoint), compute_(compute) {}

  /// The tensor on the device in the compute type, read from its file. An empty tensor if it is missing, of
  /// another shape, or cannot be read; `finish` reports it.
  at::Tensor take(const std::string& name, std::initializer_list<std::int64_t> shape);

  /// The same for a table in which a pass looks up single rows: of `table_dtype`, because it is only
  /// stored.
  at::Tensor take_table(const std::string& name, std::initializer_list<std::int64_t> shape);

  /// The same for a weight with an adapter: W + scale * L R, where L [rows, rank] and R [rank, columns] are those of
  /// the used set. torch's parametrizations store them as NAME.parametrizations.weight.original, .0.lora_A and
  /// .0.lora_B. Computed in float32, over W itself: the memory needed is that of W stored and in float32.
  at::Tensor take_adapted(const std::string& name, AdaptedKind kind, std::int64_t rows, std::int64_t columns,
                          const AdapterConfig& adapter);

  /// `parts` with equal numbers of columns (or none), concatenated by rows; a tensor without memory if one part is.
  static at::Tensor joined(const std::vector<at::Tensor>& parts);

  const Compute& compute() const { return compute_; }

  /// Accepts a tensor that may exist but is not used.
  void ignore(std::string_view name) { taken_.emplace(name); }

  /// Whether the checkpoint has a tensor of this name.
  bool has(std::string_view name) const;

  /// Names of the checkpoint that begin and end so, for a tensor with several possible names.
  std::vector<std::string> names(std::string_view begin, std::string_view end) const;

  /// Reports a tensor with wrong values; `why` completes "NAME ". The first reason per tensor counts.
  void reject(const std::string& name, const std::string& why) { rejected_.emplace(name, why); }

  /// corrupt_data: one error that lists all problems by name; ok if each tensor was taken or ignored. If a tensor could
  /// not be read, its error is returned instead.
  Status finish() const;

  /// Elements of the floating-point tensors.
  std::uint64_t parameters() const;

 private:
  at::Tensor place(const TensorView& view, at::ScalarType dtype);
  at::Tensor read(const TensorView& view);
  at::Tensor placed(const std::string& name, const at::Tensor& stored, at::ScalarType dtype);
  const TensorView* find(const std::string& name, std::initializer_list<std::int64_t> shape);

  const Checkpoint& checkpoint_;
  const Compute& compute_;
  std::set<std::string, std::less<>> taken_;
  std::vector<std::string> missing_, misshapen_;
  std::map<std::string, std::string> rejected_;  ///< name -> why
  Status read_;
};

}  // namespace sightline::models
