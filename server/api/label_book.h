// The operator's labels for zero-shot classification, and the vectors that labels have.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::api {

inline constexpr std::size_t k_max_labels = 1000;
inline constexpr std::string_view k_default_prompt_template = "a photo of a {}";

/// What to choose from.
struct LabelSet {
  std::vector<std::string> labels;
  /// The text that a label becomes, with `{}` where it goes.
  std::string prompt_template{k_default_prompt_template};

  std::string prompt(std::size_t label) const;
};

/// Errors: invalid_argument (fewer than two labels, more than k_max_labels, an empty one, one twice; not
/// exactly one `{}` in the template).
Status check(const LabelSet& set);

/// Reads a file of labels: one a line, blanks around it and empty lines ignored, lines that begin with '#'
/// too. A line `prompt_template: a drawing of a {}` sets the template. Errors: not_found, invalid_argument
/// (what `check` finds, or not UTF-8; naming the file), too_large (over 1 MB).
Result<LabelSet> read_label_file(const std::string& path);

/// The operator's sets by name, and the vectors of labels lately used.
///
/// A label's vector depends on nothing but model, template and label, so those of a set are kept: at most
/// k_kept sets, the least lately used goes first.
/// Thread safety: all members may be called from any thread.
class LabelBook {
 public:
  using Vectors = std::vector<std::vector<float>>;  ///< one a label, in their order
  static constexpr std::size_t k_kept = 32;

  explicit LabelBook(std::map<std::string, LabelSet> sets = {}) : sets_(std::move(sets)) {}

  /// Null: there is none of that name.
  const LabelSet* find(const std::string& name) const;
  /// "a, b", for messages.
  std::string names() const;

  /// Null: not kept.
  std::shared_ptr<const Vectors> vectors(const std::string& model, const LabelSet& set);
  void keep(const std::string& model, const LabelSet& set, std::shared_ptr<const Vectors> vectors);

 private:
  struct Kept {
    std::string key;
    std::shared_ptr<const Vectors> vectors;
  };
  std::list<Kept>::iterator find_kept(const std::string& key);

  const std::map<std::string, LabelSet> sets_;
  std::mutex mutex_;
  std::list<Kept> kept_;  // the lately used first
};

}  // namespace sightline::api
