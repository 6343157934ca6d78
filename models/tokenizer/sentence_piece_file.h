// A SentencePiece model file (spiece.model), read and checked.
//
// Why not Debian's libsentencepiece: its interface shows neither the kind of a model nor its options (they are in protobuf classes
// that it does not install), so that another model's file would be used without an error; and it encodes a text as a whole,
// where long texts are encoded in slices here, until there are enough tokens.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::models {

/// The parts of ModelProto (sentencepiece_model.proto) that encoding needs.
struct SentencePieceFile {
  enum class Kind { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
  struct Piece {
    std::string text;
    double score = 0;  ///< float32 in SentencePiece's files, float64 in tokenizer.json
    Kind kind = Kind::normal;
  };

  std::vector<Piece> pieces;    ///< in the order of their ids
  std::int32_t unknown_id = 0;  ///< of the one piece of kind unknown
  std::int32_t end_id = 0;      ///< of </s>
  std::string character_map;    ///< normalizer_spec.precompiled_charsmap; empty: characters are not replaced

  /// The id of the piece of this text, if there is one.
  std::optional<std::int32_t> id_of(std::string_view text) const;
};

/// Reads the bytes of a unigram model. Errors, without the file's name: corrupt_data (no such file, or a
/// damaged one), unsupported (another kind of model, or an option that SigLIP's do not have, named).
Result<SentencePieceFile> read_sentence_piece_file(std::string_view bytes);

}  // namespace sightline::models
