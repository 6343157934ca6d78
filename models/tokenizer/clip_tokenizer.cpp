#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "models/tokenizer/byte_pairs.h"
#include "models/tokenizer/clip_pieces.h"
#include "models/tokenizer/tokenizer.h"
#include "models/tokenizer/tokenizer_files.h"

namespace sightline::models {
namespace {

/// Texts are worked on in slices that end before white space, which no piece spans, so that memory stays
/// small whatever a text's size.
constexpr std::size_t k_slice_bytes = 64 << 10;
/// The longest stretch without white space that is still taken as one slice.
constexpr std::size_t k_max_word_bytes = 1 << 20;
/// No model takes this many ids: counting stops here.
constexpr std::size_t k_max_counted_ids = 100'000;

/// Finds the leftmost, then longest, of a few literal tokens.
class LiteralTokens {
 public:
  void add(std::string content, std::int32_t id) {
    auto& bucket = by_first_byte_[static_cast<std::uint8_t>(content[0])];
    bucket.push_back({std::move(content), id});
    std::sort(bucket.begin(), bucket.end(),
              [](const Token& a, const Token& b) { return a.content.size() > b.content.size(); });
  }

  /// Calls `text` with each stretch between tokens, and `token` with each token's id, in order.
  template <class OnText, class OnToken>
  void split(std::string_view input, OnText on_text, OnToken on_token) const {
    std::size_t start = 0;
    for (std::size_t at = 0; at < input.size();) {
      const Token* token = find_at(input, at);
      if (token == nullptr) {
        ++at;
        continue;
      }
      on_text(input.substr(start, at - start));
      on_token(token->id);
      start = at += token->content.size();
    }
    on_text(input.substr(start));
  }

 private:
  struct Token {
    std::string content;
    std::int32_t id;
  };
  const Token* find_at(std::string_view input, std::size_t at) const {
    for (const Token& token : by_first_byte_[static_cast<std::uint8_t>(input[at])]) {
      if (input.substr(at).starts_with(token.content)) return &token;
    }
    return nullptr;
  }
  std::array<std::vector<Token>, 256> by_first_byte_;
};

/// The first stretch of `text` to work on; empty if it has no white space to end at within k_max_word_bytes.
std::string_view first_slice(std::string_view text) {
  if (text.size() <= k_slice_bytes) return text;
  const std::size_t end = text.find_first_of(" \t\n\v\f\r", k_slice_bytes);
  if (end == std::string_view::npos) return text.size() <= k_max_word_bytes ? text : std::string_view();
  return end <= k_max_word_bytes ? text.substr(0, end) : std::string_view();
}

class ClipTokenizer : public Tokenizer {
 public:
  ClipTokenizer(const TokenizerFiles& files, BytePairs pairs)
      : pairs_(std::move(pairs)), begin_id_(files.begin_id), end_id_(files.end_id) {
    std::int32_t largest = std::max(begin_id_, end_id_);
    for (const auto& [token, id] : files.vocabulary) largest = std::max(largest, id);
    for (const AddedToken& token : files.added_tokens) {
      largest = std::max(largest, token.id);
      if (token.normalized) {
        in_normalized_.add(clip_normalize(token.content), token.id);
      } else {
        in_raw_.add(token.content, token.id);
      }
    }
    vocabulary_size_ = static_cast<std::size_t>(largest) + 1;
  }

  Result<PreparedText> encode(std::string_view text, std::size_t max_tokens,
                              Truncate truncate) const override {
    if (max_tokens < 2) {
      return Error{ErrorCode::internal,
                   "a limit of " + std::to_string(max_tokens) + " tokens leaves no room for BOS and EOS"};
    }
    if (const auto at = first_invalid_utf8(text)) {
      return Error{ErrorCode::invalid_argument, "text is not UTF-8: byte " + std::to_string(*at) + " of " +
                                                    std::to_string(text.size()) + " does not belong"};
    }
    PreparedText prepared;
    prepared.ids.push_back(begin_id_);
    // Where the beginning goes the end must be known, however long the text is.
    const bool whole = truncate == Truncate::start;
    while (!text.empty() && (whole || prepared.ids.size() < k_max_counted_ids)) {
      const std::string_view slice = first_slice(text);
      if (slice.empty()) {
        return Error{ErrorCode::too_large, "text has a word of more than " +
                                               std::to_string(k_max_word_bytes) +
                                               " bytes; put spaces into it or cut it"};
      }
      append_ids(slice, prepared.ids);
      text.remove_prefix(slice.size());
    }
    prepared.ids.push_back(end_id_);
    prepared.full_length = prepared.ids.size();
    if (prepared.full_length <= max_tokens) return prepared;
    if (truncate == Truncate::none) {
      return Error{ErrorCode::invalid_argument, "text has " + std::string(text.empty() ? "" : "more than ") +
                                                    std::to_string(prepared.full_length) +
                                                    " tokens; the model takes " + std::to_string(max_tokens) +
                                                    ". Shorten it, or allow truncation"};
    }
    if (truncate == Truncate::start) {
      prepared.ids.erase(prepared.ids.begin() + 1, prepared.ids.end() - std::ptrdiff_t(max_tokens - 1));
    } else {
      prepared.ids.resize(max_tokens);
      prepared.ids.back() = end_id_;
    }
    prepared.ids.shrink_to_fit();
    return prepared;
  }

  std::size_t vocabulary_size() const override { return vocabulary_size_; }

 private:
  void append_ids(std::string_view slice, std::vector<std::int32_t>& ids) const {
    const auto take_token = [&](std::int32_t id) { ids.push_back(id); };
    const auto take_words = [&](std::string_view words) {
      for_each_clip_piece(words, [&](std::string_view piece) { pairs_.append_ids(piece, ids); });
    };
    in_raw_.split(
        slice,
        [&](std::string_view raw) {
          if (!raw.empty()) in_normalized_.split(clip_normalize(raw), take_words, take_token);
        },
        take_token);
  }

  BytePairs pairs_;
  LiteralTokens in_raw_, in_normalized_;
  std::int32_t begin_id_, end_id_;
  std::size_t vocabulary_size_ = 0;
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::filesystem::path& folder) {
  if (clip_normalize("e\u0301") != "\u00E9") {
    return Error{ErrorCode::internal, "ICU's Unicode tables do not load; reinstall libicu"};
  }
  const bool has_json = std::filesystem::exists(folder / "tokenizer.json");
  if (!has_json && !std::filesystem::exists(folder / "vocab.json")) {
    return Error{ErrorCode::not_found,
                 folder.string() + " holds neither tokenizer.json nor vocab.json with merges.txt"};
  }
  Result<TokenizerFiles> files =
      has_json ? read_tokenizer_json(folder / "tokenizer.json") : read_vocabulary_files(folder);
  if (!files) return files.error();
  Result<BytePairs> pairs =
      BytePairs::create(files->vocabulary, files->merges, k_end_of_word, files->unknown_id);
  if (!pairs) return Error{pairs.error().code, folder.string() + ": " + pairs.error().message};
  return std::unique_ptr<Tokenizer>(std::make_unique<ClipTokenizer>(*files, *std::move(pairs)));
}

}  // namespace sightline::models
