#include "server/elastic/rest/document_id.h"

#include <set>

#include "base/json/utf8.h"
#include "server/elastic/rest/member_table.h"

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

bool is_metadata_field(std::string_view name) {
  static const std::set<std::string_view> names = {
      "_id",           "_source",  "_routing",     "_index",     "_version",     "_seq_no",
      "_primary_term", "_ignored", "_field_names", "_doc_count", "_nested_path", "_data_stream_timestamp",
      "_tier"};
  return names.contains(name);
}

void refuse_metadata_field(std::string_view name, const std::string& place) {
  if (is_metadata_field(name)) refuse(not_supported("[" + std::string(name) + "] in " + place));
}

}  // namespace sightline::elastic::rest
