#include "server/elastic/embedded/index_names.h"

#include <algorithm>
#include <cctype>

#include "base/json/utf8.h"
#include "base/split.h"
#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {

ElasticError invalid_index_name(const std::string& name, const std::string& why) {
  ElasticError error{400, "invalid_index_name_exception", "Invalid index name [" + name + "], " + why};
  error.details = {{"index_uuid", "_na_"}, {"index", name}};
  return error;
}

ElasticError index_not_found(const std::string& name) {
  ElasticError error{404, "index_not_found_exception", "no such index [" + name + "]"};
  error.details = {{"resource.type", "index_or_alias"}, {"resource.id", name}, {"index_uuid", "_na_"}, {"index", name}};
  return error;
}

std::optional<std::string> fault_of_name(const std::string& name) {
  constexpr std::size_t k_longest_name_bytes = 255;
  constexpr std::string_view k_forbidden = " \"*,/<>?\\|#:";
  if (json::find_invalid_utf8(name)) return "must be UTF-8";  // others would be stored under the same replacement
  if (name.empty() || name == "." || name == "..") return "must not be empty, '.' or '..'";
  if (const auto at = name.find_first_of(k_forbidden); at != std::string::npos)
    return "must not contain '" + name.substr(at, 1) + "'";
  if (name[0] == '_' || name[0] == '-' || name[0] == '+') return "must not start with '_', '-', or '+'";
  if (name.size() > k_longest_name_bytes) {
    return "index name is too long, (" + std::to_string(name.size()) + " > " + std::to_string(k_longest_name_bytes) +
           ")";
  }
  const bool upper = std::any_of(name.begin(), name.end(), [](unsigned char c) { return std::isupper(c) != 0; });
  return upper ? std::optional<std::string>("must be lowercase") : std::nullopt;
}

std::vector<std::string> split_expression(std::string_view expression) {
  auto parts = split(expression, ',');
  if (parts.empty()) parts.emplace_back("_all");
  return parts;
}

bool is_wildcard(std::string_view part) {
  return part.empty() || part == "_all" || part.find('*') != std::string_view::npos;
}

bool part_fits(std::string_view part, std::string_view name) {
  return part == "_all" || rest::wildcard_match(part, name);
}

void read_wildcard_states(std::string_view states, IndicesOptions& options) {
  options.expands = options.expand_open = options.expand_hidden = false;
  for (const std::string& part : split_expression(states)) {
    if (part == "none") options.expands = options.expand_open = options.expand_hidden = false;
    if (part == "all" || part == "open" || part == "closed") options.expands = true;
    if (part == "all" || part == "open") options.expand_open = true;
    if (part == "all" || part == "hidden") options.expand_hidden = true;
    if (part != "all" && part != "open" && part != "hidden" && part != "none" && part != "closed")
      refuse(illegal_argument("No valid expand wildcard value [" + shortened(part) + "]"));
  }
}

}  // namespace sightline::elastic
