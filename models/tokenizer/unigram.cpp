#include "models/tokenizer/unigram.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/json/utf8.h"
#include "models/tokenizer/graphemes.h"
#include "models/tokenizer/unicode.h"

namespace sightline::models {
namespace {

constexpr float k_unknown_penalty = 10;

// A unit of the double array.
bool has_leaf(std::uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}
std::uint32_t value_of(std::uint32_t unit) {
  return unit & 0x7FFFFFFF;
}
std::uint32_t label_of(std::uint32_t unit) {
  return unit & 0x800000FF;
}
std::uint32_t offset_of(std::uint32_t unit) {
  return unit >> 10 << ((unit & 1u << 9) >> 6);
}

}  // namespace

Result<CharacterMap> CharacterMap::create(std::string_view blob) {
  CharacterMap map;
  if (blob.empty()) return map;
  const auto corrupt = [] {
    return Error{ErrorCode::corrupt_data, "normalizer_spec.precompiled_charsmap contradicts its own sizes"};
  };
  std::uint32_t bytes = 0;
  if (blob.size() < sizeof bytes) return corrupt();
  std::memcpy(&bytes, blob.data(), sizeof bytes);
  blob.remove_prefix(sizeof bytes);
  if (bytes == 0 || bytes % sizeof(std::uint32_t) != 0 || bytes >= blob.size()) return corrupt();
  map.units_.resize(bytes / sizeof(std::uint32_t));
  std::memcpy(map.units_.data(), blob.data(), bytes);
  map.replacements_ = blob.substr(bytes);
  if (map.replacements_.back() != '\0' || json::find_invalid_utf8(map.replacements_)) return corrupt();
  return map;
}

/// Calls `on_match` with each stretch at the beginning of `text` that is replaced, the shortest first, until it returns
/// false.
template <class OnMatch>
void CharacterMap::find(std::string_view text, OnMatch on_match) const {
  if (units_.empty()) return;
  std::size_t node = offset_of(units_[0]);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    node ^= byte;
    if (node >= units_.size() || label_of(units_[node]) != byte) return;
    const std::uint32_t unit = units_[node];
    node ^= offset_of(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size()) return;
    const std::uint32_t at = value_of(units_[node]);
    // One that begins inside a character would give text that is not UTF-8.
    if (at >= replacements_.size() || (static_cast<std::uint8_t>(replacements_[at]) & 0xC0) == 0x80) return;
    if (!on_match(Match{std::string_view(replacements_.data() + at), i + 1})) return;  // up to its NUL
  }
}

CharacterMap::Match CharacterMap::longest(std::string_view text) const {
  Match match;
  find(text, [&](const Match& found) {
    match = found;
    return true;
  });
  return match;
}

CharacterMap::Match CharacterMap::shortest(std::string_view text) const {
  Match match;
  find(text.substr(0, text.find('\0')), [&](const Match& found) {
    match = found;
    return false;
  });
  return match;
}

std::string CharacterMap::mapped(std::string_view text) const {
  constexpr std::size_t k_max_cluster_bytes = 5;
  std::string out;
  out.reserve(text.size());
  const auto replace = [&](std::string_view part) {
    const Match match = shortest(part);
    if (match.length > 0) out += match.replacement;
    return match.length > 0;
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = grapheme_end(text, at);
    if (end - at <= k_max_cluster_bytes && replace(text.substr(at, end - at))) {
      at = end;
      continue;
    }
    while (at < end) {
      const std::size_t begin = at;
      next_code_point(text, at);
      const std::string_view part = text.substr(begin, at - begin);
      if (!replace(part)) out += part;
    }
  }
  return out;
}

