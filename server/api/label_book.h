// The operator's labels for zero-shot classification.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sightline::api {

inline constexpr std::size_t k_max_labels = 1000;
/// Of the texts of all labels together: each repeats the template, so a small request could fill the memory with them.
inline constexpr std::size_t k_max_prompt_bytes = 4u << 20;
inline constexpr std::string_view k_default_prompt_template = "a photo of a {}";

/// What to choose from.
struct LabelSet {
  std::vector<std::string> labels;
  /// The text for a label, with `{}` in its place.
  std::string prompt_template{k_default_prompt_template};

  /// Requires what `check` checks.
  std::string prompt(std::size_t label) const;
  std::size_t prompt_bytes(std::size_t label) const;
};

/// Errors: invalid_argument (fewer than two labels, more than k_max_labels, an empty one, one twice; not
/// exactly one `{}` in the template), too_large (prompts of more than k_max_prompt_bytes).
Status check(const LabelSet& set);

/// Reads a file of labels: one per line, whitespace around it and empty lines ignored, lines that begin with '#'
/// too. A line `prompt_template: a drawing of a {}` sets the template. Errors: not_found, invalid_argument
/// (what `check` finds, or not UTF-8; naming the file), too_large (over 1 MB).
Result<LabelSet> read_label_file(const std::string& path);

/// The operator's sets by name. Thread safety: all members may be called from any thread.
class LabelBook {
 public:
  explicit LabelBook(std::map<std::string, LabelSet> sets = {}) : sets_(std::move(sets)) {}

  /// Null: there is none of that name.
  const LabelSet* find(const std::string& name) const;
  /// "a, b", for messages.
  std::string names() const;

 private:
  const std::map<std::string, LabelSet> sets_;
};

}  // namespace sightline::api
