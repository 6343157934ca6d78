#include "server/elastic/rest/document_id.h"

#include "base/json/utf8.h"

namespace sightline::elastic::rest {

std::string document_id(std::string_view given) {
  std::string id;
  json::append_valid_utf8(id, given);
  return id;
}

std::optional<std::string> id_problem(std::string_view id) {
  if (id.size() <= k_longest_id_bytes) return std::nullopt;
  return "id [" + std::string(id) + "] is too long, must be no longer than " + std::to_string(k_longest_id_bytes) +
         " bytes but was: " + std::to_string(id.size());
}

}  // namespace sightline::elastic::rest
