// The part of byte pair encoding that all variants share: merging neighbours.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "models/tokenizer/tokenizer_files.h"

namespace sightline::models {

/// The pairs to merge, in order of priority.
using Merges = std::vector<std::pair<std::string, std::string>>;

/// Reads a tokenizer.json's model.merges: "a b" in older files and ["a", "b"] in newer ones. Errors:
/// corrupt_data, without the file's name.
Result<Merges> read_json_merges(const rapidjson::Value& model);

/// While any neighbouring pair is in the list of merges, the pair of lowest rank (the leftmost if there are several) is
/// replaced by its merged symbol. Thread safety: immutable after create.
class PairMerges {
 public:
  /// Errors: corrupt_data (a merge whose parts or whole are not in the vocabulary).
  static Result<PairMerges> create(const Vocabulary& vocabulary, const Merges& merges);

  /// Appends the symbols that remain after all merges. Time and memory grow as n log n in their number.
  void append_merged(const std::vector<std::int32_t>& symbols, std::vector<std::int32_t>& ids) const;

 private:
  struct Merge {
    std::uint32_t rank;
    std::int32_t id;
  };
  const Merge* find(std::int32_t left, std::int32_t right) const;

  std::unordered_map<std::uint64_t, Merge> merges_;
};

}  // namespace sightline::models
