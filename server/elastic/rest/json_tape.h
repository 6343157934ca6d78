// JSON read as a list of tokens that keep their place in the text, so that what is not changed is copied byte
// by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <list>
#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/document.h"
#include "base/json/writer.h"
#include "server/elastic/elastic_error.h"

namespace sightline::elastic::rest {

/// Deepest nesting that is read, as in Elasticsearch. Within it recursion over a document is safe.
constexpr int k_max_json_depth = 1000;

/// How all JSON of Elasticsearch's side is read. How many values a text may have is for those to say who take
/// it from outside (json_bounds.h): what is read here was counted there, or is ours.
constexpr json::Limits k_json_limits{.max_depth = static_cast<std::size_t>(k_max_json_depth),
                                     .max_values = std::numeric_limits<std::uint32_t>::max(),
                                     .lone_surrogates = true};

/// One JSON value or key. Children of an array or object follow it directly; `next` is the token behind its
/// last child.
struct JsonToken {
  using Kind = json::Kind;
  Kind kind = Kind::null;
  std::uint32_t next = 0;      ///< index of the following sibling
  std::uint32_t size = 0;      ///< members or elements
  std::size_t begin = 0;       ///< offset of the first byte, the quote of a string included
  std::size_t end = 0;         ///< offset behind the last byte
  std::string_view text = {};  ///< of a key or string: decoded; of a number: as written, of any size
};

/// A JSON text and its tokens, in order; token 0 is the root.
/// Parsing uses no recursion, refuses nesting below k_max_json_depth, bytes that are not UTF-8, and duplicate
/// keys. Errors: those of json_error.h.
class JsonTape {
 public:
  /// `text` must outlive the tape.
  static Answer<JsonTape> parse(std::string_view text);

  std::string_view text() const { return text_; }
  const JsonToken& operator[](std::size_t index) const { return tokens_[index]; }
  std::size_t size() const { return tokens_.size(); }
  /// The value's bytes as written.
  std::string_view raw(std::size_t index) const;
  /// The value of member `name` of the object at `object`; 0 if it has none.
  std::size_t member(std::size_t object, std::string_view name) const;

 private:
  friend class JsonTapeBuilder;
  std::string_view text_;
  std::vector<JsonToken> tokens_;
  std::list<std::string> decoded_;  // strings that hold escapes; a list, so that views stay good
};

/// How Elasticsearch's messages name a value's beginning: "START_OBJECT", "VALUE_STRING".
const char* event_name(JsonToken::Kind kind);

/// Position of `offset` as Elasticsearch counts it: line and column from 1.
std::pair<int, int> line_and_column(std::string_view text, std::size_t offset);

/// A DOM of a request body. Refuses what JsonTape refuses, with the same errors, and numbers that are too
/// large for a double.
Answer<rapidjson::Document> parse_json(std::string_view text);
/// The same with json::Numbers::as_written: for what goes back to its sender, documents and pipelines. Takes
/// numbers of any size. Borrowed strings are not copied, and have no NUL behind: `text` must outlive them.
Answer<rapidjson::Document> parse_as_written(std::string_view text, json::Strings strings = json::Strings::copied);

using json::append_json_string;

}  // namespace sightline::elastic::rest
