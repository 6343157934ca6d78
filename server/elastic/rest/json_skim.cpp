// Reading JSON that was checked before: strings are passed over at the speed of memchr.
#include <cstring>

#include "base/json/reader.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic::rest {

/// Reads a JSON text from its beginning. Every step looks at what is left first, so that text which was never
/// checked ends in `failed` and not beyond its end.
class JsonSkimmer {
 public:
  JsonSkimmer(std::string_view text, JsonTape& tape)
      : text_(text), tape_(tape), at_(text.size() - json::without_byte_order_mark(text).size()) {
    tape_.text_ = text;
  }

  bool run() {
    while (!failed_) {
      skip_blanks();
      if (at_ >= text_.size()) break;
      step(text_[at_]);
    }
    return !failed_ && open_.empty() && !tape_.tokens_.empty() &&
           tape_.tokens_[0].next == tape_.tokens_.size();
  }

 private:
  using Kind = JsonToken::Kind;

  void step(char c) {
    switch (c) {
      case '{':
        return open(Kind::object);
      case '[':
        return open(Kind::array);
      case '}':
      case ']':
        return close();
      case '"':
        return string();
      case ',':
      case ':':
        ++at_;
        return;
      default:
        return literal(c);
    }
  }

  void skip_blanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }

  JsonToken& append(Kind kind, std::size_t end) {
    if (!open_.empty() && kind != Kind::key) ++tape_.tokens_[open_.back()].size;
    JsonToken token;
    token.kind = kind;
    token.begin = at_;
    token.end = end;
    token.next = static_cast<std::uint32_t>(tape_.tokens_.size() + 1);
    at_ = end;
    return tape_.tokens_.emplace_back(token);
  }

  void open(Kind kind) {
    if (open_.size() == static_cast<std::size_t>(k_max_json_depth)) return void(failed_ = true);
    append(kind, at_ + 1);
    open_.push_back(tape_.tokens_.size() - 1);
  }

  void close() {
    if (open_.empty()) return void(failed_ = true);
    JsonToken& token = tape_.tokens_[open_.back()];
    token.next = static_cast<std::uint32_t>(tape_.tokens_.size());
    token.end = ++at_;
    open_.pop_back();
  }

  /// A string directly in an object is a key unless a key stands before it without its value.
  bool expects_key() const {
    return !open_.empty() && tape_.tokens_[open_.back()].kind == Kind::object &&
           tape_.tokens_.back().kind != Kind::key;
  }

  void string() {
    std::size_t end = at_ + 1;
    bool escaped = false;
    for (;;) {
      const void* quote =
          end < text_.size() ? std::memchr(text_.data() + end, '"', text_.size() - end) : nullptr;
      if (!quote) return void(failed_ = true);
      const auto found = static_cast<std::size_t>(static_cast<const char*>(quote) - text_.data());
      escaped = escaped || std::memchr(text_.data() + end, '\\', found - end) != nullptr;
      end = found + 1;
      std::size_t backslashes = 0;
      while (text_[found - 1 - backslashes] == '\\') ++backslashes;  // the opening quote ends this
      if (backslashes % 2 == 0) break;
    }
    const std::size_t begin = at_;
    JsonToken& token = append(expects_key() ? Kind::key : Kind::string, end);
    token.text = escaped ? decoded(begin, end) : text_.substr(begin + 1, end - begin - 2);
  }

  std::string_view decoded(std::size_t begin, std::size_t end) {
    auto decoded = json::decoded_string(text_.substr(begin, end - begin), k_json_limits);
    if (!decoded) return failed_ = true, std::string_view();
    return tape_.decoded_.emplace_back(*std::move(decoded));
  }

  void literal(char c) {
    const std::size_t end = std::min(text_.find_first_of(",]} \n\r\t", at_), text_.size());
    const std::size_t begin = at_;
    const Kind kind = c == 'n' ? Kind::null : c == 't' ? Kind::true_ : c == 'f' ? Kind::false_ : Kind::number;
    append(kind, end).text = text_.substr(begin, end - begin);
  }

  std::string_view text_;
  JsonTape& tape_;
  std::size_t at_;
  std::vector<std::size_t> open_;
  bool failed_ = false;
};

std::optional<JsonTape> JsonTape::skim(std::string_view checked) {
  JsonTape tape;
  if (!JsonSkimmer(checked, tape).run()) return std::nullopt;
  return tape;
}

}  // namespace sightline::elastic::rest
