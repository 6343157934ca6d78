#include "server/elastic/inference/placeholders.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace sightline::elastic {
namespace {

constexpr std::string_view k_prefix = "${";
constexpr std::string_view k_default_mark = ":-";
constexpr std::size_t k_max_bytes = std::size_t{512} << 20;
constexpr int k_max_replacements = 100'000;

ElasticError illegal_state(std::string reason) {
  return {500, "illegal_state_exception", std::move(reason)};
}

class Substitution {
 public:
  explicit Substitution(const PlaceholderValues& values) : values_(values) {}

  /// Appends `text` with its placeholders replaced.
  Refusal append(std::string_view text) {
    const std::size_t region = out_.size();
    while (!text.empty()) {
      const std::size_t prefix = text.find(k_prefix);
      if (Refusal refusal = append_plain(text.substr(0, prefix))) return refusal;
      if (prefix == std::string_view::npos) return {};
      text.remove_prefix(prefix);
      if (out_.size() > region &&
          out_.back() == '$') {  // an escape: this one stays as it is, without its `$`
        out_.pop_back();
        out_ += k_prefix;
        text.remove_prefix(k_prefix.size());
        continue;
      }
      const std::size_t end = text.find('}');
      if (end == std::string_view::npos) return append_plain(text);
      const auto expression = text.substr(k_prefix.size(), end - k_prefix.size());
      if (Refusal refusal = append_value(expression)) return refusal;
      text.remove_prefix(end + 1);
    }
    return {};
  }

  std::string take() { return std::move(out_); }

 private:
  Refusal append_plain(std::string_view text) {
    if (text.size() > k_max_bytes - std::min(out_.size(), k_max_bytes)) {
      return illegal_argument("the text grows over " + std::to_string(k_max_bytes) +
                              " bytes when its placeholders are replaced");
    }
    out_ += text;
    return {};
  }

  Refusal append_value(std::string_view expression) {
    std::string_view name = expression;
    std::optional<std::string_view> otherwise;
    // A nested placeholder ends the search for a default, as in StringSubstitutor without substitution in
    // names.
    const std::size_t mark = expression.find(k_default_mark);
    if (mark != std::string_view::npos && expression.find(k_prefix) >= mark) {
      name = expression.substr(0, mark);
      otherwise = expression.substr(mark + k_default_mark.size());
    }
    if (std::find(open_.begin(), open_.end(), name) != open_.end()) return cycle();
    if (++replacements_ > k_max_replacements) {
      return illegal_argument("more than " + std::to_string(k_max_replacements) +
                              " placeholders had to be replaced");
    }
    std::string_view value;
    if (const auto found = values_.find(name); found != values_.end()) {
      value = found->second;
    } else if (otherwise) {
      value = *otherwise;
    } else {
      out_ += k_prefix;
      out_ += expression;
      out_ += '}';
      return {};
    }
    open_.push_back(name);
    Refusal refusal = append(value);
    open_.pop_back();
    return refusal;
  }

  Refusal cycle() const {
    std::string reason = "Infinite loop in property interpolation of " + std::string(open_.front()) + ": ";
    for (std::size_t i = 1; i < open_.size(); ++i) {
      if (i > 1) reason += "->";
      reason += open_[i];
    }
    return illegal_state(std::move(reason));
  }

  const PlaceholderValues& values_;
  std::string out_;
  std::vector<std::string_view> open_;  // names whose values are being searched
  int replacements_ = 0;
};

/// The first `${...}` that lies on one line.
std::string_view placeholder_left_in(std::string_view text) {
  for (std::size_t at = text.find(k_prefix); at != std::string_view::npos; at = text.find(k_prefix, at + 1)) {
    const std::size_t end = text.find_first_of("}\n\r", at);
    if (end == std::string_view::npos) return {};
    if (text[end] == '}') return text.substr(at, end + 1 - at);
  }
  return {};
}

}  // namespace

Answer<std::string> fill_placeholders(std::string_view text, const PlaceholderValues& values,
                                      std::string_view field) {
  Substitution substitution(values);
  if (Refusal refusal = substitution.append(text)) return *refusal;
  std::string filled = substitution.take();
  if (const auto left = placeholder_left_in(filled); !left.empty()) {
    return illegal_state(
        "Found placeholder [" + std::string(left.substr(0, 256)) + "] in field [" + std::string(field) +
        "] after replacement call, please check that all templates have a corresponding field definition.");
  }
  return filled;
}

}  // namespace sightline::elastic
