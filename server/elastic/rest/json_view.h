// Walking a request body.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {

/// A failure on the way through a request: thrown where it is found, and turned into an answer by the router, or
/// before where a part of a request fails alone (a line of a bulk, a search of an _msearch, ...).
struct Refused {
  ElasticError error;
};

[[noreturn]] inline void refuse(ElasticError error) {
  throw Refused{std::move(error)};
}

/// One value of a JsonTape, which must outlive it.
class JsonView {
 public:
  using Kind = rest::JsonToken::Kind;

  JsonView(const rest::JsonTape& tape, std::size_t index) : tape_(&tape), index_(index) {}

  const rest::JsonToken& token() const { return (*tape_)[index_]; }
  Kind kind() const { return token().kind; }
  bool is_object() const { return kind() == Kind::object; }
  bool is_array() const { return kind() == Kind::array; }
  bool is_string() const { return kind() == Kind::string; }
  bool is_number() const { return kind() == Kind::number; }
  bool is_bool() const { return kind() == Kind::true_ || kind() == Kind::false_; }
  bool is_null() const { return kind() == Kind::null; }
  bool is_scalar() const { return is_string() || is_number() || is_bool(); }
  std::uint32_t size() const { return token().size; }
  /// The bytes as written.
  std::string_view raw() const { return tape_->raw(index_); }
  /// A string's characters, a number as written, "true" or "false".
  std::string_view text() const { return token().text; }

  /// Line and column of the value's first character.
  std::pair<int, int> position() const { return rest::line_and_column(tape_->text(), token().begin); }

  std::optional<JsonView> member(std::string_view name) const {
    const std::size_t found = tape_->member(index_, name);
    return found == 0 ? std::nullopt : std::optional(JsonView(*tape_, found));
  }
  /// Calls `visit(JsonView key, JsonView value)` for every member of an object.
  template <class Visit>
  void each_member(Visit&& visit) const {
    for (std::size_t i = index_ + 1; i < token().next; i = (*tape_)[i + 1].next) {
      visit(JsonView(*tape_, i), JsonView(*tape_, i + 1));
    }
  }
  /// Calls `visit(JsonView element)` for every element of an array.
  template <class Visit>
  void each_element(Visit&& visit) const {
    for (std::size_t i = index_ + 1; i < token().next; i = (*tape_)[i].next) visit(JsonView(*tape_, i));
  }
  /// An array's elements, or the value itself.
  template <class Visit>
  void each_or_self(Visit&& visit) const {
    if (is_array()) {
      each_element(visit);
    } else {
      visit(*this);
    }
  }

 private:
  const rest::JsonTape* tape_;
  std::size_t index_;
};

/// "START_OBJECT", "VALUE_STRING", ...: Elasticsearch's name for a token.
const char* token_name(const JsonView& value);
/// "[2:17]" for the position of a value.
std::string position_text(const JsonView& value);

/// 400 parsing_exception; the reason gets the position in front.
ElasticError parsing_exception(const JsonView& where, const std::string& reason);

/// Calls `read(root)` with a JSON text that must be an object. Refuses others: `error_type`.
template <class Read>
void read_object(std::string_view text, std::string_view error_type, const Read& read) {
  const auto tape = rest::JsonTape::parse(text);
  if (!tape) refuse(tape.error());
  const JsonView root(*tape, 0);
  if (!root.is_object()) refuse({400, std::string(error_type), "Malformed content, must start with an object"});
  read(root);
}

/// Reads of scalars as Elasticsearch's parser makes them: strings that hold a number or boolean are taken.
/// They refuse (throw Refused) what is none.
std::int64_t read_integer(const JsonView& value, std::string_view name);
double read_double(const JsonView& value, std::string_view name);
bool read_bool(const JsonView& value, std::string_view name);
std::string read_text(const JsonView& value, std::string_view name);

/// The same for texts that mean nothing when empty: formats, time zones, ids.
std::string read_filled_text(const JsonView& value, std::string_view name);

}  // namespace sightline::elastic
