// Test sets, as a JSON file defines them.
#pragma once

#include <array>
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
inline constexpr std::array k_directions{Direction::text_to_image, Direction::image_to_text, Direction::text_to_text,
                                         Direction::image_to_image};

/// "text-to-image", ...
const char* to_string(Direction direction);
inline bool queries_are_texts(Direction d) {
  return d == Direction::text_to_image || d == Direction::text_to_text;
}
inline bool candidates_are_texts(Direction d) {
  return d == Direction::image_to_text || d == Direction::text_to_text;
}

/// "This attribute has one of these values."
struct Condition {
  std::uint32_t attribute = 0;
  std::vector<std::uint32_t> values;  ///< numbers of the dataset
  bool holds(const Picture& picture) const;
};
using Conditions = std::vector<Condition>;

/// The number of conditions that do not hold for a picture. A condition does not hold if the attribute is unknown.
std::size_t count_broken(const Conditions& conditions, const Picture& picture);

/// Which wrong answers compete with the right ones.
struct Negatives {
  enum class Kind {
    all,    ///< all wrong answers
    hard,   ///< those that lack exactly one of the wanted attributes
    easy,   ///< those that lack every wanted attribute
    same,   ///< those that equal the query in all `attributes`
    other,  ///< those that differ from the query in at least one of `attributes`
  };
  Kind kind = Kind::all;
  std::vector<std::uint32_t> attributes;  ///< for same and other
};

/// A query with the attributes of a right answer; without any, no answer is right.
struct AskedText {
  std::string text;
  Conditions right;
};

/// A set of queries of one direction.
struct RetrievalSet {
  std::string name, about;
  Direction direction = Direction::text_to_image;
  std::vector<AskedText> asked;                        ///< empty: the queries are captions or pictures
  std::vector<std::uint32_t> captions;                 ///< columns whose texts are queries or answers
  Conditions where;                                    ///< pictures that are queries, or whose captions are
  std::size_t least_words = 0, most_words = SIZE_MAX;  ///< of a caption that is a query
  bool same_picture = false;                           ///< right answers belong to the query's picture
  std::vector<std::uint32_t> equal;                    ///< otherwise right answers equal the query in these attributes
  Negatives negatives;
};

/// A set of labels, exactly one of which fits each picture.
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
/// the set and what is wrong with it. Unknown members are refused, and attributes and values that no picture
/// has.
Result<Sets> read_sets(const std::filesystem::path& file, const Dataset& data);

/// The sets without such a file: captions find their pictures, pictures their captions, and captions the
/// other captions of their pictures if there are several caption columns. Errors: invalid_argument (no
/// captions).
Result<Sets> default_sets(const Dataset& data);

/// The number of words of a text, separated by whitespace.
std::size_t count_words(std::string_view text);

}  // namespace sightline::eval
