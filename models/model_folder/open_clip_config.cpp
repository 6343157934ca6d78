#include "models/model_folder/open_clip_config.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "models/model_folder/timm_towers.h"

namespace sightline::models {
namespace {

using rapidjson::Value;

/// Where a text's vector is read: at the end token, at the largest id (which the end token has in CLIP's vocabulary), at
/// the last position.
constexpr std::string_view k_end_pool = "eos", k_largest_pool = "argmax", k_last_pool = "last";

/// The fields of CLIPTextCfg.
const std::initializer_list<std::string_view> k_text_keys{"context_length", "vocab_size",       "hf_tokenizer_name",
                                                          "tokenizer_mode", "tokenizer_kwargs", "width",
                                                          "heads",          "layers",           "mlp_ratio",
                                                          "ls_init_value",  "embed_cls",        "pad_id",
                                                          "eos_id",         "no_causal_mask",   "final_ln_after_pool",
                                                          "pool_type",      "proj_bias",        "proj_type",
                                                          "output_tokens",  "act_kwargs",       "norm_kwargs",
                                                          "block_type",     "qk_norm",          "scaled_cosine_attn",
                                                          "scale_heads",    "scale_attn_inner", "scale_attn",
                                                          "scale_fc",       "hf_model_name",    "hf_model_pretrained",
                                                          "hf_proj_type",   "hf_pooler_type"};

/// The fields of CLIPVisionCfg.
const std::initializer_list<std::string_view> k_vision_keys{"layers",
                                                            "width",
                                                            "head_width",
                                                            "mlp_ratio",
                                                            "patch_size",
                                                            "image_size",
                                                            "ls_init_value",
                                                            "patch_dropout",
                                                            "attentional_pool",
                                                            "attn_pooler_queries",
                                                            "attn_pooler_heads",
                                                            "no_ln_pre",
                                                            "pos_embed_type",
                                                            "final_ln_after_pool",
                                                            "pool_type",
                                                            "output_tokens",
                                                            "act_kwargs",
                                                            "norm_kwargs",
                                                            "block_type",
                                                            "qk_norm",
                                                            "scaled_cosine_attn",
                                                            "scale_heads",
                                                            "scale_attn_inner",
                                                            "scale_attn",
                                                            "scale_fc",
                                                            "timm_model_name",
                                                            "timm_model_pretrained",
                                                            "timm_pool",
                                                            "timm_proj",
                                                            "timm_proj_bias",
                                                            "timm_drop",
                                                            "timm_drop_path"};

/// A key that OpenCLIP does not have would make it fail; here it might be a new one that changes the arithmetic.
void refuse_unknown_keys(ObjectReader& reader, const Value* object, std::initializer_list<std::string_view> known) {
  if (object == nullptr || !object->IsObject()) return;
  for (const auto& member : object->GetObject()) {
    const std::string key(member.name.GetString(), member.name.GetStringLength());
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    reader.refuse(key.c_str(), ErrorCode::unsupported, "is not a key of OpenCLIP 3.3, and may change the model");
  }
}

/// Refuses keys of options that are off when absent, false or null.
void require_off(ObjectReader& reader, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const Value* value = reader.member(key);
    if (value == nullptr || value->IsFalse()) continue;
    reader.refuse(key, ErrorCode::unsupported, "is set; only models without it are supported");
  }
}

/// The options of a transformer's blocks, of either tower, that have other tensors or another arithmetic.
void require_plain_blocks(ObjectReader& reader) {
  require_off(reader, {"ls_init_value", "qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner",
                       "scale_attn", "scale_fc"});
  // "custom" blocks without these options compute the same from the same tensors.
  const std::string type = reader.string("block_type", "default");
  if (type != "default" && type != "custom") {
    reader.refuse("block_type", ErrorCode::unsupported, "is \"" + type + "\"; default and custom are supported");
  }
}

/// QuickGELU takes no options, GELU takes its approximation.
Activation read_activation(ObjectReader& reader, const std::string& place, bool quick_gelu) {
  ObjectReader options(reader.member("act_kwargs"), place + ".act_kwargs");
  refuse_unknown_keys(options, reader.member("act_kwargs"), {"approximate"});
  const std::string approximation = options.string("approximate", "");
  if (!approximation.empty() && quick_gelu) {
    options.refuse("approximate", ErrorCode::corrupt_data,
                   "is set, but quick_gelu is true, which has no approximation");
  } else if (!approximation.empty() && approximation != "none" && approximation != "tanh") {
    options.refuse("approximate", ErrorCode::unsupported, "is \"" + approximation + "\"; none and tanh are supported");
  }
  if (!options.status())
    reader.refuse("act_kwargs", options.status().error().code, "is wrong: " + options.status().error().message);
  if (quick_gelu) return Activation::quick_gelu;
  return approximation == "tanh" ? Activation::gelu_tanh : Activation::gelu;
}

double read_layer_norm_eps(ObjectReader& reader, const std::string& place) {
  ObjectReader options(reader.member("norm_kwargs"), place + ".norm_kwargs");
  refuse_unknown_keys(options, reader.member("norm_kwargs"), {"eps"});
  const double eps = options.number("eps", 1e-5, 1e-12, 1e-1);
  if (!options.status())
    reader.refuse("norm_kwargs", options.status().error().code, "is wrong: " + options.status().error().message);
  return eps;
}

std::uint32_t read_mlp_width(ObjectReader& reader, std::uint32_t width) {
  const double product = width * reader.number("mlp_ratio", 4, 1e-3, 64);
  if (product < 1 || product > k_max_mlp_width) {
    reader.refuse("mlp_ratio", ErrorCode::corrupt_data,
                  "gives an MLP of " + std::to_string(product) + " units; at most " + std::to_string(k_max_mlp_width) +
                      " are allowed");
    return 1;
  }
  return static_cast<std::uint32_t>(product);
}

/// An edge, or two equal edges.
std::uint32_t read_edge(ObjectReader& reader, const char* key, std::uint32_t fallback) {
  constexpr std::uint32_t k_max_edge = 2'048;
  const Value* value = reader.member(key);
  if (value == nullptr || !value->IsArray()) return reader.integer(key, fallback, 1, k_max_edge);
  const auto edge = [&](rapidjson::SizeType i) { return (*value)[i].IsUint() ? (*value)[i].GetUint() : 0; };
  const rapidjson::SizeType count = value->Size();
  const bool is_square = (count == 1 || (count == 2 && edge(0) == edge(1))) && edge(0) >= 1 && edge(0) <= k_max_edge;
  if (is_square) return edge(0);
  reader.refuse(key, ErrorCode::unsupported,
                "is neither an edge nor two equal edges; only square pictures and patches are supported");
  return fallback;
}

std::uint32_t read_vocabulary_size(ObjectReader& reader) {
  return reader.integer("vocab_size", 49'408, 1, k_max_vocabulary);
}

std::uint32_t read_tokens(ObjectReader& reader) {
  return reader.integer("context_length", 77, 2, k_max_tokens);
}

class ConfigReader {
 public:
  explicit ConfigReader(const JsonFile& file) : file_(file), place_(file.path().string() + ": model_cfg") {}

  Result<OpenClipConfig> read() {
    const Value* model = given_member(file_.root(), "model_cfg");
    ObjectReader reader(model, place_);
    if (model == nullptr) {
      return Error{ErrorCode::corrupt_data, file_.path().string() + ": model_cfg is missing; it describes the model"};
    }
    refuse_unknown_keys(reader, model,
                        {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu", "custom_text", "init_logit_scale",
                         "init_logit_bias", "nonscalar_logit_scale", "output_dict", "multimodal_cfg"});
    if (reader.member("multimodal_cfg") != nullptr) {
      reader.refuse("multimodal_cfg", ErrorCode::unsupported, "is set: this is a CoCa, which is not supported");
    }
    config_.dims = reader.integer("embed_dim", 0, 1, k_max_width);
    for (const char* key : {"embed_dim", "vision_cfg", "text_cfg"}) {
      if (reader.member(key) == nullptr) reader.refuse(key, ErrorCode::corrupt_data, "is missing");
    }
    quick_gelu_ = reader.boolean("quick_gelu", false);
    config_.custom_text = reader.boolean("custom_text", false);
    config_.has_logit_bias = reader.member("init_logit_bias") != nullptr;
    if (!reader.status()) return reader.status().error();
    if (Status text = read_text(*reader.member("text_cfg")); !text) return text.error();
    if (Status vision = read_vision(*reader.member("vision_cfg")); !vision) return vision.error();
    return config_;
  }

 private:
  Status read_text(const Value& object);
  SiglipTextConfig read_unmasked_text(ObjectReader& reader, const TransformerConfig& sizes) const;
  ClipTextConfig read_causal_text(ObjectReader& reader, const TransformerConfig& sizes) const;
  Status read_vision(const Value& object);
  ClipVisionConfig read_vit(ObjectReader& reader, const std::string& place) const;
  void read_timm(ObjectReader& reader, const Value& object);
  void finish_siglip(ObjectReader& reader, SiglipVisionConfig tower, std::string_view pool,
                     std::string_view projection);
  void finish_eva(ObjectReader& reader, EvaVisionConfig tower, std::string_view pool, std::string_view projection);

  const JsonFile& file_;
  std::string place_;
  OpenClipConfig config_;
  bool quick_gelu_ = false;
};

Status ConfigReader::read_text(const Value& object) {
  const std::string place = place_ + ".text_cfg";
  ObjectReader reader(&object, place);
  refuse_unknown_keys(reader, &object, k_text_keys);
  if (const std::string name = reader.string("hf_model_name", ""); !name.empty()) {
    reader.refuse("hf_model_name", ErrorCode::unsupported,
                  "is \"" + name + "\"; text towers of transformers are not supported, only OpenCLIP's own");
  }
  require_plain_blocks(reader);
  require_off(reader, {"embed_cls", "output_tokens"});
  if (reader.string("proj_type", "linear") == "none") {
    reader.refuse("proj_type", ErrorCode::unsupported, "is \"none\"; only towers with a projection are supported");
  }
  TransformerConfig sizes;
  sizes.width = reader.integer("width", 512, 1, k_max_width);
  sizes.heads = reader.integer("heads", 8, 1, k_max_heads);
  sizes.layers = reader.integer("layers", 12, 1, k_max_layers);
  sizes.mlp_width = read_mlp_width(reader, sizes.width);
  sizes.activation = read_activation(reader, place, quick_gelu_);
  sizes.layer_norm_eps = read_layer_norm_eps(reader, place);
  check_heads(reader, "heads", sizes.width, sizes.heads);
  if (reader.boolean("no_causal_mask", false)) {
    config_.text = read_unmasked_text(reader, sizes);
  } else {
    config_.text = read_causal_text(reader, sizes);
  }
  return reader.status();
}

/// SigLIP's kind: read at the last position, by a linear layer with a bias.
SiglipTextConfig ConfigReader::read_unmasked_text(ObjectReader& reader, const TransformerConfig& sizes) const {
  if (const std::string pool = reader.string("pool_type", k_largest_pool); pool != k_last_pool) {
    reader.refuse("pool_type", ErrorCode::unsupported,
                  "is \"" + pool + "\" while no_causal_mask is true; such towers are supported if it is \"last\"");
  }
  if (!reader.boolean("proj_bias", false)) {
    reader.refuse("proj_bias", ErrorCode::unsupported,
                  "is false while no_causal_mask is true; such towers are supported if it is true");
  }
  return {sizes, read_vocabulary_size(reader), read_tokens(reader), config_.dims};
}

/// CLIP's kind: read at the end token, by a matrix.
ClipTextConfig ConfigReader::read_causal_text(ObjectReader& reader, const TransformerConfig& sizes) const {
  const std::string pool = reader.string("pool_type", k_largest_pool);
  if (pool != k_largest_pool && pool != k_end_pool) {
    reader.refuse("pool_type", ErrorCode::unsupported,
                  "is \"" + pool + "\" while texts have a causal mask; argmax and eos are supported");
  }
  if (reader.boolean("proj_bias", false)) {
    reader.refuse("proj_bias", ErrorCode::unsupported,
                  "is true while texts have a causal mask; such towers are supported if it is false");
  }
  ClipTextConfig text{sizes, read_vocabulary_size(reader), read_tokens(reader), {}};
  if (pool != k_end_pool) return text;
  const std::uint32_t end = reader.integer("eos_id", 2, 0, k_max_vocabulary);
  if (end >= text.vocabulary_size) {
    reader.refuse("eos_id", ErrorCode::corrupt_data,
                  "is " + std::to_string(end) + ", not below vocab_size " + std::to_string(text.vocabulary_size));
  }
  text.eos_token_id = static_cast<std::int32_t>(end);
  return text;
}

Status ConfigReader::read_vision(const Value& object) {
  const std::string place = place_ + ".vision_cfg";
  ObjectReader reader(&object, place);
  refuse_unknown_keys(reader, &object, k_vision_keys);
  if (reader.string("timm_model_name", "").empty()) {
    config_.vision = read_vit(reader, place);
  } else {
    read_timm(reader, object);
  }
  return reader.status();
}

ClipVisionConfig ConfigReader::read_vit(ObjectReader& reader, const std::string& place) const {
  if (const Value* layers = reader.member("layers"); layers != nullptr && layers->IsArray()) {
    reader.refuse("layers", ErrorCode::unsupported, "is an array: this is a ResNet; only ViTs are supported");
  }
  require_plain_blocks(reader);
  require_off(reader, {"attentional_pool", "no_ln_pre", "output_tokens"});
  // Tables of sines are stored, too.
  if (const std::string type = reader.string("pos_embed_type", "learnable");
      type != "learnable" && type != "sin_cos_2d") {
    reader.refuse("pos_embed_type", ErrorCode::unsupported,
                  "is \"" + type + "\"; learnable and sin_cos_2d are supported");
  }
  // final_ln_after_pool changes nothing for one token.
  if (const std::string pool = reader.string("pool_type", "tok"); pool != "tok") {
    reader.refuse("pool_type", ErrorCode::unsupported, "is \"" + pool + "\"; only \"tok\" is supported");
  }
  ClipVisionConfig tower;
  TransformerConfig& sizes = tower.transformer;
  sizes.width = reader.integer("width", 768, 1, k_max_width);
  sizes.layers = reader.integer("layers", 12, 1, k_max_layers);
  sizes.heads = sizes.width / reader.integer("head_width", 64, 1, k_max_width);
  check_heads(reader, "head_width", sizes.width, sizes.heads);
  if (sizes.heads > k_max_heads) {
    reader.refuse(
        "head_width", ErrorCode::corrupt_data,
        "makes " + std::to_string(sizes.heads) + " heads; at most " + std::to_string(k_max_heads) + " are possible");
  }
  sizes.mlp_width = read_mlp_width(reader, sizes.width);
  sizes.activation = read_activation(reader, place, quick_gelu_);
  sizes.layer_norm_eps = read_layer_norm_eps(reader, place);
  tower.grid = {read_edge(reader, "image_size", 224), read_edge(reader, "patch_size", 16)};
  check_patch_grid(reader, tower.grid);
  return tower;
}

/// timm's own names decide the sizes and the activation; quick_gelu and the sizes of vision_cfg have no effect.
void ConfigReader::read_timm(ObjectReader& reader, const Value& object) {
  const std::string name = reader.string("timm_model_name", "");
  const std::optional<TimmTower> tower = timm_tower(name);
  if (!tower) {
    return reader.refuse("timm_model_name", ErrorCode::unsupported,
                         "is \"" + name + "\"; supported are " + timm_tower_names());
  }
  const std::uint32_t size = std::visit([](const auto& known) { return known.grid.image_size; }, *tower);
  if (const std::uint32_t given = read_edge(reader, "image_size", 224); reader.status() && given != size) {
    reader.refuse("image_size", ErrorCode::corrupt_data,
                  "is " + std::to_string(given) + ", but pictures of " + name + " have " + std::to_string(size) +
                      " pixels per edge");
  }
  const std::string pool = reader.string("timm_pool", "avg");
  // null is OpenCLIP's None, another value than an absent key.
  const auto given = object.FindMember("timm_proj");
  const bool is_none = given != object.MemberEnd() && given->value.IsNull();
  const std::string projection = is_none ? "" : reader.string("timm_proj", "linear");
  std::visit(
      [&](const auto& known) {
        if constexpr (std::is_same_v<std::decay_t<decltype(known)>, SiglipVisionConfig>) {
          finish_siglip(reader, known, pool, projection);
        } else {
          finish_eva(reader, known, pool, projection);
        }
      },
      *tower);
}

void ConfigReader::finish_siglip(ObjectReader& reader, SiglipVisionConfig tower, std::string_view pool,
                                 std::string_view projection) {
  if (pool != "map") {
    reader.refuse("timm_pool", ErrorCode::unsupported,
                  "is \"" + std::string(pool) + "\"; SigLIP's towers are supported with \"map\"");
  }
  if (projection != "none") {
    reader.refuse("timm_proj", ErrorCode::unsupported,
                  "is " + (projection.empty() ? "null" : "\"" + std::string(projection) + "\"") +
                      "; SigLIP's towers are supported with \"none\"");
  }
  if (tower.transformer.width != config_.dims) {
    reader.refuse("timm_model_name", ErrorCode::corrupt_data,
                  "has vectors of length " + std::to_string(tower.transformer.width) + ", but embed_dim is " +
                      std::to_string(config_.dims));
  }
  config_.vision = tower;
}

void ConfigReader::finish_eva(ObjectReader& reader, EvaVisionConfig tower, std::string_view pool,
                              std::string_view projection) {
  if (pool != "token") {
    reader.refuse("timm_pool", ErrorCode::unsupported,
                  "is \"" + std::string(pool) + "\"; EVA02-CLIP's towers are supported with \"token\"");
  }
  if (!projection.empty() && projection != "linear") {
    reader.refuse("timm_proj", ErrorCode::unsupported,
                  "is \"" + std::string(projection) + "\"; EVA02-CLIP's towers are supported with null and \"linear\"");
  }
  // Without timm_proj the network's classifier is the projection.
  tower.head = EvaVisionConfig::Head{config_.dims, projection.empty() || reader.boolean("timm_proj_bias", false),
                                     projection.empty()};
  config_.vision = tower;
}

}  // namespace

Result<OpenClipConfig> read_open_clip_config(const JsonFile& config) {
  return ConfigReader(config).read();
}

}  // namespace sightline::models
