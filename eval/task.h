// Sets applied to the pictures: the queries, the candidates, and which answers are
// right.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eval/dataset.h"
#include "eval/sets.h"

namespace sightline::eval {

/// All inputs to embed, each once. Some models embed a text differently as a query and as a
/// document.
class Inputs {
 public:
  enum class Role { query, document };
  struct Text {
    std::string text;
    Role role = Role::query;
  };

  /// The number of a text.
  std::uint32_t add(const std::string& text, Role role);
  const std::vector<Text>& texts() const { return texts_; }
  bool needs_pictures = false;

 private:
  std::vector<Text> texts_;
  std::map<std::pair<Role, std::string>, std::uint32_t> numbers_;
};

/// A possible answer: a picture, or a distinct text with the pictures whose caption it is.
struct Candidate {
  std::uint32_t input = 0;  ///< number of a picture or of a text
  std::vector<std::uint32_t> pictures;
};

struct Query {
  std::string words;                    ///< the text, or the picture's name
  std::uint32_t input = 0;              ///< number of a text or of a picture
  std::vector<std::uint32_t> pictures;  ///< those whose caption it is, or itself; empty for a written query
  std::vector<Conditions> wanted;       ///< an answer is right if it meets all conditions of one of these
  std::vector<Conditions> alike;        ///< the same for `Negatives::attributes`
  std::optional<std::uint32_t> self;    ///< the candidate that is the query itself, which is not an answer
};

enum class Relation { right, wrong, left_out };

/// A set with its queries and candidates.
struct Task {
  RetrievalSet set;
  std::vector<Query> queries;
  std::vector<Candidate> candidates;
  std::size_t not_asked = 0;  ///< captions or pictures without the attributes that `right` names

  Relation relation(const Query& query, std::uint32_t candidate, const Dataset& data) const;
};

/// Adds the inputs of the set to `inputs`. Errors: invalid_argument (the set has no queries).
Result<Task> make_task(const RetrievalSet& set, const Dataset& data, Inputs& inputs);

/// A label set with the numbers of its prompts.
struct LabelTask {
  LabelSet set;
  std::vector<std::vector<std::uint32_t>> prompts;  ///< for each label, one text per template
  std::vector<std::uint32_t> pictures;              ///< those whose attribute is one of the labels
};
Result<LabelTask> make_label_task(const LabelSet& set, const Dataset& data, Inputs& inputs);

}  // namespace sightline::eval
