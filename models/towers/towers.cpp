#include "models/towers/towers.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "models/kernels/arena.h"
#include "models/towers/arithmetic_check.h"
#include "models/towers/compute.h"
#include "models/towers/tower.h"

namespace sightline::models {
namespace {

/// Limits the memory of a pass: about 60 MB for ViT-L/14, and no matrix above 32 MiB. From that size on the C library
/// would return memory to the system, and fault it in again, at every layer.
constexpr std::int64_t k_tokens_per_pass = 1536;

/// On the CPU libtorch has no exception type for it, only messages.
bool is_out_of_memory(const std::exception& error, std::string_view words) {
  if (dynamic_cast<const std::bad_alloc*>(&error)) return true;
  for (const char* said : {"can't allocate memory", "not enough memory", "out of memory"}) {
    if (words.find(said) != std::string_view::npos) return true;
  }
  return false;
}

/// The error for an exception of libtorch.
Error failure(const char* doing, const std::exception& error) {
  if (is_out_of_memory(error, message_of(error))) {
    return {ErrorCode::overloaded, std::string("out of memory for ") + doing + ": retry the request later"};
  }
  return {ErrorCode::internal, std::string(doing) + " failed inside libtorch: " + message_of(error)};
}

void append_rows(const at::Tensor& rows, RawVectors& out) {
  const at::Tensor floats = rows.to(at::kCPU, at::kFloat).contiguous();
  const float* const data = floats.data_ptr<float>();
  const std::int64_t dims = floats.size(1);
  for (std::int64_t row = 0; row < floats.size(0); ++row) {
    out.emplace_back(std::vector<float>(data + row * dims, data + (row + 1) * dims));
  }
}

/// What the towers of a model are made from.
struct Making {
  WeightBinder& weights;
  const PixelScale& pixels;
  const Compute& compute;
  TowerChoice choice;

  bool texts() const { return choice != TowerChoice::pictures; }
  bool pictures() const { return choice != TowerChoice::texts; }
};

std::unique_ptr<TextTower> text_tower(const Making& of, const ClipConfig& config) {
  return config.text ? make_clip_text(of.weights, *config.text, config.projection_dim, of.compute) : nullptr;
}

std::unique_ptr<VisionTower> vision_tower(const Making& of, const ClipConfig& config) {
  return config.vision ? make_clip_vision(of.weights, *config.vision, config.projection_dim, of.pixels, of.compute)
                       : nullptr;
}

std::unique_ptr<TextTower> text_tower(const Making& of, const JinaClipConfig& config) {
  if (const auto* jina = std::get_if<JinaTextConfig>(&config.text))
    return make_jina_text(of.weights, *jina, of.compute);
  return make_xlm_roberta_text(of.weights, std::get<XlmRobertaTextConfig>(config.text), of.compute);
}

std::unique_ptr<VisionTower> vision_tower(const Making& of, const JinaClipConfig& config) {
  return make_eva_vision(of.weights, config.vision, of.pixels, of.compute);
}

std::unique_ptr<TextTower> text_tower(const Making& of, const SiglipConfig& config) {
  return config.text ? make_siglip_text(of.weights, *config.text, of.compute) : nullptr;
}

std::unique_ptr<VisionTower> vision_tower(const Making& of, const SiglipConfig& config) {
  return config.vision ? make_siglip_vision(of.weights, *config.vision, of.pixels, of.compute) : nullptr;
}

std::unique_ptr<TextTower> text_tower(const Making& of, const OpenClipConfig& config) {
  if (const auto* clip = std::get_if<ClipTextConfig>(&config.text)) {
    return make_clip_text(of.weights, *clip, config.dims, of.compute);
  }
  return make_siglip_text(of.weights, std::get<SiglipTextConfig>(config.text), of.compute);
}

std::unique_ptr<VisionTower> vision_tower(const Making& of, const OpenClipConfig& config) {
  if (const auto* clip = std::get_if<ClipVisionConfig>(&config.vision)) {
    return make_clip_vision(of.weights, *clip, config.dims, of.pixels, of.compute);
  }
  if (const auto* siglip = std::get_if<SiglipVisionConfig>(&config.vision)) {
    return make_siglip_vision(of.weights, *siglip, of.pixels, of.compute);
  }
  return make_eva_vision(of.weights, std::get<EvaVisionConfig>(config.vision), of.pixels, of.compute);
}

std::unique_ptr<TextTower> text_tower(const Making& of, const SentenceTransformersConfig& config) {
  return make_bert_text(of.weights, config.text, of.compute);
}

std::unique_ptr<VisionTower> vision_tower(const Making&, const SentenceTransformersConfig&) {
  return nullptr;
}

std::unique_ptr<TextTower> text_tower(const Making& of, const ChineseClipConfig& config) {
  return make_bert_text(of.weights, config.text, of.compute);
}

std::unique_ptr<VisionTower> vision_tower(const Making& of, const ChineseClipConfig& config) {
  return make_clip_vision(of.weights, config.vision, config.projection_dim, of.pixels, of.compute);
}

bool may_have_logit_bias(const ModelConfig& config) {
  return std::holds_alternative<SiglipConfig>(config) || std::holds_alternative<OpenClipConfig>(config);
}

class TorchTowers final : public Towers {
 public:
  /// A tower is null if the model does not have it or it is not used.
  TorchTowers(const Making& of, const ModelConfig& config) : compute_(of.compute), device_(of.compute.device.str()) {
    const Compute& compute = of.compute;
    WeightBinder& weights = of.weights;
    if (of.texts()) text_ = std::visit([&](const auto& family) { return text_tower(of, family); }, config);
    if (of.pictures()) vision_ = std::visit([&](const auto& family) { return vision_tower(of, family); }, config);
    // For scores between vectors, not for vectors.
    weights.ignore("logit_scale");
    if (may_have_logit_bias(config)) weights.ignore("logit_bias");
    parameters_ = weights.parameters();
    products_ = compute.products ? kernels::describe(*compute.products) : "libtorch";
    if (const LoadState& load = *compute.load; load.float_layers > 0) {
      products_ +=
          ", " + std::to_string(load.float_layers) + " of " + std::to_string(load.layers) + " layers in float32";
    }
  }

