// The only reader of JSON from outside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sightline::json {

/// Limits of a text. Each value costs memory, however short its text is.
struct Limits {
  std::size_t max_depth = 1000;        ///< of arrays and objects in each other; recursion over them is safe
  std::size_t max_values = 1'000'000;  ///< values and keys
  std::size_t max_bytes = std::numeric_limits<std::uint32_t>::max();  ///< RapidJSON counts in 32 bits
  bool comments = false;                                              ///< /* */ and // count as whitespace
  /// Half of a surrogate pair, `\ud83d` alone, is a separate character, as in Java: three bytes of the form
  /// that UTF-8 would have for it (utf8.h). Else it is an error.
  bool lone_surrogates = false;
};

/// The place of a token in the text.
struct Place {
  std::size_t begin = 0;  ///< offset of its first byte; of a string's quote
  std::size_t end = 0;    ///< offset after its last byte
};

/// What a token is.
enum class Kind : std::uint8_t { null, true_, false_, number, string, key, array, object };

/// Why a text could not be read, and where.
struct Fault {
  enum class Kind : std::uint8_t {
    none,
    empty,      ///< only whitespace
    bad_value,  ///< also a broken true, false or null, and where the text ends before a value
    bad_number,
    bad_comment,
    missing_key,
    missing_colon,
    missing_comma_in_object,
    missing_comma_in_array,
    unclosed_string,
    control_character,
    bad_escape,
    bad_unicode_escape,  ///< no four hexadecimal digits, or half of a surrogate pair
    invalid_utf8,
    other_encoding,  ///< UTF-16 or UTF-32
    text_after_end,
    too_deep,
    too_many_values,
    too_many_bytes,
    number_too_large,  ///< for a double; found when the number's value is read
    stopped,           ///< the handler returned false
  };
  Kind kind = Kind::none;
  std::size_t offset = 0;

  explicit operator bool() const { return kind != Kind::none; }
  /// A limit was reached; the text is valid so far.
  bool is_limit() const {
    return kind == Kind::too_deep || kind == Kind::too_many_values || kind == Kind::too_many_bytes;
  }
};

/// The error as a sentence, without its place. `limits` are those that the text was read with.
std::string message(const Fault& fault, const Limits& limits = {});

/// Finds tokens in a text, without ever reading beyond it. Takes linear time.
class Scanner {
 public:
  Scanner(std::string_view text, const Limits& limits)
      : text_(text), comments_(limits.comments), lone_surrogates_(limits.lone_surrogates) {}

  std::size_t at() const { return at_; }
  bool ended() const { return at_ >= text_.size(); }
  char peek() const { return text_[at_]; }
  void step() { ++at_; }
  std::string_view text(const Place& place) const { return text_.substr(place.begin, place.end - place.begin); }

  // Each of these fails with the error in `fault`.
  /// Skips a byte order mark. Fails for a text that is not in UTF-8 by its first bytes.
  bool begin();
  bool skip_blanks();
  bool word(std::string_view word, Place& place);
  bool number(Place& place);
  /// `decoded` is a part of the text if it has no escapes; else it is valid until the next string.
  bool string(Place& place, std::string_view& decoded);

  bool fail(Fault::Kind kind) { return fail(kind, at_); }
  bool fail(Fault::Kind kind, std::size_t offset) {
    fault_ = {kind, offset};
    return false;
  }
  const Fault& fault() const { return fault_; }

 private:
  bool skip_comment();
  bool digits();
  bool decode(Place& place, std::string_view& decoded);
  bool decode_escape(std::size_t string_begin);
  bool decode_unicode();
  bool read_hexadecimal(std::uint32_t& unit);

  std::string_view text_;
  const bool comments_, lone_surrogates_;
  std::size_t at_ = 0;
  Fault fault_;
  std::string decoded_;
};

/// Reads a text and passes its tokens to a handler, in order. Uses no recursion. The handler has:
///
///   bool scalar(Kind, std::string_view text, Place);  bool open(Kind, std::size_t offset);
///   bool key(std::string_view decoded, Place);        bool close(Kind, std::size_t size, std::size_t end);
///
/// `text` is a string decoded, else the value as written; `number_value` gives a number's value. `size` counts
/// members or elements. Strings are UTF-8 (but see Limits::lone_surrogates). Each function returns false to end
/// the reading. A byte order mark before the text is skipped.
template <class Handler>
class Reader {
 public:
  Reader(std::string_view text, const Limits& limits, Handler& handler)
      : size_(text.size()), scanner_(text, limits), limits_(limits), handler_(handler) {}

  Fault run() {
    if (size_ > limits_.max_bytes) return {Fault::Kind::too_many_bytes, limits_.max_bytes};
    read();
    return scanner_.fault();
  }

 private:
  struct Level {
    Kind kind;
    std::size_t size;  // members or elements so far
    bool is_object() const { return kind == Kind::object; }
  };

