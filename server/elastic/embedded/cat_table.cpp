#include "server/elastic/embedded/cat_table.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "server/elastic/embedded/answer_size.h"
#include "server/elastic/embedded/api.h"
#include "server/elastic/embedded/index_names.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

bool wants_json(const http::Request& request, const CatParameters& parameters) {
  if (parameters.format_given) return parameters.as_json;
  const auto accept = request.headers.get("Accept").value_or("");
  return accept.find("json") != std::string_view::npos && accept.find("text/plain") == std::string_view::npos;
}

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool less(const std::string& a, const std::string& b) {
  if (is_number(a) && is_number(b) && a.size() != b.size()) return a.size() < b.size();
  return a < b;
}

/// Lines of cells, each column as wide as its widest cell. `full`: the last column is padded, too.
std::string in_columns(const std::vector<std::vector<std::string>>& lines, const std::vector<bool>& right,
                       std::string_view between, bool full, const Limits& limits) {
  std::vector<std::size_t> widths(right.size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string padding(widths[i] - line[i].size(), ' ');
      if (i > 0) out += between;
      const bool padded = full || i + 1 < line.size();
      out += right[i] ? padding + line[i] : line[i] + (padded ? padding : "");
    }
    check_answer_size(out, limits);
    out += '\n';
  }
  return out;
}

http::Response text_answer(std::string text) {
  http::Response response;
  response.content_type = "text/plain; charset=UTF-8";
  response.body = std::move(text);
  return response;
}

}  // namespace

std::string human_bytes(std::int64_t bytes, std::string_view fixed) {
  constexpr std::string_view k_letters = "bkmgtp";
  // "k" and "kb" are the same; what is no unit is as if it were not there.
  const std::size_t power = fixed.empty() ? k_letters.npos : k_letters.find(fixed[0]);
  if (power != k_letters.npos && (fixed.size() == 1 || (power > 0 && fixed.substr(1) == "b")))
    return std::to_string(bytes >> (10 * power));
  constexpr std::array<const char*, 5> k_units = {"kb", "mb", "gb", "tb", "pb"};
  if (bytes < 1024) return std::to_string(bytes) + "b";
  double size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < k_units.size(); ++unit) size /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", size);
  std::string out = text.data();
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  return out + k_units[unit];
}

std::size_t CatTable::column_named(const std::string& name) const {
  std::size_t found = columns_.size();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].name == name) return i;
    const auto& aliases = columns_[i].aliases;
    if (std::find(aliases.begin(), aliases.end(), name) != aliases.end()) found = i;  // the last that has it
  }
  return found;
}

Refusal CatTable::sort_by(const std::string& keys) {
  std::vector<std::string> parts = split_expression(keys);
  std::reverse(parts.begin(), parts.end());  // stable sorts from the least to the most important
  for (std::string part : parts) {
    const bool down = part.ends_with(":desc");
    if (down || part.ends_with(":asc")) part.resize(part.rfind(':'));
    const std::size_t column = column_named(part);
    if (column == columns_.size())
      return illegal_argument("Unable to sort by unknown sort key `" + part + "`");
    std::stable_sort(rows_.begin(), rows_.end(), [&](const auto& a, const auto& b) {
      return down ? less(b[column], a[column]) : less(a[column], b[column]);
    });
  }
  return std::nullopt;
}

std::vector<CatTable::Shown> CatTable::shown_by(const std::string& headers) const {
  std::vector<Shown> shown;
  for (const std::string& pattern : split_expression(headers)) {
    if (!is_wildcard(pattern)) {
      const std::size_t column = column_named(pattern);
      if (column < columns_.size()) shown.push_back({column, pattern});
      continue;
    }
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      const std::string& name = columns_[column].name;
      if (part_fits(pattern, name)) shown.push_back({column, name});
    }
  }
  return shown;
}

std::string CatTable::json(const std::vector<Shown>& shown, const Limits& limits) const {
  std::string out = "[";
  for (const auto& row : rows_) {
    if (out.size() > 1) out += ',';
    out += '{';
    for (const Shown& one : shown) {
      if (out.back() != '{') out += ',';
      rest::append_json_string(out, one.name);
      out += ':';
      rest::append_json_string(out, row[one.column]);
    }
    out += '}';
    check_answer_size(out, limits);
  }
  return out + "]";
}

std::string CatTable::help() const {
  Rows lines;
  for (const Column& column : columns_) {
    std::string aliases;
    for (const std::string& alias : column.aliases) aliases += (aliases.empty() ? "" : ",") + alias;
    lines.push_back({column.name, std::move(aliases), column.description});
  }
  return in_columns(lines, {false, false, false}, " | ", true, Limits());
}

std::string CatTable::text(const std::vector<Shown>& shown, bool headed, const Limits& limits) const {
  Rows lines;
  std::vector<bool> right;
  right.reserve(shown.size());
  for (const Shown& one : shown) right.push_back(columns_[one.column].right);
  if (headed) {
    auto& names = lines.emplace_back();
    for (const Shown& one : shown) names.push_back(one.name);
  }
  for (const auto& row : rows_) {
    auto& cells = lines.emplace_back();
    for (const Shown& one : shown) cells.push_back(row[one.column]);
  }
  return in_columns(lines, right, " ", false, limits);
}

http::Response CatTable::answer(const http::Request& request, const CatParameters& parameters,
                                const Limits& limits) {
  for (const auto& [name, columns] : {std::pair("h", parameters.shown), std::pair("s", parameters.sorted)}) {
    const std::string list = columns.value_or("");
    const auto count = static_cast<std::size_t>(std::count(list.begin(), list.end(), ',')) + 1;
    if (auto refusal = rest::check_pattern_count(name, count, limits.max_patterns))
      return refusal->response();
  }
  if (parameters.help) return text_answer(help());
  if (parameters.sorted && !parameters.sorted->empty()) {
    if (const auto refusal = sort_by(*parameters.sorted)) return refusal->response();
  }
  const auto shown = shown_by(parameters.shown.value_or("*"));
  return wants_json(request, parameters) ? json_answer(json(shown, limits))
                                         : text_answer(text(shown, parameters.headed, limits));
}

}  // namespace sightline::elastic
