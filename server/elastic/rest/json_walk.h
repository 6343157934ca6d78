// JSON read from front to back, with the place of every part and nothing kept.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/json/reader.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {

/// Turns what json::read finds into the calls of `walk_json`.
template <class Visitor>
class JsonWalk {
 public:
  explicit JsonWalk(Visitor& visitor) : visitor_(visitor) {}

  bool null(json::Place place) { return scalar(Kind::null, place); }
  bool boolean(bool value, json::Place place) { return scalar(value ? Kind::true_ : Kind::false_, place); }
  bool number(std::string_view, json::Place place) { return scalar(Kind::number, place); }
  bool string(std::string_view, json::Place place) { return scalar(Kind::string, place); }
  bool key(std::string_view decoded, json::Place place) {
    visitor_.key(decoded, place.begin);
    return true;
  }
  bool open_object(std::size_t offset) { return open(false, offset); }
  bool open_array(std::size_t offset) { return open(true, offset); }
  bool close_object(std::size_t, std::size_t end) { return close(end); }
  bool close_array(std::size_t, std::size_t end) { return close(end); }

 private:
  using Kind = rest::JsonToken::Kind;

  bool scalar(Kind kind, json::Place place) {
    visitor_.scalar(kind, place.begin, place.end);
    return true;
  }
  bool open(bool array, std::size_t offset) {
    visitor_.open(array, offset);
    return true;
  }
  bool close(std::size_t end) {
    visitor_.close(end);
    return true;
  }

  Visitor& visitor_;
};

/// Reads `text` and calls `visitor` for each part as it comes, with its offsets in `text`:
///   key(std::string_view name, std::size_t begin), the name decoded, as long as the call lasts
///   scalar(rest::JsonToken::Kind kind, std::size_t begin, std::size_t end)
///   open(bool array, std::size_t begin), close(std::size_t end)
/// Keys may occur twice, and numbers may be of any size. False if `text` is not one JSON value, or nested
/// deeper than rest::k_max_json_depth; the visitor has then seen a part of it.
template <class Visitor>
bool walk_json(std::string_view text, Visitor& visitor) {
  JsonWalk<Visitor> walk(visitor);
  return !json::read(text, rest::k_json_limits, walk);
}

}  // namespace sightline::elastic
