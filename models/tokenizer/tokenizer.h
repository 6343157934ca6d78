// Text to token ids.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "models/embedder.h"

namespace sightline::models {

/// A tokenizer read from a Hugging Face folder. Ids are exactly those of Hugging Face's fast tokenizers.
/// Thread safety: all members may be called from any thread.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// `max_tokens` counts BOS and EOS. Errors: invalid_argument (not UTF-8, naming the byte offset; too long
  /// with Truncate::none, giving both numbers).
  virtual Result<PreparedText> encode(std::string_view text, std::size_t max_tokens,
                                      Truncate truncate) const = 0;

  /// Size of the vocabulary: every id is below it.
  virtual std::size_t vocabulary_size() const = 0;
};

/// Reads tokenizer.json, else vocab.json + merges.txt, else vocab.txt, of `folder`. Errors: not_found,
/// corrupt_data, unsupported (a pipeline that is neither CLIP's byte-level BPE nor BERT's WordPiece), each
/// naming file and place.
Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::filesystem::path& folder);

}  // namespace sightline::models
