#include "models/tokenizer/framed_tokenizer.h"

#include <algorithm>
#include <unicode/uchar.h>
#include <utility>

#include "base/json/utf8.h"
#include "models/tokenizer/unicode.h"

namespace sightline::models {
namespace {

/// Whitespace that ends words in every family.
constexpr std::string_view k_blank = " \t\n\r";
constexpr std::size_t k_slice_bytes = 64 << 10;
/// The longest stretch without whitespace that is still processed as one slice.
constexpr std::size_t k_max_word_bytes = 1 << 20;

/// The start of a run of whitespace, else any whitespace, from k_slice_bytes on. Gemma's tokens may contain several
/// spaces, and are not split if that can be avoided.
std::size_t slice_end(std::string_view text) {
  const std::size_t any = text.find_first_of(k_blank, k_slice_bytes);
  for (std::size_t at = any; at <= k_max_word_bytes; at = text.find_first_of(k_blank, at + 1)) {
    if (k_blank.find(text[at - 1]) == std::string_view::npos) return at;
  }
  return any;
}

constexpr std::size_t k_end_tokens = 1;

}  // namespace

std::string_view first_slice(std::string_view text) {
  if (text.size() <= k_slice_bytes) return text;
  const std::size_t end = slice_end(text);
  if (end == std::string_view::npos) return text.size() <= k_max_word_bytes ? text : std::string_view();
  return end <= k_max_word_bytes ? text.substr(0, end) : std::string_view();
}

Error too_long_a_word() {
  return {ErrorCode::too_large, "text has a word of more than " + std::to_string(k_max_word_bytes) +
                                    " bytes; add spaces to it or shorten it"};
}

Result<PreparedText> fitted(std::vector<std::int32_t> ids, std::size_t begin_tokens, std::size_t max_tokens,
                            Truncate truncate, bool is_counted) {
  PreparedText prepared;
  prepared.ids = std::move(ids);
  prepared.full_length = prepared.ids.size();
  if (prepared.full_length <= max_tokens) return prepared;
  if (max_tokens < begin_tokens + k_end_tokens) {
    return Error{ErrorCode::internal,
                 "a limit of " + std::to_string(max_tokens) + " tokens has no room for BOS and EOS"};
  }
  if (truncate == Truncate::none) {
    return Error{ErrorCode::invalid_argument, "text has " + std::string(is_counted ? "" : "more than ") +
                                                  std::to_string(prepared.full_length) + " tokens; the model takes " +
                                                  std::to_string(max_tokens) + ". Shorten it, or allow truncation"};
  }
  const std::int32_t end_id = prepared.ids.back();
  if (truncate == Truncate::start) {
    const std::size_t kept = max_tokens - begin_tokens;
    prepared.ids.erase(prepared.ids.begin() + std::ptrdiff_t(begin_tokens), prepared.ids.end() - std::ptrdiff_t(kept));
  } else {
    prepared.ids.resize(max_tokens);
    prepared.ids.back() = end_id;
  }
  prepared.ids.shrink_to_fit();
  return prepared;
}

Status check_utf8(std::string_view text) {
  const auto at = json::find_invalid_utf8(text);
  if (!at) return {};
  return Error{ErrorCode::invalid_argument,
               "text is not UTF-8: byte " + std::to_string(*at) + " of " + std::to_string(text.size()) + " is invalid"};
}

std::string_view without_end_whitespace(std::string_view text) {
  while (!text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && (static_cast<std::uint8_t>(text[start]) & 0xC0) == 0x80) --start;
    std::size_t at = start;
    if (!u_isUWhiteSpace(next_code_point(text, at))) break;
    text = text.substr(0, start);
  }
  return text;
}

LiteralTokens::LiteralTokens(std::vector<LiteralToken> tokens) : tokens_(std::move(tokens)) {
  const auto is_before = [](const LiteralToken& a, const LiteralToken& b) { return a.content < b.content; };
  const auto is_equal = [](const LiteralToken& a, const LiteralToken& b) { return a.content == b.content; };
  std::stable_sort(tokens_.begin(), tokens_.end(), is_before);
  tokens_.erase(std::unique(tokens_.begin(), tokens_.end(), is_equal), tokens_.end());
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    // All that the token before begins with, and it itself, are the only candidates.
    std::size_t shorter = i == 0 ? k_none : i - 1;
    while (shorter != k_none && !tokens_[i].content.starts_with(tokens_[shorter].content)) shorter = shorter_[shorter];
    shorter_.push_back(shorter);
    begins_[static_cast<std::uint8_t>(tokens_[i].content[0])] = true;
  }
}

/// Of the tokens up to the input in the order of bytes, the last one begins with every token that the input begins
/// with.
const LiteralToken* LiteralTokens::find_at(std::string_view input, std::size_t at) const {
  if (!begins_[static_cast<std::uint8_t>(input[at])]) return nullptr;
  const std::string_view rest = input.substr(at);
  const auto after = std::upper_bound(tokens_.begin(), tokens_.end(), rest,
                                      [](std::string_view a, const LiteralToken& b) { return a < b.content; });
  if (after == tokens_.begin()) return nullptr;
  auto candidate = static_cast<std::size_t>(after - tokens_.begin()) - 1;
  const std::string_view last = tokens_[candidate].content;
  const std::size_t most = std::min(last.size(), rest.size());
  const auto same =
      static_cast<std::size_t>(std::mismatch(last.begin(), last.begin() + most, rest.begin()).first - last.begin());
  while (candidate != k_none && tokens_[candidate].content.size() > same) candidate = shorter_[candidate];
  return candidate == k_none ? nullptr : &tokens_[candidate];
}

void FramedTokenizer::add_literals(const std::vector<AddedToken>& tokens) {
  std::vector<LiteralToken> raw, normalized;
  for (const AddedToken& token : tokens) {
    if (!token.normalized) {
      raw.push_back({token.content, token.id, token.strips_left});
    } else if (std::string content = normalize(token.content); !content.empty()) {
      normalized.push_back({std::move(content), token.id, token.strips_left});
    }
  }
  in_raw_ = LiteralTokens(std::move(raw));
  in_normalized_ = LiteralTokens(std::move(normalized));
}

Result<PreparedText> FramedTokenizer::encode(std::string_view text, std::size_t max_tokens, Truncate truncate) const {
  if (Status good = check_utf8(text); !good) return good.error();
  std::vector<std::int32_t> ids;
  if (frame_.begin_id) ids.push_back(*frame_.begin_id);
  const std::size_t begin_tokens = ids.size();
  // If the beginning is cut, the end must be known, however long the text is.
  const bool whole = truncate == Truncate::start;
  while (!text.empty() && (whole || ids.size() < k_max_counted_ids)) {
    const std::string_view slice = first_slice(text);
    if (slice.empty()) return too_long_a_word();
    append_ids(slice, ids);
    text.remove_prefix(slice.size());
  }
  ids.push_back(frame_.end_id);
  return fitted(std::move(ids), begin_tokens, max_tokens, truncate, text.empty());
}

void FramedTokenizer::append_ids(std::string_view slice, std::vector<std::int32_t>& ids) const {
  const auto take_token = [&](std::int32_t id) { ids.push_back(id); };
  const auto take_words = [&](std::string_view words) { append_words(words, ids); };
  in_raw_.split(
      slice,
      [&](std::string_view raw) {
        if (!raw.empty()) in_normalized_.split(normalize(raw), take_words, take_token);
      },
      take_token);
}

}  // namespace sightline::models
