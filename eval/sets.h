// What is asked of the models: test sets, as a JSON file defines them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "eval/dataset.h"

namespace sightline::eval {

enum class Direction { text_to_image, image_to_text, text_to_text, image_to_image };

/// "text-to-image", ...
const char* to_string(Direction direction);
inline bool asks_with_text(Direction d) {
  return d == Direction::text_to_image || d == Direction::text_to_text;
}
inline bool answers_with_text(Direction d) {
  return d == Direction::image_to_text || d == Direction::text_to_text;
}

/// "This attribute has one of these values."
struct Condition {
  std::uint32_t attribute = 0;
  std::vector<std::uint32_t> values;  ///< numbers of the dataset
  bool holds(const Picture& picture) const;
};
using Conditions = std::vector<Condition>;

/// How many of them do not hold for a picture; one whose attribute is unknown does not.
std::size_t count_broken(const Conditions& conditions, const Picture& picture);

/// Which wrong answers compete with the right ones.
struct Negatives {
  enum class Kind {
    all,    ///< every wrong one
    hard,   ///< those that miss exactly one of the wanted attributes
    easy,   ///< those that miss every wanted attribute
    same,   ///< those that equal the query in all of `attributes`
    other,  ///< those that differ from the query in one of `attributes` at least
  };
  Kind kind = Kind::all;
  std::vector<std::uint32_t> attributes;  ///< for same and other
};

/// A query with the attributes that a right answer has.
struct AskedText {
  std::string text;
  Conditions right;
};

/// A set of queries of one direction.
struct RetrievalSet {
  std::string name, about;
  Direction direction = Direction::text_to_image;
  std::vector<AskedText> asked;         ///< else the queries are captions, or pictures
  std::vector<std::uint32_t> captions;  ///< columns whose texts are queries or answers
  Conditions where;                     ///< the pictures whose captions, or which themselves, are queries
  std::size_t least_words = 0, most_words = SIZE_MAX;  ///< of a caption that is a query
  bool same_picture = false;                           ///< right is what belongs to the query's own picture
  std::vector<std::uint32_t> equal;                    ///< else: what equals the query in these attributes
  Negatives negatives;
};

/// A set of labels, one of which fits each picture.
struct LabelSet {
  std::string name, about;
  std::uint32_t attribute = 0;  ///< whose values are the truth
  Conditions where;
  std::vector<std::string> templates;                         ///< each with {} for the label
  std::vector<std::pair<std::uint32_t, std::string>> labels;  ///< a value, and the words for it
};

struct Sets {
  std::vector<RetrievalSet> retrieval;
  std::vector<LabelSet> zero_shot;
};

/// Reads a file of sets; docs/quality.md describes it. Errors: not_found; invalid_argument naming the file,
/// the set and what is wrong with it: members that are not known are refused, as are attributes and values
/// that no picture has.
Result<Sets> read_sets(const std::filesystem::path& file, const Dataset& data);

/// What is measured without such a file: captions find their pictures, pictures their captions, and captions
/// the other captions of their pictures if there are several columns of them. Errors: invalid_argument (no
/// captions).
Result<Sets> default_sets(const Dataset& data);

/// Words of a text: what blanks separate.
std::size_t count_words(std::string_view text);

}  // namespace sightline::eval
