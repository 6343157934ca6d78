#include "eval/sets.h"

#include <algorithm>
#include <cctype>
#include <numeric>

namespace sightline::eval {

const char* to_string(Direction direction) {
  switch (direction) {
    case Direction::text_to_image:
      return "text-to-image";
    case Direction::image_to_text:
      return "image-to-text";
    case Direction::text_to_text:
      return "text-to-text";
    case Direction::image_to_image:
      return "image-to-image";
  }
  return "";
}

bool Condition::holds(const Picture& picture) const {
  const std::uint32_t value = picture.values[attribute];
  return value != Dataset::k_unknown && std::find(values.begin(), values.end(), value) != values.end();
}

std::size_t count_broken(const Conditions& conditions, const Picture& picture) {
  return static_cast<std::size_t>(
      std::count_if(conditions.begin(), conditions.end(), [&](const Condition& c) { return !c.holds(picture); }));
}

std::size_t count_words(std::string_view text) {
  std::size_t words = 0;
  bool inside = false;
  for (const unsigned char c : text) {
    const bool blank = std::isspace(c) != 0;
    if (!blank && !inside) ++words;
    inside = !blank;
  }
  return words;
}

Result<Sets> default_sets(const Dataset& data) {
  if (data.caption_columns().empty()) {
    return Error{ErrorCode::invalid_argument,
                 "the table has no column `caption`, so there are no queries: add one, or use --sets"};
  }
  RetrievalSet set;
  set.captions.resize(data.caption_columns().size());
  std::iota(set.captions.begin(), set.captions.end(), 0u);
  set.same_picture = true;
  Sets sets;
  set.name = "captions find their pictures";
  set.direction = Direction::text_to_image;
  sets.retrieval.push_back(set);
  set.name = "pictures find their captions";
  set.direction = Direction::image_to_text;
  sets.retrieval.push_back(set);
  if (set.captions.size() > 1) {
    set.name = "captions find the other captions of their pictures";
    set.direction = Direction::text_to_text;
    sets.retrieval.push_back(set);
  }
  return sets;
}

}  // namespace sightline::eval