  bool read() {
    open_.reserve(k_usual_depth);
    if (!scanner_.begin() || !scanner_.skip_blanks()) return false;
    if (scanner_.ended()) return scanner_.fail(Fault::Kind::empty);
    do {
      if (!value()) return false;
    } while (!open_.empty());
    if (!scanner_.skip_blanks()) return false;
    return scanner_.ended() || scanner_.fail(Fault::Kind::text_after_end);
  }

  /// Reads a value, or opens one, and continues to where the next begins. At the end nothing is open.
  bool value() {
    if (scanner_.ended()) return scanner_.fail(Fault::Kind::bad_value);
    const char c = scanner_.peek();
    if (c == '{' || c == '[') {
      if (!open(c == '{' ? Kind::object : Kind::array)) return false;
      if (!scanner_.skip_blanks()) return false;
      const bool is_empty = !scanner_.ended() && scanner_.peek() == (c == '{' ? '}' : ']');
      if (!is_empty) return c == '[' || key();
    } else if (!scalar(c)) {
      return false;
    } else {
      if (open_.empty()) return true;
      ++open_.back().size;
      if (!scanner_.skip_blanks()) return false;
    }
    return close_and_continue();
  }

  /// After a value: closes what ends here, until there is a comma, or nothing is open.
  bool close_and_continue() {
    for (;;) {
      const Level& level = open_.back();
      const bool closes = !scanner_.ended() && scanner_.peek() == (level.is_object() ? '}' : ']');
      if (closes) {
        if (!close()) return false;
        if (open_.empty()) return true;
        if (!scanner_.skip_blanks()) return false;
        continue;
      }
      if (scanner_.ended() || scanner_.peek() != ',') {
        return scanner_.fail(level.is_object() ? Fault::Kind::missing_comma_in_object
                                               : Fault::Kind::missing_comma_in_array);
      }
      scanner_.step();
      if (!scanner_.skip_blanks()) return false;
      return !level.is_object() || key();
    }
  }

  bool count() { return ++values_ <= limits_.max_values || scanner_.fail(Fault::Kind::too_many_values); }
  bool accepted(bool by_handler, std::size_t offset) {
    return by_handler || scanner_.fail(Fault::Kind::stopped, offset);
  }

  bool open(Kind kind) {
    const std::size_t offset = scanner_.at();
    if (!count()) return false;
    if (open_.size() == limits_.max_depth) return scanner_.fail(Fault::Kind::too_deep);
    if (!accepted(handler_.open(kind, offset), offset)) return false;
    open_.push_back({kind, 0});
    scanner_.step();
    return true;
  }

  bool close() {
    const std::size_t offset = scanner_.at();
    const Level level = open_.back();
    open_.pop_back();
    if (!open_.empty()) ++open_.back().size;
    scanner_.step();
    return accepted(handler_.close(level.kind, level.size, offset + 1), offset);
  }

  bool key() {
    if (scanner_.ended() || scanner_.peek() != '"') return scanner_.fail(Fault::Kind::missing_key);
    Place place;
    std::string_view decoded;
    if (!count() || !scanner_.string(place, decoded)) return false;
    if (!accepted(handler_.key(decoded, place), place.begin) || !scanner_.skip_blanks()) return false;
    if (scanner_.ended() || scanner_.peek() != ':') return scanner_.fail(Fault::Kind::missing_colon);
    scanner_.step();
    return scanner_.skip_blanks();
  }

  bool scalar(char c) {
    if (!count()) return false;
    Place place;
    std::string_view text;
    switch (c) {
      case '"':
        return scanner_.string(place, text) && accepted(handler_.scalar(Kind::string, text, place), place.begin);
      case 'n':
        return scanner_.word("null", place) && as_written(Kind::null, place);
      case 't':
        return scanner_.word("true", place) && as_written(Kind::true_, place);
      case 'f':
        return scanner_.word("false", place) && as_written(Kind::false_, place);
      default:
        return scanner_.number(place) && as_written(Kind::number, place);
    }
  }
  bool as_written(Kind kind, const Place& place) {
    return accepted(handler_.scalar(kind, scanner_.text(place), place), place.begin);
  }

  static constexpr std::size_t k_usual_depth = 8;  ///< few documents are deeper: memory is allocated once

  const std::size_t size_;
  Scanner scanner_;
  const Limits& limits_;
  Handler& handler_;
  std::vector<Level> open_;
  std::size_t values_ = 0;
};

/// The text of the JSON string `quoted`. Nothing if it is not a string.
std::optional<std::string> decoded_string(std::string_view quoted, const Limits& limits = {});

/// The text without its byte order mark, for users of the raw text.
std::string_view without_byte_order_mark(std::string_view text);

template <class Handler>
Fault read(std::string_view text, const Limits& limits, Handler& handler) {
  return Reader<Handler>(text, limits, handler).run();
}

}  // namespace sightline::json
