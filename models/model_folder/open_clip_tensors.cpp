#include "models/model_folder/open_clip_tensors.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/files/file.h"
#include "models/model_folder/name_list.h"

namespace sightline::models {
namespace {

using Shape = std::vector<std::int64_t>;

constexpr const char* k_files[] = {"open_clip_model.safetensors", "open_clip_pytorch_model.safetensors",
                                   "model.safetensors"};

/// Moves tensors from OpenCLIP's names to the towers', and records those that are missing or of another shape.
class Renaming {
 public:
  explicit Renaming(Checkpoint stored) : stored_(std::move(stored)), renamed_(stored_.without_tensors()) {}

  bool has(std::string_view name) const { return stored_.find(name) != nullptr; }

  /// `from` becomes `to`. `as` is its shape for the towers if they require another with as many elements.
  void move(const std::string& from, const Shape& shape, const std::string& to, Shape as = {}) {
    const TensorView* const view = take(from, shape);
    if (view == nullptr) return;
    TensorView moved = *view;
    if (!as.empty()) moved.shape = std::move(as);
    renamed_.add(to, std::move(moved));
  }

  /// NAME.weight and NAME.bias of a linear layer.
  void linear(const std::string& from, const std::string& to, std::int64_t in, std::int64_t out) {
    move(from + ".weight", {out, in}, to + ".weight");
    move(from + ".bias", {out}, to + ".bias");
  }

  void norm(const std::string& from, const std::string& to, std::int64_t width) {
    move(from + ".weight", {width}, to + ".weight");
    move(from + ".bias", {width}, to + ".bias");
  }

  /// A matrix stored as [in, out] becomes [out, in].
  void transpose(const std::string& from, const std::string& to, std::int64_t in, std::int64_t out) {
    const TensorView* const view = take(from, {in, out});
    if (view == nullptr) return;
    TensorView moved = *view;
    moved.shape = {out, in};
    moved.transposed = true;
    renamed_.add(to, std::move(moved));
  }

  /// The rows of `from` become tensors of as many rows each.
  void split(const std::string& from, const Shape& shape, const std::vector<std::string>& to) {
    const TensorView* const view = take(from, shape);
    if (view == nullptr) return;
    for (std::size_t i = 0; i < to.size(); ++i) {
      TensorView part = *view;
      part.shape[0] /= static_cast<std::int64_t>(to.size());
      part.size_bytes /= to.size();
      part.begin += i * part.size_bytes;
      renamed_.add(to[i], std::move(part));
    }
  }

  /// A scalar, stored as one or as an array of one. It may be absent.
  void scalar(const std::string& name) {
    const TensorView* const view = stored_.find(name);
    if (view == nullptr) return;
    taken_.insert(name);
    renamed_.add(name, *view);  // its reader checks the shape
  }

  Result<Checkpoint> finish() {
    std::vector<std::string> unknown;
    for (const auto& [name, view] : stored_.tensors()) {
      if (!taken_.contains(name)) unknown.push_back(name);
    }
    if (missing_.empty() && misshapen_.empty() && unknown.empty()) return std::move(renamed_);
    return Error{ErrorCode::corrupt_data, stored_.folder().string() + ": the tensors do not match " +
                                              k_open_clip_config_file + name_list("missing", missing_) +
                                              name_list("of another shape", misshapen_) +
                                              name_list("unknown", unknown)};
  }

 private:
  /// Null if there is none of that name and shape, which is recorded.
  const TensorView* take(const std::string& name, const Shape& shape) {
    taken_.insert(name);
    const TensorView* const view = stored_.find(name);
    if (view == nullptr) {
      missing_.push_back(name);
    } else if (view->dtype == Dtype::i64 || view->shape != shape) {
      misshapen_.push_back(name + " is " + to_string(view->dtype) + " " + shape_text(view->shape) + ", " +
                           k_open_clip_config_file + " requires a float " + shape_text(shape));
    } else {
      return view;
    }
    return nullptr;
  }