Result<Unigram> Unigram::create(const SentencePieceFile& file) {
  Result<CharacterMap> map = CharacterMap::create(file.character_map);
  if (!map) return map.error();
  Unigram unigram(*std::move(map));
  unigram.unknown_id_ = file.unknown_id;
  double worst = std::numeric_limits<double>::max();
  for (std::size_t id = 0; id < file.pieces.size(); ++id) {
    const SentencePieceFile::Piece& piece = file.pieces[id];
    if (piece.kind != SentencePieceFile::Kind::normal) continue;
    if (!unigram.pieces_.emplace(piece.text, Entry{static_cast<std::int32_t>(id), piece.score}).second) {
      return Error{ErrorCode::corrupt_data, "piece \"" + piece.text + "\" appears twice"};
    }
    worst = std::min(worst, piece.score);
    unigram.longest_piece_ = std::max(unigram.longest_piece_, piece.text.size());
  }
  if (unigram.pieces_.empty()) return Error{ErrorCode::corrupt_data, "it has no pieces"};
  unigram.worst_score_ = worst;
  return unigram;
}

std::string Unigram::normalize(std::string_view text) const {
  std::string out;
  bool after_space = true;
  for (std::size_t at = 0; at < text.size();) {
    CharacterMap::Match match = map_.longest(text.substr(at));
    if (match.length == 0) {
      std::size_t end = at;
      next_code_point(text, end);
      match = {text.substr(at, end - at), end - at};
    }
    at += match.length;
    std::string_view mapped = match.replacement;
    while (after_space && mapped.starts_with(' ')) mapped.remove_prefix(1);
    if (mapped.empty()) continue;
    for (const char c : mapped) {
      if (c == ' ') {
        out += k_space_mark;
      } else {
        out += c;
      }
    }
    after_space = mapped.ends_with(' ');
  }
  while (out.ends_with(k_space_mark)) out.resize(out.size() - k_space_mark.size());
  return out;
}

template <class Score>
std::vector<std::int32_t> Unigram::segment(std::string_view all) const {
  const Score unknown_score = static_cast<Score>(worst_score_) - k_unknown_penalty;
  /// The best segmentation found so far that ends before this byte.
  struct Way {
    Score score = 0;
    std::int32_t id = 0;
    std::size_t from = std::string::npos;  ///< npos: none yet
  };
  std::vector<Way> ways(all.size() + 1);
  for (std::size_t begin = 0; begin < all.size();) {
    const Score so_far = ways[begin].score;
    const auto offer = [&](std::size_t end, std::int32_t id, Score own) {
      const Score score = own + so_far;
      if (ways[end].from == std::string::npos || score > ways[end].score) ways[end] = {score, id, begin};
    };
    std::size_t end = begin;
    next_code_point(all, end);
    const std::size_t next = end;
    bool has_character = false;
    while (end - begin <= longest_piece_) {
      const auto piece = pieces_.find(all.substr(begin, end - begin));
      if (piece != pieces_.end()) {
        offer(end, piece->second.id, static_cast<Score>(piece->second.score));
        has_character = has_character || end == next;
      }
      if (end == all.size()) break;
      next_code_point(all, end);
    }
    if (!has_character) offer(next, unknown_id_, unknown_score);
    begin = next;
  }
  std::vector<std::int32_t> ids;
  for (std::size_t end = all.size(); end > 0; end = ways[end].from) {
    const bool is_run = ways[end].id == unknown_id_ && !ids.empty() && ids.back() == unknown_id_;
    if (!is_run) ids.push_back(ways[end].id);
  }
  std::reverse(ids.begin(), ids.end());
  return ids;
}

std::vector<std::int32_t> Unigram::encode(std::string_view text) const {
  return segment<float>(normalize(text));
}

std::vector<std::int32_t> Unigram::encode_marked(std::string_view text) const {
  std::string normalized = normalize(text);
  if (!normalized.empty() && !normalized.starts_with(k_space_mark)) normalized.insert(0, k_space_mark);
  return segment<double>(normalized);
}

std::vector<std::int32_t> Unigram::encode_normalized(std::string_view normalized) const {
  return segment<double>(normalized);
}

}  // namespace sightline::models
