#include "server/elastic/embedded/index_names.h"

#include <algorithm>
#include <cctype>

#include "server/elastic/rest/json_filter.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic {

namespace {
constexpr std::size_t k_longest_name_bytes = 255;
}  // namespace

ElasticError invalid_index_name(const std::string& name, const std::string& why) {
  ElasticError error{400, "invalid_index_name_exception", "Invalid index name [" + name + "], " + why};
  error.details = {{"index_uuid", "_na_"}, {"index", name}};
  return error;
}

ElasticError index_not_found(const std::string& name) {
  ElasticError error{404, "index_not_found_exception", "no such index [" + name + "]"};
  error.details = {
      {"resource.type", "index_or_alias"}, {"resource.id", name}, {"index_uuid", "_na_"}, {"index", name}};
  return error;
}

Refusal check_new_index_name(const std::string& name) {
  if (name.empty()) return invalid_index_name(name, "must not be empty");
  if (name == "." || name == "..") return invalid_index_name(name, "must not be '.' or '..'");
  if (name.find_first_of(" \"*,/<>?\\|") != std::string::npos) {
    return invalid_index_name(
        name, "must not contain the following characters [' ','\"','*',',','/','<','>','?','\\','|']");
  }
  if (name.find('#') != std::string::npos) return invalid_index_name(name, "must not contain '#'");
  if (name.find(':') != std::string::npos) return invalid_index_name(name, "must not contain ':'");
  if (name[0] == '_' || name[0] == '-' || name[0] == '+')
    return invalid_index_name(name, "must not start with '_', '-', or '+'");
  if (name.size() > k_longest_name_bytes) {
    return invalid_index_name(name, "index name is too long, (" + std::to_string(name.size()) + " > 255)");
  }
  if (std::any_of(name.begin(), name.end(), [](unsigned char c) { return std::isupper(c) != 0; })) {
    return invalid_index_name(name, "must be lowercase");
  }
  return std::nullopt;
}

std::vector<std::string> split_expression(std::string_view expression) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= expression.size();) {
    const std::size_t end = std::min(expression.find(',', begin), expression.size());
    if (end > begin) parts.emplace_back(expression.substr(begin, end - begin));
    begin = end + 1;
  }
  if (parts.empty()) parts.emplace_back("_all");
  return parts;
}

bool is_wildcard(std::string_view part) {
  return part.empty() || part == "_all" || part.find('*') != std::string_view::npos;
}

bool part_fits(std::string_view part, std::string_view name) {
  return part == "_all" || rest::wildcard_match(part, name);
}

Refusal read_wildcard_states(std::string_view states, IndicesOptions& options) {
  options.expand_open = options.expand_hidden = false;
  for (const std::string& part : split_expression(states)) {
    if (part == "all") {
      options.expand_open = options.expand_hidden = true;
    } else if (part == "open") {
      options.expand_open = true;
    } else if (part == "hidden") {
      options.expand_hidden = true;
    } else if (part == "none") {
      options.expand_open = options.expand_hidden = false;
    } else if (part != "closed") {
      return illegal_argument("No valid expand wildcard value [" + shortened(part) + "]");
    }
  }
  return std::nullopt;
}

}  // namespace sightline::elastic
