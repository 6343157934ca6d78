#include "server/http/message.h"

#include <algorithm>
#include <array>

#include "base/ascii_lower.h"
#include "base/percent.h"

namespace sightline::http {
namespace {

constexpr std::array<std::pair<Method, const char*>, 7> k_methods{{{Method::get, "GET"},
                                                                   {Method::head, "HEAD"},
                                                                   {Method::post, "POST"},
                                                                   {Method::put, "PUT"},
                                                                   {Method::delete_, "DELETE"},
                                                                   {Method::patch, "PATCH"},
                                                                   {Method::options, "OPTIONS"}}};

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

/// Calls `take` with each part of `text` between `separator`s.
template <class Take>
void split(std::string_view text, char separator, Take take) {
  for (;;) {
    const auto end = text.find(separator);
    take(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

const char* to_string(Method method) {
  for (const auto& [known, name] : k_methods) {
    if (known == method) return name;
  }
  return "GET";
}

std::optional<Method> method_of(std::string_view name) {
  for (const auto& [method, known] : k_methods) {
    if (name == known) return method;
  }
  return std::nullopt;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

bool list_has(std::string_view list, std::string_view name) {
  bool found = false;
  split(list, ',', [&](std::string_view member) {
    while (!member.empty() && (member.front() == ' ' || member.front() == '\t')) member.remove_prefix(1);
    while (!member.empty() && (member.back() == ' ' || member.back() == '\t')) member.remove_suffix(1);
    found = found || equal_ignoring_case(member, name);
  });
  return found;
}

void Headers::add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

void Headers::set(std::string name, std::string value) {
  remove(name);
  add(std::move(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [&](const auto& field) { return equal_ignoring_case(field.first, name); });
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const auto& [known, value] : fields_) {
    if (equal_ignoring_case(known, name)) return value;
  }
  return std::nullopt;
}

std::vector<std::string> Request::path_parts() const {
  std::vector<std::string> parts;
  std::string_view rest = path;
  if (!rest.empty() && rest.front() == '/') rest.remove_prefix(1);
  while (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  if (!rest.empty()) {
    split(rest, '/', [&](std::string_view part) { parts.push_back(percent_decode(part)); });
  }
  return parts;
}

std::string_view without_fragment(std::string_view query) {
  return query.substr(0, query.find('#'));
}

std::vector<std::string_view> query_pieces(std::string_view query) {
  query = without_fragment(query);
  std::vector<std::string_view> pieces;
  while (!query.empty()) {
    auto piece = query.substr(0, query.find_first_of("&;"));
    query.remove_prefix(std::min(query.size(), piece.size() + 1));
    piece.remove_prefix(std::min(piece.size(), piece.find_first_not_of('=')));
    if (!piece.empty()) pieces.push_back(piece);
  }
  return pieces;
}

std::vector<std::pair<std::string, std::string>> Request::query_parameters() const {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (const auto piece : query_pieces(query)) {
    const auto equals = piece.find('=');
    const auto value = equals == std::string_view::npos ? std::string_view{} : piece.substr(equals + 1);
    parameters.emplace_back(percent_decode(piece.substr(0, equals), true), percent_decode(value, true));
  }
  return parameters;
}

bool is_connection_field(std::string_view name) {
  for (const char* field :
       {"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Authentication-Info",
        "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"}) {
    if (equal_ignoring_case(name, field)) return true;
  }
  return false;
}

std::string percent_decode(std::string_view text, bool plus_is_blank) {
  return sightline::percent_decode(text, plus_is_blank);
}

std::string percent_encode(std::string_view text) {
  static constexpr char k_digits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (unreserved(c)) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', k_digits[byte >> 4], k_digits[byte & 15]};
    }
  }
  return encoded;
}

}  // namespace sightline::http
