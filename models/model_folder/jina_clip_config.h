// config.json of a jina-clip-v1 or a jina-clip-v2.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/result.h"
#include "models/files/json_file.h"
#include "models/model_folder/transformer_config.h"
#include "models/model_folder/xlm_roberta_config.h"

namespace sightline::models {

/// JinaBERT v2: bidirectional, ALiBi instead of positions, gated MLP, mean over the tokens.
struct JinaTextConfig {
  TransformerConfig transformer;
  std::uint32_t vocabulary_size = 0;  ///< rows of the word table, more than the tokenizer's tokens
  std::uint32_t token_types = 0;      ///< rows of the token-type table; the first is used
};

/// EVA02: class token, learned positions and 2-D rotary embedding, SwiGLU, LayerNorms inside attention and
/// MLP.
struct EvaVisionConfig {
  /// A linear layer from the class token to the vector.
  struct Head {
    std::uint32_t dims = 0;  ///< floats per vector
    bool has_bias = false;
    bool is_classifier = false;  ///< in timm's names: of the trunk itself, else added by OpenCLIP
  };

  TransformerConfig transformer;
  PatchGrid grid;
  double rotary_step = 1;      ///< rotary positions advance by this from patch to patch
  std::optional<Head> head{};  ///< absent in jina-clip, whose vector is the class token
  std::uint32_t tokens() const { return grid.patches() + 1; }
};

struct JinaClipConfig {
  std::uint32_t dims = 0;  ///< floats per vector: width of both towers, which have no projections
  std::variant<JinaTextConfig, XlmRobertaTextConfig> text;  ///< of version 1, of version 2
  EvaVisionConfig vision;
  /// The lengths that vectors may have (A. Kusupati et al., "Matryoshka Representation Learning"), ascending, `dims`
  /// last; empty: the model was not trained for others.
  std::vector<std::uint32_t> matryoshka_dims{};

  bool is_version_2() const { return std::holds_alternative<XlmRobertaTextConfig>(text); }
};

/// The default and the maximum number of tokens that a text is truncated to.
inline constexpr std::uint32_t k_jina_usual_tokens = 512;
inline constexpr std::uint32_t k_jina_max_tokens = 8'192;

/// Reads a `config.json` of model_type jina_clip. text_config.hf_model_name_or_path distinguishes the versions.
/// - The published files refer to other repositories for the text towers' sizes. The defaults are those of
///   jinaai/jina-bert-flash-implementation and jinaai/jina-embeddings-v3. text_config, and before it
///   hf_model_config_kwargs, may override them; the checkpoint's tensors must agree.
/// - The architectures published as v1 and v2 are supported. Every other choice that the file can express (no
///   sub-LayerNorm, plain MLP, fused qkv, layer scale, post-norm, projections) is unsupported; the error names the key.
Result<JinaClipConfig> read_jina_clip_config(const JsonFile& config);

}  // namespace sightline::models
