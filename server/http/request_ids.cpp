#include "server/http/request_ids.h"

#include <algorithm>
#include <array>

namespace sightline::http {
namespace {

constexpr std::size_t k_longest_logged = 200;
constexpr std::size_t k_longest_tracestate = 512;  // what W3C Trace Context 3.3.1.5 asks to forward at least

bool is_plain(char c) {
  return c > ' ' && c < 0x7f && c != '"' && c != '\\';
}

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view digits) {
  return digits.find_first_not_of('0') == std::string_view::npos;
}

/// W3C Trace Context 3.2.2: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".
bool is_traceparent(std::string_view text) {
  constexpr std::size_t k_length = 55, k_version_end = 2, k_trace_end = 35, k_parent_end = 52;
  if (text.size() != k_length || text[k_version_end] != '-' || text[k_trace_end] != '-' || text[k_parent_end] != '-')
    return false;
  const auto version = text.substr(0, 2), trace = text.substr(3, 32), parent = text.substr(36, 16),
             flags = text.substr(53);
  const std::array fields{version, trace, parent, flags};
  return std::all_of(fields.begin(), fields.end(), is_lower_hex) && version != "ff" && !is_zero(trace) &&
         !is_zero(parent);
}

}  // namespace

std::string logged_path(std::string_view path) {
  std::string plain;
  for (const char c : path.substr(0, k_longest_logged))
    plain += is_plain(c) ? std::string(1, c) : percent_encode({&c, 1});
  return plain;
}

std::optional<std::string_view> opaque_id_of(const Headers& headers) {
  const auto id = headers.get("X-Opaque-Id");
  const bool fits =
      id && !id->empty() && id->size() <= k_longest_logged && std::all_of(id->begin(), id->end(), is_plain);
  return fits ? id : std::nullopt;
}

std::optional<std::string_view> traceparent_of(const Headers& headers) {
  const auto count = std::count_if(headers.all().begin(), headers.all().end(),
                                   [](const auto& field) { return equal_ignoring_case(field.first, "traceparent"); });
  const auto parent = headers.get("traceparent");
  return count == 1 && is_traceparent(*parent) ? parent : std::nullopt;
}

std::string trace_id_of(const Headers& headers) {
  const auto parent = traceparent_of(headers);
  return parent ? std::string(parent->substr(3, 32)) : std::string();
}

Headers forwarded_ids(const Headers& headers) {
  Headers ids;
  if (const auto opaque = opaque_id_of(headers)) ids.set("X-Opaque-Id", std::string(*opaque));
  const auto parent = traceparent_of(headers);
  if (!parent) return ids;
  ids.set("traceparent", std::string(*parent));
  const auto state = headers.get("tracestate");
  const bool fits = state && !state->empty() && state->size() <= k_longest_tracestate &&
                    std::all_of(state->begin(), state->end(), [](char c) { return c >= ' ' && c < 0x7f; });
  if (fits) ids.set("tracestate", std::string(*state));
  return ids;
}

}  // namespace sightline::http
