#include "server/elastic/rest/json_bounds.h"

#include <string>

#include "base/json/value_count.h"

namespace sightline::elastic::rest {
namespace {

std::string more_than(const char* what, std::size_t limit, const char* option) {
  return std::string(what) + " has more than " + std::to_string(limit) + " JSON values and keys (" + option + ")";
}

ElasticError too_many(const char* what, std::size_t limit, const char* option) {
  return {413, "content_too_long_exception", more_than(what, limit, option) + ": send less at a time"};
}

}  // namespace

Refusal check_json_bounds(std::string_view body, bool is_bulk, const Limits& limits) {
  const std::size_t most = is_bulk ? limits.max_bulk_values : limits.max_json_values;
  const auto count = json::count_values(body, most, limits.max_json_values);
  if (is_bulk && count.largest_line > limits.max_json_values)
    return too_many("a line of the bulk", limits.max_json_values, "--elasticsearch-max-json-values");
  if (count.all <= most) return {};
  return is_bulk ? too_many("the bulk", most, "--elasticsearch-max-bulk-values")
                 : too_many("the body", most, "--elasticsearch-max-json-values");
}

std::optional<std::string> answer_bounds_fault(std::string_view answer, const Limits& limits) {
  const std::size_t most = limits.max_bulk_values;
  if (json::count_values(answer, most, most).all <= most) return {};
  return more_than("the answer", most, "--elasticsearch-max-bulk-values") + ": ask for less at a time";
}

}  // namespace sightline::elastic::rest
