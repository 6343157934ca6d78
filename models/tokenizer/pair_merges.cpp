#include "models/tokenizer/pair_merges.h"

#include <queue>
#include <string_view>
#include <tuple>

namespace sightline::models {
namespace {

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) | static_cast<std::uint32_t>(right);
}

constexpr std::int32_t k_end = -1;  // no neighbour

/// A symbol of the piece, linked to its neighbours. A symbol that was merged into its left one has id k_end.
struct Symbol {
  std::int32_t id, previous, next;
};

/// A pair that may be merged: the symbol at `at` with its right neighbour.
struct Candidate {
  std::uint32_t rank;
  std::int32_t at, merged_id;
  bool operator>(const Candidate& other) const { return std::tie(rank, at) > std::tie(other.rank, other.at); }
};

}  // namespace

Result<Merges> read_json_merges(const rapidjson::Value& model) {
  const rapidjson::Value* list = given_member(model, "merges");
  const auto corrupt = [](const std::string& what) { return Error{ErrorCode::corrupt_data, what}; };
  if (list == nullptr || !list->IsArray()) return corrupt("model.merges is not an array");
  Merges merges;
  merges.reserve(list->Size());
  for (rapidjson::SizeType i = 0; i < list->Size(); ++i) {
    const rapidjson::Value& merge = (*list)[i];
    if (merge.IsArray() && merge.Size() == 2 && merge[0].IsString() && merge[1].IsString()) {
      merges.emplace_back(merge[0].GetString(), merge[1].GetString());
      continue;
    }
    const std::string_view line =
        merge.IsString() ? std::string_view(merge.GetString(), merge.GetStringLength()) : std::string_view();
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
      return corrupt("model.merges[" + std::to_string(i) + "] is neither \"a b\" nor [\"a\", \"b\"]");
    }
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

Result<PairMerges> PairMerges::create(const Vocabulary& vocabulary, const Merges& merges) {
  PairMerges pairs;
  pairs.merges_.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const auto left_id = vocabulary.find(left), right_id = vocabulary.find(right);
    const auto merged_id = vocabulary.find(left + right);
    for (const auto& [token, id] : {std::pair{left, left_id}, {right, right_id}, {left + right, merged_id}}) {
      if (id == vocabulary.end()) {
        return Error{ErrorCode::corrupt_data, "merge " + std::to_string(rank + 1) + " (\"" + left + "\" + \"" + right +
                                                  "\") needs \"" + token + "\", which the vocabulary lacks"};
      }
    }
    // If a pair is listed twice, the last rank counts, as in the reference.
    pairs.merges_[pair_key(left_id->second, right_id->second)] = {static_cast<std::uint32_t>(rank), merged_id->second};
  }
  return pairs;
}

const PairMerges::Merge* PairMerges::find(std::int32_t left, std::int32_t right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void PairMerges::append_merged(const std::vector<std::int32_t>& all, std::vector<std::int32_t>& ids) const {
  const auto count = static_cast<std::int32_t>(all.size());
  std::vector<Symbol> symbols(all.size());
  for (std::int32_t i = 0; i < count; ++i) symbols[i] = {all[i], i - 1, i + 1 == count ? k_end : i + 1};

  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
  const auto consider = [&](std::int32_t at) {
    if (at == k_end || symbols[at].next == k_end) return;
    if (const Merge* merge = find(symbols[at].id, symbols[symbols[at].next].id)) {
      candidates.push({merge->rank, at, merge->id});
    }
  };
  for (std::int32_t i = 0; i + 1 < count; ++i) consider(i);

  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    Symbol& left = symbols[best.at];
    if (left.id == k_end || left.next == k_end) continue;
    // An earlier merge may have changed either side since this candidate was pushed.
    const Merge* merge = find(left.id, symbols[left.next].id);
    if (merge == nullptr || merge->id != best.merged_id || merge->rank != best.rank) continue;
    Symbol& right = symbols[left.next];
    left.id = best.merged_id;
    left.next = right.next;
    right.id = k_end;
    if (left.next != k_end) symbols[left.next].previous = best.at;
    consider(left.previous);
    consider(best.at);
  }
  for (std::int32_t at = count > 0 ? 0 : k_end; at != k_end; at = symbols[at].next) ids.push_back(symbols[at].id);
}

}  // namespace sightline::models
