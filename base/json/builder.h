// Builds JSON text from values. The place for all JSON that this program makes itself.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/float_text.h"
#include "base/json/writer.h"

namespace sightline::json {

/// A value that is JSON text already; written unchanged.
struct Raw {
  std::string_view text;
};

/// Writes commas, quotes and escapes, so that no value can end the text that it is part of:
///
///   json::Builder body;
///   body.object().member("model", name).member("size", 10);
///   body.object("query").member("words", "a \"cat\"");
///   return body.text();  // {"model":"clip","size":10,"query":{"words":"a \"cat\""}}
///
/// A value is a string, a bool, an integer, a `float` or `double` (finite), `nullptr`, a `Raw`, a function that
/// appends JSON to a `std::string&`, or a range of these (an array).
class Builder {
 public:
  /// Opens an element, or the whole value.
  Builder& object() { return open("{}"); }
  Builder& array() { return open("[]"); }
  /// Opens a member of the open object.
  Builder& object(std::string_view name) { return key(name).object(); }
  Builder& array(std::string_view name) { return key(name).array(); }
  /// Closes what was opened last.
  Builder& end();

  template <class Value>
  Builder& member(std::string_view name, const Value& value) {
    return key(name).value(value);
  }
  /// Null if the text is empty.
  Builder& member_or_null(std::string_view name, std::string_view text) {
    return text.empty() ? member(name, nullptr) : member(name, text);
  }
  /// No member if there is no value.
  template <class Value>
  Builder& member_if(std::string_view name, const std::optional<Value>& value) {
    return value ? member(name, *value) : *this;
  }
  template <class Value>
  Builder& value(const Value& value) {
    separate();
    append(value);
    return *this;
  }
  /// Members or elements that are JSON text already, with commas between them; may be empty. A builder that opens
  /// nothing makes such a list.
  Builder& list(std::string_view text);

  /// Closes all that is open and moves the text out of the builder.
  std::string text();

 private:
  Builder& open(std::string_view brackets);
  Builder& key(std::string_view name);
  /// A comma unless this is the first of its object or array, or the value of a key.
  void separate();
  void append_double(double value);

  template <class Value>
  void append(const Value& value) {
    if constexpr (std::same_as<Value, Raw>) {
      out_ += value.text;
    } else if constexpr (std::same_as<Value, bool>) {
      out_ += value ? "true" : "false";
    } else if constexpr (std::same_as<Value, std::nullptr_t>) {
      out_ += "null";
    } else if constexpr (std::integral<Value>) {
      out_ += std::to_string(value);
    } else if constexpr (std::same_as<Value, float>) {
      append_float(out_, value);
    } else if constexpr (std::same_as<Value, double>) {
      append_double(value);
    } else if constexpr (std::convertible_to<const Value&, std::string_view>) {
      append_json_string(out_, value);
    } else if constexpr (std::convertible_to<const Value&, std::span<const float>>) {
      append_float_array(out_, value);
    } else if constexpr (std::ranges::input_range<const Value&>) {
      array();
      for (const auto& element : value) this->value(element);
      end();
    } else {
      value(out_);
    }
  }

  std::string out_;
  std::string closing_;  ///< brackets that close what is open, the innermost last
};

}  // namespace sightline::json
