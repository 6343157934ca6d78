#include "server/elastic/local/cat_table.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "server/elastic/local/index_names.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_tape.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic {
namespace {

bool wants_json(const http::Request& request) {
  if (const auto format = rest::query_parameter(request, "format")) return *format == "json";
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

}  // namespace

std::string human_bytes(std::int64_t bytes) {
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
  const auto found = std::find_if(columns_.begin(), columns_.end(),
                                  [&](const Column& column) { return column.name == name; });
  return static_cast<std::size_t>(found - columns_.begin());
}

void CatTable::sort_by(const std::string& keys) {
  std::vector<std::string> parts = split_expression(keys);
  std::reverse(parts.begin(), parts.end());  // stable sorts from the least to the most important
  for (std::string part : parts) {
    const bool down = part.ends_with(":desc");
    part = part.substr(0, part.find(':'));
    const std::size_t column = column_named(part);
    if (column == columns_.size()) continue;
    std::stable_sort(rows_.begin(), rows_.end(), [&](const auto& a, const auto& b) {
      return down ? less(b[column], a[column]) : less(a[column], b[column]);
    });
  }
}

http::Response CatTable::answer(const http::Request& request) {
  if (const auto keys = rest::query_parameter(request, "s")) sort_by(*keys);
  std::vector<std::size_t> shown;
  const auto headers = rest::query_parameter(request, "h");
  for (const std::string& pattern : split_expression(headers.value_or("*"))) {
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      if (rest::wildcard_match(pattern == "_all" ? "*" : pattern, columns_[column].name))
        shown.push_back(column);
    }
  }
  http::Response response;
  if (wants_json(request)) {
    response.body = "[";
    for (const auto& row : rows_) {
      if (response.body.size() > 1) response.body += ',';
      response.body += '{';
      for (std::size_t i = 0; i < shown.size(); ++i) {
        if (i > 0) response.body += ',';
        rest::append_json_string(response.body, columns_[shown[i]].name);
        response.body += ':';
        rest::append_json_string(response.body, row[shown[i]]);
      }
      response.body += '}';
    }
    response.body += ']';
    return response;
  }
  std::vector<std::vector<std::string>> lines;
  if (const auto verbose = rest::query_parameter(request, "v"); verbose && *verbose != "false") {
    auto& names = lines.emplace_back();
    for (const Column& column : columns_) names.push_back(column.name);
  }
  lines.insert(lines.end(), rows_.begin(), rows_.end());
  response.content_type = "text/plain; charset=UTF-8";
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < shown.size(); ++i) {
      std::size_t width = 0;
      for (const auto& other : lines) width = std::max(width, other[shown[i]].size());
      const std::string padding(width - line[shown[i]].size(), ' ');
      if (i > 0) response.body += ' ';
      const bool last = i + 1 == shown.size();
      response.body +=
          columns_[shown[i]].right ? padding + line[shown[i]] : line[shown[i]] + (last ? "" : padding);
    }
    response.body += '\n';
  }
  return response;
}

}  // namespace sightline::elastic
