// The configuration of text towers like BERT.
#pragma once

#include <cstdint>
#include <string>

#include "models/files/json_file.h"
#include "models/model_folder/transformer_config.h"

namespace sightline::models {

/// An encoder: bidirectional, with learned positions and LayerNorms behind attention and MLP.
struct BertConfig {
  /// The names of its tensors and of the keys of its configuration.
  enum class Kind : std::uint8_t { bert, distilbert };

  Kind kind = Kind::bert;
  TransformerConfig transformer;
  std::uint32_t vocabulary_size = 0;
  std::uint32_t max_tokens = 0;   ///< rows of the position table, including [CLS] and [SEP]
  std::uint32_t token_types = 0;  ///< rows of the token-type table, of which the first is used; 0: no table
};

/// An encoder, the pooling of its tokens, and possibly a linear layer behind it.
struct BertTextConfig {
  enum class Pooling : std::uint8_t {
    mean,         ///< over all tokens, [CLS] and [SEP] included
    first_token,  ///< [CLS]
  };
  /// The linear layer.
  struct Head {
    std::string name{};      ///< of its tensors, without ".weight" and ".bias"
    std::uint32_t dims = 0;  ///< 0: there is none
    bool has_bias = false;
  };

  BertConfig encoder;
  std::string prefix{};  ///< of the names of the encoder's tensors
  Pooling pooling = Pooling::mean;
  Head head{};
  std::uint32_t usual_tokens = 0;  ///< default limit of a text, including [CLS] and [SEP]

  /// Floats per vector.
  std::uint32_t dims() const { return head.dims > 0 ? head.dims : encoder.transformer.width; }
};

/// Reads the keys of transformers' BertConfig or DistilBertConfig; missing ones take the class's defaults. Records in
/// `reader` what is wrong or unsupported: another activation, relative positions, a decoder.
BertConfig read_bert_config(ObjectReader& reader, BertConfig::Kind kind);

}  // namespace sightline::models
