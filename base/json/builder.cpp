#include "base/json/builder.h"

#include <array>
#include <rapidjson/internal/dtoa.h>

namespace sightline::json {

Builder& Builder::open(std::string_view brackets) {
  separate();
  out_ += brackets.front();
  closing_ += brackets.back();
  return *this;
}

Builder& Builder::end() {
  out_ += closing_.back();
  closing_.pop_back();
  return *this;
}

Builder& Builder::list(std::string_view text) {
  if (text.empty()) return *this;
  separate();
  out_ += text;
  return *this;
}

std::string Builder::text() {
  while (!closing_.empty()) end();
  return std::move(out_);
}

Builder& Builder::key(std::string_view name) {
  separate();
  append_json_string(out_, name);
  out_ += ':';
  return *this;
}

void Builder::separate() {
  // No value ends with one of these: strings end with their quote.
  if (!out_.empty() && std::string_view("{[:").find(out_.back()) == std::string_view::npos) out_ += ',';
}

void Builder::append_double(double value) {
  std::array<char, 32> text{};
  out_.append(text.data(), rapidjson::internal::dtoa(value, text.data()));
}

}  // namespace sightline::json
