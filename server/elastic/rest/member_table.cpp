#include "server/elastic/rest/member_table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace sightline::elastic::rest {
namespace {

std::vector<const MemberTableBase*>& registry() {
  static std::vector<const MemberTableBase*> tables;
  return tables;
}

Kinds kind_of(const JsonView& value) {
  if (value.is_object()) return k_object;
  if (value.is_array()) return k_array;
  if (value.is_string()) return k_text;
  if (value.is_number()) return k_number;
  return value.is_bool() ? k_flag : k_null;
}

}  // namespace

std::string kinds_text(Kinds kinds) {
  constexpr std::array<std::pair<Kinds, std::string_view>, 6> k_names = {{{k_flag, "flag"},
                                                                          {k_number, "number"},
                                                                          {k_text, "text"},
                                                                          {k_array, "list"},
                                                                          {k_object, "object"},
                                                                          {k_null, "null"}}};
  if (kinds == k_any) return "any";
  std::string out;
  for (const auto& [kind, name] : k_names) {
    if ((kinds & kind) == 0) continue;
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

MemberTableBase::MemberTableBase(std::string_view place, std::string_view parser, std::string_view error_type)
    : place_(place), parser_(parser), error_type_(error_type) {
  registry().push_back(this);
}

std::vector<const MemberTableBase*> MemberTableBase::all() {
  auto tables = registry();
  std::sort(tables.begin(), tables.end(), [](const auto* a, const auto* b) { return a->place() < b->place(); });
  return tables;
}

const MemberInfo* MemberTableBase::info(std::string_view name) const {
  const auto row =
      std::find_if(members_.begin(), members_.end(), [&](const MemberInfo& member) { return member.name == name; });
  return row == members_.end() ? nullptr : &*row;
}

ElasticError MemberTableBase::error(const JsonView& where, const std::string& what) const {
  return {400, std::string(error_type_), position_text(where) + " [" + std::string(parser_) + "] " + what};
}

std::size_t MemberTableBase::find(const JsonView& key, const JsonView& value) const {
  const std::string name = "[" + shortened(key.text()) + "]";
  const MemberInfo* row = info(key.text());
  if (row == nullptr)
    refuse(error(key, "unknown field " + name + ", or one that " + std::string(k_store_name) + " does not support"));
  if ((row->kinds & kind_of(value)) == 0) refuse(error(value, name + " cannot be a " + token_name(value)));
  return static_cast<std::size_t>(row - members_.data());
}

void check_nothing(const JsonView&, std::string_view) {}

void only_false(const JsonView& value, std::string_view name) {
  if (read_bool(value, name)) refuse(not_supported("[" + std::string(name) + ": true]"));
}
std::chrono::milliseconds time_from(std::string_view name, std::string_view text) {
  using std::chrono::milliseconds;
  if (text == "-1" || text == "0") return milliseconds(text == "0" ? 0 : -1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  constexpr std::array<std::pair<std::string_view, double>, 7> k_units = {
      {{"nanos", 1e-6}, {"micros", 1e-3}, {"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}}};
  const auto found = std::find_if(k_units.begin(), k_units.end(), [&](const auto& one) { return one.first == unit; });
  if (error != std::errc() || !std::isfinite(number) || found == k_units.end()) {
    refuse(illegal_argument("failed to parse setting [" + std::string(name) + "] with value [" + shortened(text) +
                            "] as a time value: unit is missing or unrecognized"));
  }
  constexpr double k_longest = 1e15;  // far beyond every limit, and within what the clock can count
  return milliseconds(static_cast<std::int64_t>(std::clamp(number * found->second, -k_longest, k_longest)));
}
void check_time(const JsonView& value, std::string_view name) {
  read_time(value, name);
}

std::chrono::milliseconds read_time(const JsonView& value, std::string_view name) {
  return time_from(name, read_text(value, name));
}

ElasticError not_supported(std::string_view what, std::string_view more) {
  std::string reason = std::string(what) + " is not supported by " + std::string(k_store_name);
  if (!more.empty()) reason += "; " + std::string(more);
  reason += "; for this use an Elasticsearch cluster, directly or behind --elasticsearch-gateway";
  return illegal_argument(std::move(reason));
}

}  // namespace sightline::elastic::rest