  Status check_text(std::span<const std::int32_t> ids) const override {
    if (!text_) return Error{ErrorCode::unsupported, "the model has no text tower: it embeds only pictures"};
    const Result<Ids> text = text_->accept(ids);
    return text ? Status() : Status(text.error());
  }

  RawVectors encode_texts(std::span<const std::span<const std::int32_t>> ids,
                          const BetweenSteps& between_steps) override {
    const auto refuse = [&](ErrorCode code, const std::string& message) {
      return RawVectors(ids.size(), Error{code, message});
    };
    if (!text_) return refuse(ErrorCode::unsupported, "the model has no text tower: it embeds only pictures");
    std::vector<Ids> texts;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const Result<Ids> text = text_->accept(ids[i]);
      if (!text) return refuse(text.error().code, "text " + std::to_string(i) + ": " + text.error().message);
      texts.push_back(*text);
    }
    return in_passes(
        "embedding texts", texts.size(), [&](std::size_t i) { return std::ssize(texts[i]); },
        [&](std::size_t begin, std::size_t count) {
          return text_->run(std::span(texts).subspan(begin, count), {between_steps});
        });
  }

  RawVectors encode_images(std::span<const std::uint8_t* const> pictures, const BetweenSteps& between_steps) override {
    if (!vision_) {
      const Error no_tower{ErrorCode::unsupported, "the model has no vision tower: it embeds only texts"};
      return RawVectors(pictures.size(), no_tower);
    }
    return in_passes(
        "embedding pictures", pictures.size(), [&](std::size_t) { return vision_->tokens_per_picture(); },
        [&](std::size_t begin, std::size_t count) {
          return vision_->run(pictures.subspan(begin, count), {between_steps});
        });
  }

  const std::string& products() const override { return products_; }
  const std::string& device() const override { return device_; }
  std::uint64_t parameters() const override { return parameters_; }

 private:
  /// Splits [0, inputs) into runs of at most k_tokens_per_pass tokens, but at least one input, and joins their
  /// results.
  template <class TokensOf, class Run>
  RawVectors in_passes(const char* doing, std::size_t inputs, TokensOf tokens_of, Run run) {
    RawVectors vectors;
    vectors.reserve(inputs);
    while (vectors.size() < inputs) {
      const std::size_t begin = vectors.size();
      std::int64_t tokens = tokens_of(begin);
      std::size_t end = begin + 1;
      while (end < inputs && tokens + tokens_of(end) <= k_tokens_per_pass) tokens += tokens_of(end++);
      Status status = run_pass(doing, end, run, vectors);
      if (!status && !is_abandoned(status) && end - begin > 1) status = run_alone(doing, end, run, vectors);
      if (!status) vectors.resize(is_abandoned(status) ? inputs : end, status.error());
    }
    return vectors;
  }

