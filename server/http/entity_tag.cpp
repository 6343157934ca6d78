#include "server/http/entity_tag.h"

#include <algorithm>

#include "base/trimmed.h"

namespace sightline::http {

std::string field_list(const Headers& headers, std::string_view name) {
  std::string list;
  for (const auto& [field, value] : headers.all()) {
    if (equal_ignoring_case(field, name)) list += (list.empty() ? "" : ",") + value;
  }
  return list;
}

bool names_tag(std::string_view known_tags, std::string_view tag) {
  while (!known_tags.empty()) {
    const auto comma = std::min(known_tags.find(','), known_tags.size());
    std::string_view known = trimmed(known_tags.substr(0, comma), " \t");
    known_tags.remove_prefix(std::min(comma + 1, known_tags.size()));
    if (known.starts_with("W/")) known.remove_prefix(2);
    if (known == "*" || known == tag) return true;
  }
  return false;
}

}  // namespace sightline::http
