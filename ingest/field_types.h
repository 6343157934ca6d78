// One type for each field of a table, found from all its values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sightline::ingest {

enum class FieldType : std::uint8_t { text, integer, decimal, boolean, date };

/// "text", "integer", "decimal", "boolean", "date".
const char* to_string(FieldType type);
std::optional<FieldType> field_type_named(std::string_view name);

/// What one value looks like.
enum class ValueKind : std::uint8_t {
  text,
  leading_zero,  ///< digits that begin with 0, such as a postcode: 01234
  whole,         ///< a whole number that a `long` holds
  beyond_long,   ///< a whole number that it does not hold
  decimal,
  boolean,  ///< true or false, in any case
  date,     ///< 2026-01-31, with a time or without
};
constexpr std::size_t k_value_kinds = 7;

/// The kind of a text, whitespace around it aside.
ValueKind kind_of_text(std::string_view text);

/// Collects the values of one field, and finds the one type that fits them all:
///
///   all whole numbers: integer. All numbers: decimal. All true or false: boolean. All dates: date.
///   Anything else is text, and so are columns with a leading zero or a whole number beyond a `long`.
class FieldSurvey {
 public:
  /// The first value of a kind.
  struct Example {
    std::string value;
    std::size_t line = 0;  ///< of the table, counted from 1; 0: there is none
  };

  void add(ValueKind kind, std::string_view value, std::size_t line);

  bool empty() const;
  FieldType type() const;
  const Example& first(ValueKind kind) const { return firsts_[static_cast<std::size_t>(kind)]; }
  bool has(ValueKind kind) const { return first(kind).line > 0; }

  /// The smallest and the largest of the whole numbers.
  const Example& smallest() const { return smallest_; }
  const Example& largest() const { return largest_; }

  /// The value that made it text although others look like numbers, true or false or dates; nothing where all
  /// values are of a kind.
  std::optional<Example> reason_for_text() const;

 private:
  std::array<Example, k_value_kinds> firsts_;
  Example smallest_, largest_;
};

/// `value` as a JSON value of `type`, with all its digits: a whole number among decimals gets `.0`, so that
/// Elasticsearch makes a decimal field of it. A number asked for may have zeros in front; a boolean asked for
/// may be yes, no, 1 or 0. Nothing if it does not fit.
std::optional<std::string> json_of(std::string_view value, FieldType type);

}  // namespace sightline::ingest
