// Text to token ids.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "models/prepared.h"

namespace sightline::models {

/// The padding of texts for a tower with a fixed number of ids.
struct Padding {
  enum class Side { left, right };
  std::int32_t id = 0;
  Side side = Side::right;
};

/// A tokenizer read from a Hugging Face folder. Ids are exactly those of Hugging Face's fast tokenizers.
/// Thread safety: all members may be called from any thread.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Ids without padding. `max_tokens` counts BOS and EOS. Errors: invalid_argument (not UTF-8, naming the
  /// byte offset; too long with Truncate::none, giving both numbers).
  virtual Result<PreparedText> encode(std::string_view text, std::size_t max_tokens, Truncate truncate) const = 0;

  /// Size of the vocabulary: every id is below it.
  virtual std::size_t vocabulary_size() const = 0;

  /// Absent: the files do not have it, and no model of this kind needs it.
  virtual std::optional<Padding> padding() const { return std::nullopt; }
};

/// Reads spiece.model, else tokenizer.json, else vocab.json + merges.txt, else vocab.txt, of `folder`.
/// Errors: not_found, corrupt_data, unsupported (a pipeline that is none of SigLIP's SentencePiece, CLIP's
/// byte-level BPE, BERT's WordPiece, Gemma's BPE and XLM-RoBERTa's unigram model), each naming file and place.
Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::filesystem::path& folder);

/// Reads tokenizer.json of `folder`, whatever other files there are. Errors: as above.
Result<std::unique_ptr<Tokenizer>> load_tokenizer_json(const std::filesystem::path& folder);

}  // namespace sightline::models
