#include "server/elastic/rest/parameter_table.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/number_text.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic::rest {
namespace {

std::string bracketed(std::string_view text) {
  return "[" + std::string(text) + "]";
}

template <class Number>
Number number(const char* kind, std::string_view name, const std::string& text) {
  if (const auto value = number_from<Number>(text)) return *value;
  refuse(not_a_number(std::string("Failed to parse ") + kind + " parameter " + bracketed(name) + " with value " +
                          bracketed(shortened(text)),
                      text));
}

/// Answers here are JSON, and the tables of _cat text too.
void check_format(std::string_view name, const std::string& text) {
  if (text == "yaml" || text == "cbor" || text == "smile")
    refuse(not_supported("[" + std::string(name) + "=" + text + "]"));
}

}  // namespace

namespace parameter {

bool flag(std::string_view name, const std::string& text) {
  auto value = flag_from(name, text);
  if (!value) refuse(std::move(value).error());
  return *value;
}

bool plain_flag(std::string_view name, const std::string& text) {
  if (text.empty()) refuse(illegal_argument("Could not convert " + bracketed(name) + " to boolean: it has no value"));
  return flag(name, text);
}

std::int32_t integer(std::string_view name, const std::string& text) {
  return number<std::int32_t>("int", name, text);
}

std::int64_t long_integer(std::string_view name, const std::string& text) {
  return number<std::int64_t>("long", name, text);
}

float decimal(std::string_view name, const std::string& text) {
  float value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc() && end == text.data() + text.size()) return value;
  refuse(not_a_number(
      "Failed to parse float parameter " + bracketed(name) + " with value " + bracketed(shortened(text)), text));
}

std::string text(std::string_view, const std::string& text) {
  return text;
}

void check_flag(std::string_view name, const std::string& text) {
  flag(name, text);
}
void check_integer(std::string_view name, const std::string& text) {
  integer(name, text);
}
void check_time(std::string_view name, const std::string& text) {
  time_from(name, text);
}
std::chrono::milliseconds time(std::string_view name, const std::string& text) {
  return time_from(name, text);
}
void check_text(std::string_view, const std::string&) {}

void only_false(std::string_view name, const std::string& text) {
  if (flag(name, text)) refuse(not_supported("[" + std::string(name) + "=true]"));
}

}  // namespace parameter

const std::vector<Parameter<bool>>& common_parameters() {
  // Done by the REST layer, whatever the route (rest_layer.h); checked here.
  static const std::vector<Parameter<bool>> rows = {
      {"pretty", "flag", parameter::into_nothing<parameter::flag>, "answers are laid out in lines"},
      {"filter_path", "list", parameter::into_nothing<parameter::text>, "parts of the answer to show"},
      parameter::no_effect("human", "flag", parameter::check_flag, "answers show no times or sizes in other units"),
      parameter::no_effect("error_trace", "flag", parameter::check_flag, "there are no Java stack traces"),
      parameter::only_some("format", "text", check_format,
                           "`json`, and `text` for the tables of `_cat`; `yaml`, `cbor`, `smile` are refused")};
  return rows;
}

void ParameterTableBase::check(const http::Request& request,
                               const std::vector<std::pair<std::string, std::string>>& given) const {
  std::string known;
  for (const ParameterInfo& parameter : parameters_) known += std::string(parameter.name) + " ";
  if (auto refusal = unknown_parameters(request, known)) refuse(*std::move(refusal));
  bool ignored = false;
  for (const auto& [name, text] : given) {
    for (const Parameter<bool>& common : common_parameters()) {
      if (common.info.name != name) continue;
      if (common.read) common.read(name, text, ignored);
      if (common.check) common.check(name, text);
    }
  }
}

}  // namespace sightline::elastic::rest
