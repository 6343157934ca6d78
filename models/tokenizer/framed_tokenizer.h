// Shared by all tokenizers: a text before an end token, possibly after a begin token, truncated if it
// is too long.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/tokenizer/tokenizer.h"
#include "models/tokenizer/tokenizer_files.h"

namespace sightline::models {

/// `text` up to the whitespace at its end (Unicode's White_Space). `text` is well-formed UTF-8.
std::string_view without_end_whitespace(std::string_view text);

/// A token that is cut out of the text as it is written.
struct LiteralToken {
  std::string content;  ///< not empty
  std::int32_t id = 0;
  bool strips_left = false;  ///< the stretch before it loses the whitespace at its end
};

/// Finds the leftmost, then longest, of literal tokens. Their number has little effect on the time.
class LiteralTokens {
 public:
  LiteralTokens() = default;
  /// Of equal tokens the first one counts.
  explicit LiteralTokens(std::vector<LiteralToken> tokens);

  /// Calls `on_text` with each stretch between tokens, and `on_token` with each token's id, in order.
  template <class OnText, class OnToken>
  void split(std::string_view input, OnText on_text, OnToken on_token) const {
    std::size_t start = 0;
    for (std::size_t at = 0; at < input.size();) {
      const LiteralToken* token = find_at(input, at);
      if (token == nullptr) {
        ++at;
        continue;
      }
      const std::string_view before = input.substr(start, at - start);
      on_text(token->strips_left ? without_end_whitespace(before) : before);
      on_token(token->id);
      start = at += token->content.size();
    }
    on_text(input.substr(start));
  }

 private:
  const LiteralToken* find_at(std::string_view input, std::size_t at) const;

  static constexpr std::size_t k_none = static_cast<std::size_t>(-1);
  std::vector<LiteralToken> tokens_;  ///< in the order of their bytes
  std::vector<std::size_t> shorter_;  ///< of each token: the longest other one that it begins with, or k_none
  std::array<bool, 256> begins_{};    ///< whether a token begins with that byte
};

/// No model accepts this many ids: counting stops here.
inline constexpr std::size_t k_max_counted_ids = 100'000;

/// The first stretch of `text` to process, which ends before whitespace; empty if there is no whitespace within
/// k_max_word_bytes.
std::string_view first_slice(std::string_view text);
/// too_large, for texts of which `first_slice` returns nothing.
Error too_long_a_word();

/// Errors: invalid_argument, naming the byte offset.
Status check_utf8(std::string_view text);

/// `ids`, cut to `max_tokens`: the first `begin_tokens` and the last id stay. `is_counted` false: the text has more
/// tokens than `ids`. Errors: invalid_argument (too long with Truncate::none).
Result<PreparedText> fitted(std::vector<std::int32_t> ids, std::size_t begin_tokens, std::size_t max_tokens,
                            Truncate truncate, bool is_counted);

/// Flow: 1. Text is checked to be UTF-8 and processed in slices that end before whitespace, so that memory stays small
///          whatever its size.
///       2. Added tokens are cut out of the raw text, the rest is normalised, and added tokens of the other kind are
///          cut out of that.
///       3. A family turns the rest into ids.
///       4. The begin token, if there is one, and the end token are added, and excess ids between them are cut.
class FramedTokenizer : public Tokenizer {
 public:
  Result<PreparedText> encode(std::string_view text, std::size_t max_tokens, Truncate truncate) const final;
  std::size_t vocabulary_size() const final { return vocabulary_size_; }

 protected:
  FramedTokenizer(const Vocabulary& vocabulary, const SpecialTokens& specials)
      : FramedTokenizer(specials.frame, specials.vocabulary_size(vocabulary)) {}
  FramedTokenizer(const Frame& frame, std::size_t vocabulary_size) : frame_(frame), vocabulary_size_(vocabulary_size) {}

  /// Call from the constructor of the class that has `normalize`.
  void add_literals(const std::vector<AddedToken>& tokens);

  virtual std::string normalize(std::string_view text) const = 0;
  /// Appends the ids of normalised text without added tokens.
  virtual void append_words(std::string_view normalized, std::vector<std::int32_t>& ids) const = 0;

 private:
  void append_ids(std::string_view slice, std::vector<std::int32_t>& ids) const;

  LiteralTokens in_raw_, in_normalized_;
  Frame frame_;
  std::size_t vocabulary_size_ = 0;
};

}  // namespace sightline::models
