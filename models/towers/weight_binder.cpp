#include "models/towers/weight_binder.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "models/model_folder/name_list.h"

namespace sightline::models {
namespace {

at::ScalarType torch_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return at::kFloat;
    case Dtype::f16:
      return at::kHalf;
    case Dtype::bf16:
      return at::kBFloat16;
    case Dtype::i64:
      return at::kLong;
  }
  return at::kFloat;
}

/// Faster than checking each number: values that are not finite make the sum not finite.
bool all_finite(const at::Tensor& tensor) {
  if (!tensor.is_floating_point()) return true;
  return std::isfinite(tensor.sum(at::kFloat).item<float>()) || at::isfinite(tensor).all().item<bool>();
}

}  // namespace

at::Tensor WeightBinder::take(const std::string& name, std::initializer_list<std::int64_t> shape) {
  const TensorView* view = find(name, shape);
  return view ? place(*view, compute_.dtype) : at::empty(shape, at::TensorOptions(at::kMeta));
}

at::Tensor WeightBinder::take_table(const std::string& name, std::initializer_list<std::int64_t> shape) {
  const TensorView* view = find(name, shape);
  return view ? place(*view, compute_.table_dtype) : at::empty(shape, at::TensorOptions(at::kMeta));
}

at::Tensor WeightBinder::joined(const std::vector<at::Tensor>& parts) {
  std::vector<std::int64_t> shape = parts.front().sizes().vec();
  shape[0] = 0;
  for (const at::Tensor& part : parts) shape[0] += part.size(0);
  const bool complete = std::none_of(parts.begin(), parts.end(), [](const at::Tensor& part) { return part.is_meta(); });
  return complete ? at::cat(parts) : at::empty(shape, at::TensorOptions(at::kMeta));
}

/// The tensor of this name and shape. Null if there is none, which is recorded for `finish`.
const TensorView* WeightBinder::find(const std::string& name, std::initializer_list<std::int64_t> shape) {
  taken_.insert(name);
  const TensorView* view = checkpoint_.find(name);
  if (view == nullptr) {
    missing_.push_back(name);
    return nullptr;
  }
  if (view->dtype == Dtype::i64 || !std::equal(shape.begin(), shape.end(), view->shape.begin(), view->shape.end())) {
    misshapen_.push_back(name + " is " + to_string(view->dtype) + " " + shape_text(view->shape) + ", " +
                         checkpoint_.config_file() + " requires a float " +
                         shape_text(std::vector<std::int64_t>(shape)));
    return nullptr;
  }
  return view;
}

/// As stored, on the CPU.
at::Tensor WeightBinder::read(const TensorView& view) {
  std::vector<std::int64_t> shape = view.shape;
  if (view.transposed) std::swap(shape.front(), shape.back());
  at::Tensor stored = at::empty(shape, torch_type(view.dtype));
  const Status read = view.read({static_cast<std::byte*>(stored.data_ptr()), view.size_bytes});
  if (!read && read_) read_ = read;
  if (!read) stored.zero_();
  if (!all_finite(stored)) reject(view.name, "contains numbers that are not finite");
  return view.transposed ? stored.t().contiguous() : stored;
}

at::Tensor WeightBinder::placed(const std::string& name, const at::Tensor& stored, at::ScalarType dtype) {
  const at::Tensor placed = stored.to(compute_.device, dtype);  // the same tensor if nothing changes
  if (dtype == at::kHalf && stored.scalar_type() != at::kHalf && !all_finite(placed)) {
    reject(name, "contains numbers beyond the range of float16: use bfloat16 or float32");
  }
  return placed;
}

at::Tensor WeightBinder::place(const TensorView& view, at::ScalarType dtype) {
  return placed(view.name, read(view), dtype);
}

at::Tensor WeightBinder::take_adapted(const std::string& name, AdaptedKind kind, std::int64_t rows,
                                      std::int64_t columns, const AdapterConfig& adapter) {
  const bool is_table = kind == AdaptedKind::table;
  const std::int64_t sets = adapter.sets, rank = adapter.rank;
  const std::string stem = name + ".parametrizations.weight.", left_name = stem + (is_table ? "0.lora_A" : "0.lora_B"),
                    right_name = stem + (is_table ? "0.lora_B" : "0.lora_A");
  const TensorView* const original = find(stem + "original", {rows, columns});
  const TensorView* const left = find(left_name, {sets, rows, rank});
  const TensorView* const right = find(right_name, {sets, rank, columns});
  if (original == nullptr || left == nullptr || right == nullptr) {
    return at::empty({rows, columns}, at::TensorOptions(at::kMeta));
  }
  const auto used = [&](const TensorView& view) { return read(view).select(0, adapter.used).to(at::kFloat); };
  at::Tensor weight = read(*original).to(at::kFloat);
  weight.addmm_(used(*left), used(*right), 1, adapter.scale);
  if (!all_finite(weight)) reject(original->name, "is not finite once its adapter is added");
  return placed(original->name, weight, is_table ? compute_.table_dtype : compute_.dtype);
}

bool WeightBinder::has(std::string_view name) const {
  return checkpoint_.find(name) != nullptr;
}

std::vector<std::string> WeightBinder::names(std::string_view begin, std::string_view end) const {
  std::vector<std::string> found;
  for (const auto& [name, view] : checkpoint_.tensors()) {
    if (name.starts_with(begin) && name.ends_with(end)) found.push_back(name);
  }
  return found;
}

Status WeightBinder::finish() const {
  if (!read_) return read_;
  std::vector<std::string> unknown;
  for (const auto& [name, view] : checkpoint_.tensors()) {
    if (!taken_.contains(name)) unknown.push_back(name);
  }
  std::vector<std::string> wrong;
  for (const auto& [name, why] : rejected_) wrong.push_back(name + " " + why);
  if (missing_.empty() && misshapen_.empty() && rejected_.empty() && unknown.empty()) return {};
  return Error{ErrorCode::corrupt_data, checkpoint_.folder().string() + ": the tensors do not match " +
                                            checkpoint_.config_file() + name_list("missing", missing_) +
                                            name_list("of another shape", misshapen_) + name_list("wrong", wrong) +
                                            name_list("unknown", unknown)};
}

std::uint64_t WeightBinder::parameters() const {
  std::uint64_t count = 0;
  for (const auto& [name, view] : checkpoint_.tensors()) count += view.dtype == Dtype::i64 ? 0 : view.elements();
  return count;
}

}  // namespace sightline::models