  static bool is_abandoned(const Status& status) { return !status && status.error().code == ErrorCode::cancelled; }

  /// Appends the vectors of the next inputs up to `end`, or nothing. Errors: cancelled, overloaded, internal.
  template <class Run>
  Status run_pass(const char* doing, std::size_t end, Run run, RawVectors& vectors) {
    const std::size_t begin = vectors.size();
    try {
      const c10::InferenceMode inference;
      use_threads(compute_);
      const kernels::Arena::Frame frame(kernels::Arena::of_this_thread());
      append_rows(run(begin, end - begin), vectors);
      return {};
    } catch (const Abandoned&) {
      return Error{ErrorCode::cancelled, std::string(doing) + " was abandoned: its clients disconnected"};
    } catch (const std::exception& error) {
      vectors.erase(vectors.begin() + static_cast<std::ptrdiff_t>(begin), vectors.end());
      return failure(doing, error);
    }
  }

  /// Appends the vector or error of each of the next inputs up to `end`, each from a separate pass. Errors: cancelled.
  template <class Run>
  Status run_alone(const char* doing, std::size_t end, Run run, RawVectors& vectors) {
    while (vectors.size() < end) {
      const Status status = run_pass(doing, vectors.size() + 1, run, vectors);
      if (is_abandoned(status)) return status;
      if (!status) vectors.emplace_back(status.error());
    }
    return {};
  }

  Compute compute_;
  std::string device_;
  std::string products_;
  std::uint64_t parameters_ = 0;
  std::unique_ptr<TextTower> text_;
  std::unique_ptr<VisionTower> vision_;
};

/// Operations run one after the other here; libtorch's second pool would only use threads. The number can be set once,
/// and not after another part of the program did parallel work; then setting it fails and the failure is ignored.
void use_one_inter_op_thread() {
  static std::once_flag once;
  std::call_once(once, [] {
    try {
      at::set_num_interop_threads(1);
    } catch (const std::exception&) {  // it only saves memory
    }
  });
}

}  // namespace

Status check_ids(Ids ids, std::size_t max_tokens, std::uint32_t vocabulary_size) {
  if (ids.empty() || ids.size() > max_tokens) {
    return Error{ErrorCode::invalid_argument, "a text of " + std::to_string(ids.size()) + " tokens; from 1 to " +
                                                  std::to_string(max_tokens) + " are taken"};
  }
  for (const std::int32_t id : ids) {
    if (id < 0 || static_cast<std::uint32_t>(id) >= vocabulary_size) {
      return Error{ErrorCode::invalid_argument, "token id " + std::to_string(id) + " is outside the vocabulary of " +
                                                    std::to_string(vocabulary_size)};
    }
  }
  return {};
}

Status Towers::check(const ComputeOptions& options) {
  const Result<Compute> compute = make_compute(options);
  return compute ? Status() : Status(compute.error());
}

Result<std::unique_ptr<Towers>> Towers::load(const Checkpoint& checkpoint, const ModelConfig& config,
                                             const PixelScale& pixels, const ComputeOptions& options,
                                             TowerChoice choice) {
  use_one_inter_op_thread();
  Result<Compute> compute = make_compute(options);
  if (!compute) return compute.error();
  compute->load = std::make_shared<LoadState>();
  compute->load->calibration = options.calibration;
  compute->load->record = options.record;
  try {
    const c10::InferenceMode inference;
    check_attention_and_norm(*compute);
    WeightBinder weights(checkpoint, *compute);
    auto towers = std::make_unique<TorchTowers>(Making{weights, pixels, *compute, choice}, config);
    if (Status complete = weights.finish(); !complete) return complete.error();
    return std::unique_ptr<Towers>(std::move(towers));
  } catch (const WrongArithmetic& error) {
    return Error{ErrorCode::internal, error.what()};
  } catch (const std::exception& error) {
    return failure("taking the weights", error);
  }
}

}  // namespace sightline::models