  Checkpoint stored_, renamed_;
  std::set<std::string, std::less<>> taken_;
  std::vector<std::string> missing_, misshapen_;
};

std::vector<std::string> query_key_value(const std::string& attention, const char* ending) {
  return {attention + "q_proj" + ending, attention + "k_proj" + ending, attention + "v_proj" + ending};
}

/// OpenCLIP's transformer: blocks of torch's MultiheadAttention and an MLP.
void rename_blocks(Renaming& names, const std::string& from, const std::string& to, const TransformerConfig& sizes) {
  const std::int64_t width = sizes.width, mlp_width = sizes.mlp_width;
  for (std::uint32_t i = 0; i < sizes.layers; ++i) {
    const std::string block = from + "resblocks." + std::to_string(i) + ".";
    const std::string layer = to + ".encoder.layers." + std::to_string(i) + ".";
    names.norm(block + "ln_1", layer + "layer_norm1", width);
    names.norm(block + "ln_2", layer + "layer_norm2", width);
    names.split(block + "attn.in_proj_weight", {3 * width, width}, query_key_value(layer + "self_attn.", ".weight"));
    names.split(block + "attn.in_proj_bias", {3 * width}, query_key_value(layer + "self_attn.", ".bias"));
    names.linear(block + "attn.out_proj", layer + "self_attn.out_proj", width, width);
    names.linear(block + "mlp.c_fc", layer + "mlp.fc1", width, mlp_width);
    names.linear(block + "mlp.c_proj", layer + "mlp.fc2", mlp_width, width);
  }
}

/// The parts that both kinds of text tower have. Returns the beginning of the names: with custom_text "text.", but
/// OpenCLIP accepts the older names without it, too.
std::string rename_text(Renaming& names, const OpenClipConfig& config, const TransformerConfig& sizes,
                        std::uint32_t vocabulary, std::uint32_t tokens) {
  std::string text = config.custom_text && !names.has("positional_embedding") ? "text." : "";
  const std::int64_t width = sizes.width;
  names.move(text + "token_embedding.weight", {vocabulary, width}, "text_model.embeddings.token_embedding.weight");
  names.move(text + "positional_embedding", {tokens, width}, "text_model.embeddings.position_embedding.weight");
  rename_blocks(names, text + "transformer.", "text_model", sizes);
  names.norm(text + "ln_final", "text_model.final_layer_norm", width);
  return text;
}

void rename_tower(Renaming& names, const OpenClipConfig& config, const ClipTextConfig& tower) {
  const std::string text = rename_text(names, config, tower.transformer, tower.vocabulary_size, tower.max_tokens);
  names.transpose(text + "text_projection", "text_projection.weight", tower.transformer.width, config.dims);
}

void rename_tower(Renaming& names, const OpenClipConfig& config, const SiglipTextConfig& tower) {
  const std::string text = rename_text(names, config, tower.transformer, tower.vocabulary_size, tower.tokens);
  names.linear(text + "text_projection", "text_model.head", tower.transformer.width, config.dims);
}

void rename_tower(Renaming& names, const OpenClipConfig& config, const ClipVisionConfig& tower) {
  const std::int64_t width = tower.transformer.width, patch = tower.grid.patch_size;
  const std::string to = "vision_model.embeddings.";
  names.move("visual.conv1.weight", {width, 3, patch, patch}, to + "patch_embedding.weight");
  names.move("visual.class_embedding", {width}, to + "class_embedding");
  names.move("visual.positional_embedding", {tower.tokens(), width}, to + "position_embedding.weight");
  names.norm("visual.ln_pre", "vision_model.pre_layrnorm", width);
  rename_blocks(names, "visual.transformer.", "vision_model", tower.transformer);
  names.norm("visual.ln_post", "vision_model.post_layernorm", width);
  names.transpose("visual.proj", "visual_projection.weight", width, config.dims);
}

/// timm's AttentionPoolLatent.
void rename_pooling(Renaming& names, const TransformerConfig& sizes) {
  const std::int64_t width = sizes.width;
  const std::string from = "visual.trunk.attn_pool.", to = "vision_model.head.";
  names.move(from + "latent", {1, 1, width}, to + "probe");
  names.linear(from + "q", to + "attention.q_proj", width, width);
  names.linear(from + "kv", to + "attention.kv_proj", width, 2 * width);
  names.linear(from + "proj", to + "attention.out_proj", width, width);
  names.norm(from + "norm", to + "layernorm", width);
  names.linear(from + "mlp.fc1", to + "mlp.fc1", width, sizes.mlp_width);
  names.linear(from + "mlp.fc2", to + "mlp.fc2", sizes.mlp_width, width);
}

void rename_tower(Renaming& names, const OpenClipConfig&, const SiglipVisionConfig& tower) {
  const TransformerConfig& sizes = tower.transformer;
  const std::int64_t width = sizes.width, patch = tower.grid.patch_size, patches = tower.grid.patches();
  const std::string trunk = "visual.trunk.", embeddings = "vision_model.embeddings.";
  names.move(trunk + "patch_embed.proj.weight", {width, 3, patch, patch}, embeddings + "patch_embedding.weight");
  names.move(trunk + "patch_embed.proj.bias", {width}, embeddings + "patch_embedding.bias");
  names.move(trunk + "pos_embed", {1, patches, width}, embeddings + "position_embedding.weight", {patches, width});
  for (std::uint32_t i = 0; i < sizes.layers; ++i) {
    const std::string block = trunk + "blocks." + std::to_string(i) + ".";
    const std::string layer = "vision_model.encoder.layers." + std::to_string(i) + ".";
    names.norm(block + "norm1", layer + "layer_norm1", width);
    names.norm(block + "norm2", layer + "layer_norm2", width);
    names.split(block + "attn.qkv.weight", {3 * width, width}, query_key_value(layer + "self_attn.", ".weight"));
    names.split(block + "attn.qkv.bias", {3 * width}, query_key_value(layer + "self_attn.", ".bias"));
    names.linear(block + "attn.proj", layer + "self_attn.out_proj", width, width);
    names.linear(block + "mlp.fc1", layer + "mlp.fc1", width, sizes.mlp_width);
    names.linear(block + "mlp.fc2", layer + "mlp.fc2", sizes.mlp_width, width);
  }
  names.norm(trunk + "norm", "vision_model.post_layernorm", width);
  rename_pooling(names, sizes);
}

/// To the names of jina-clip, whose tower has the same blocks.
void rename_eva_block(Renaming& names, const std::string& from, const std::string& to, const TransformerConfig& sizes) {
  const std::int64_t width = sizes.width, mlp_width = sizes.mlp_width;
  names.norm(from + "norm1", to + "norm1", width);
  names.norm(from + "norm2", to + "norm2", width);
  for (const char* name : {"q_proj", "k_proj", "v_proj"}) {
    names.move(from + "attn." + name + ".weight", {width, width}, to + "attn." + name + ".weight");
  }
  names.move(from + "attn.q_proj.bias", {width}, to + "attn.q_bias");
  names.move(from + "attn.v_proj.bias", {width}, to + "attn.v_bias");
  names.norm(from + "attn.norm", to + "attn.inner_attn_ln", width);
  names.linear(from + "attn.proj", to + "attn.proj", width, width);
  names.linear(from + "mlp.fc1_g", to + "mlp.w1", width, mlp_width);
  names.linear(from + "mlp.fc1_x", to + "mlp.w2", width, mlp_width);
  names.norm(from + "mlp.norm", to + "mlp.ffn_ln", mlp_width);
  names.linear(from + "mlp.fc2", to + "mlp.w3", mlp_width, width);
}

void rename_tower(Renaming& names, const OpenClipConfig&, const EvaVisionConfig& tower) {
  const TransformerConfig& sizes = tower.transformer;
  const std::int64_t width = sizes.width, patch = tower.grid.patch_size;
  const std::string trunk = "visual.trunk.", to = "vision_model.";
  names.move(trunk + "patch_embed.proj.weight", {width, 3, patch, patch}, to + "patch_embed.proj.weight");
  names.move(trunk + "patch_embed.proj.bias", {width}, to + "patch_embed.proj.bias");
  names.move(trunk + "cls_token", {1, 1, width}, to + "cls_token");
  names.move(trunk + "pos_embed", {1, tower.tokens(), width}, to + "pos_embed");
  for (std::uint32_t i = 0; i < sizes.layers; ++i) {
    const std::string block = "blocks." + std::to_string(i) + ".";
    rename_eva_block(names, trunk + block, to + block, sizes);
  }
  names.norm(trunk + "norm", to + "norm", width);
  if (!tower.head) return;
  const std::string head = tower.head->is_classifier ? trunk + "head" : "visual.head.proj";
  names.move(head + ".weight", {tower.head->dims, width}, to + "head.weight");
  if (tower.head->has_bias) names.move(head + ".bias", {tower.head->dims}, to + "head.bias");
}

/// What wrappers put before all names: torch's DataParallel, and transformers' classes around OpenCLIP's model.
std::string_view common_start(const Checkpoint& checkpoint) {
  for (const std::string_view start : {std::string_view("module."), std::string_view("model.")}) {
    const auto has_it = [&](const auto& tensor) { return tensor.first.starts_with(start); };
    if (std::all_of(checkpoint.tensors().begin(), checkpoint.tensors().end(), has_it)) return start;
  }
  return {};
}

Checkpoint without_start(Checkpoint checkpoint) {
  const std::string_view start = common_start(checkpoint);
  if (start.empty()) return checkpoint;
  Checkpoint shorter = checkpoint.without_tensors();
  for (const auto& [name, view] : checkpoint.tensors()) shorter.add(name.substr(start.size()), view);
  return shorter;
}

Error no_weights(const std::filesystem::path& folder) {
  for (const char* name : {"open_clip_pytorch_model.bin", "open_clip_pytorch_model.pth", "pytorch_model.bin"}) {
    if (!is_there(folder / name)) continue;
    return {ErrorCode::unsupported,
            folder.string() + " has its weights only as " + name +
                ", a pickle, which can run code when loaded and so is refused; convert it once: python3 -c \"import "
                "open_clip, safetensors.torch as s; s.save_model(open_clip.create_model('local-dir:" +
                folder.string() + "'), '" + (folder / k_files[0]).string() + "')\""};
  }
  return {ErrorCode::not_found, folder.string() + " has " + k_open_clip_config_file + " but neither " + k_files[0] +
                                    " nor model.safetensors: download the model again, with "
                                    "scripts/download_model.sh or `huggingface-cli download`"};
}

}  // namespace

Result<Checkpoint> open_clip_weights(const std::filesystem::path& folder) {
  for (const char* name : k_files) {
    if (!is_there(folder / name)) continue;
    Result<Checkpoint> weights = Checkpoint::open_file(folder, name);
    if (!weights) return weights.error();
    weights->set_config_file(k_open_clip_config_file);
    return without_start(*std::move(weights));
  }
  return no_weights(folder);
}

Result<Checkpoint> named_for_towers(Checkpoint weights, const OpenClipConfig& config) {
  Renaming names(std::move(weights));
  std::visit([&](const auto& tower) { rename_tower(names, config, tower); }, config.text);
  std::visit([&](const auto& tower) { rename_tower(names, config, tower); }, config.vision);
  names.scalar("logit_scale");
  if (config.has_logit_bias) names.scalar("logit_bias");
  return names.finish();
}

}  // namespace sightline::models
