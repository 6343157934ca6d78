// JSON read from front to back, with the place of every part and nothing kept.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {

/// What a JSON string stands for, given with its quotes; nothing for broken escapes.
std::optional<std::string> decoded_string(std::string_view quoted);

/// Reads a text by its grammar, in one pass without recursion. Strings are passed over at the speed of
/// memchr; what is within them (UTF-8, escapes) is not checked, and numbers may be of any size.
template <class Visitor>
class JsonWalker {
 public:
  JsonWalker(std::string_view text, Visitor& visitor) : text_(text), visitor_(visitor) {}

  bool run() {
    while (skip_blanks()) {
      if (!step(text_[at_])) return false;
    }
    return open_.empty() && next_ == Next::comma_or_end;
  }

 private:
  using Kind = rest::JsonToken::Kind;
  enum class Next { value, value_or_end, key, key_or_end, comma_or_end };

  bool step(char c) {
    switch (next_) {
      case Next::comma_or_end:
        if (open_.empty()) return false;
        if (c != ',') return close(c);
        ++at_;
        next_ = open_.back() == '[' ? Next::value : Next::key;
        return true;
      case Next::key_or_end:
        if (c == '}') return close(c);
        return key(c);
      case Next::key:
        return key(c);
      case Next::value_or_end:
        if (c == ']') return close(c);
        return value(c);
      case Next::value:
        return value(c);
    }
    return false;
  }

  /// False at the end of the text.
  bool skip_blanks() {
    while (at_ < text_.size() && std::strchr(" \n\r\t", text_[at_]) != nullptr && text_[at_] != '\0') ++at_;
    return at_ < text_.size();
  }

  bool close(char c) {
    if (c != (open_.back() == '[' ? ']' : '}')) return false;
    open_.pop_back();
    visitor_.close(++at_);
    next_ = Next::comma_or_end;
    return true;
  }

  bool key(char c) {
    const std::size_t begin = at_;
    if (c != '"' || !pass_string()) return false;
    const std::string_view quoted = text_.substr(begin, at_ - begin);
    if (!skip_blanks() || text_[at_++] != ':') return false;
    next_ = Next::value;
    if (quoted.find('\\') == std::string_view::npos) {
      visitor_.key(quoted.substr(1, quoted.size() - 2), begin);
      return true;
    }
    const auto decoded = decoded_string(quoted);
    if (decoded) visitor_.key(*decoded, begin);
    return decoded.has_value();
  }

  bool value(char c) {
    if (c == '{' || c == '[') {
      if (open_.size() == static_cast<std::size_t>(rest::k_max_json_depth)) return false;
      visitor_.open(c == '[', at_++);
      open_.push_back(c);
      next_ = c == '[' ? Next::value_or_end : Next::key_or_end;
      return true;
    }
    const std::size_t begin = at_;
    Kind kind = Kind::number;
    if (c == '"') {
      kind = Kind::string;
      if (!pass_string()) return false;
    } else if (pass("null")) {
      kind = Kind::null;
    } else if (pass("true")) {
      kind = Kind::true_;
    } else if (pass("false")) {
      kind = Kind::false_;
    } else if (!pass_number()) {
      return false;
    }
    visitor_.scalar(kind, begin, at_);
    next_ = Next::comma_or_end;
    return true;
  }

  bool pass(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  bool pass_string() {
    const std::size_t begin = at_++;
    for (;;) {
      const std::size_t quote = text_.find('"', at_);
      if (quote == std::string_view::npos) return false;
      at_ = quote + 1;
      std::size_t backslashes = 0;
      while (quote - backslashes > begin + 1 && text_[quote - 1 - backslashes] == '\\') ++backslashes;
      if (backslashes % 2 == 0) return true;
    }
  }

  bool pass_digits() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > begin;
  }

  bool pass_number() {
    pass("-");
    if (!pass("0") && !pass_digits()) return false;
    if (pass(".") && !pass_digits()) return false;
    if (pass("e") || pass("E")) {
      if (!pass("+")) pass("-");
      return pass_digits();
    }
    return true;
  }

  std::string_view text_;
  Visitor& visitor_;
  std::vector<char> open_;  ///< the brackets
  std::size_t at_ = 0;
  Next next_ = Next::value;
};

/// Reads `text` and tells `visitor` of each part as it comes, with its offsets in `text`:
///   key(std::string_view name, std::size_t begin), the name decoded, as long as the call lasts
///   scalar(rest::JsonToken::Kind kind, std::size_t begin, std::size_t end)
///   open(bool array, std::size_t begin), close(std::size_t end)
/// Keys may occur twice. False if `text` is not one JSON value, or nested deeper than rest::k_max_json_depth;
/// the visitor has then seen a part of it.
template <class Visitor>
bool walk_json(std::string_view text, Visitor& visitor) {
  return JsonWalker<Visitor>(text, visitor).run();
}

}  // namespace sightline::elastic
