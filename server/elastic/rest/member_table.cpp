#include "server/elastic/rest/member_table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

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

// Not `quoted`: newer standard libraries would take std::quoted for a std::string.
std::string bracketed(std::string_view text) {
  return "[" + std::string(text) + "]";
}

ElasticError unknown_key(const MemberTableBase&, const JsonView& key, const JsonView& value) {
  return parsing_exception(
      value, std::string("Unknown key for a ") + token_name(value) + " in " + bracketed(key.text()) + ".");
}

ElasticError unsupported_by_query(const MemberTableBase& table, const JsonView& key, const JsonView&) {
  return parsing_exception(key,
                           bracketed(table.parser()) + " query does not support " + bracketed(key.text()));
}

/// Scalars of the wrong kind fail where they are read, all else where the parser looks for a name.
ElasticError wrong_kind_in_query(const MemberTableBase& table, const JsonView& key, const JsonView& value) {
  if (!value.is_scalar()) return unsupported_by_query(table, key, value);
  return content_exception(
      value, bracketed(table.parser()) + " " + bracketed(key.text()) + " cannot be a " + token_name(value));
}

ElasticError wrong_kind_in_leaf(const MemberTableBase& table, const JsonView& key, const JsonView& value) {
  const Kinds wanted = table.info(key.text())->kinds;
  if (wanted == k_scalars) return illegal_argument(std::string("Can't get text on a ") + token_name(value));
  if ((wanted & k_scalars) == k_scalars) return unsupported_by_query(table, key, value);
  return content_exception(
      value, bracketed(table.parser()) + " " + bracketed(key.text()) + " cannot be a " + token_name(value));
}

ElasticError unknown_field(const MemberTableBase& table, const JsonView& key, const JsonView&) {
  return content_exception(key, bracketed(table.parser()) + " unknown field " + bracketed(key.text()) +
                                    did_you_mean(key.text(), table.names()));
}

ElasticError wrong_kind_of_field(const MemberTableBase& table, const JsonView& key, const JsonView& value) {
  return content_exception(value, bracketed(table.parser()) + " " + std::string(key.text()) +
                                      " doesn't support values of type: " + token_name(value));
}

ElasticError as_parsing_exception(const JsonView& where, ElasticError cause) {
  ElasticError error = parsing_exception(where, cause.reason);
  error.cause_type = std::move(cause.type);
  error.cause_reason = std::move(cause.reason);
  return error;
}

ElasticError unknown_wrapped(const MemberTableBase& table, const JsonView& key, const JsonView& value) {
  return as_parsing_exception(key, unknown_field(table, key, value));
}

ElasticError wrong_kind_wrapped(const MemberTableBase& table, const JsonView& key, const JsonView& value) {
  return as_parsing_exception(value, wrong_kind_of_field(table, key, value));
}

}  // namespace

const Dialect k_key_dialect{unknown_key, unknown_key};
const Dialect k_query_dialect{unsupported_by_query, wrong_kind_in_query};
const Dialect k_leaf_query_dialect{unsupported_by_query, wrong_kind_in_leaf};
const Dialect k_object_dialect{unknown_field, wrong_kind_of_field, Dialect::Wrap::content};
const Dialect k_wrapped_object_dialect{unknown_wrapped, wrong_kind_wrapped, Dialect::Wrap::parsing};

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

MemberTableBase::MemberTableBase(std::string_view place, std::string_view parser, const Dialect& dialect)
    : place_(place), parser_(parser), dialect_(dialect) {
  registry().push_back(this);
}

std::vector<const MemberTableBase*> MemberTableBase::all() {
  auto tables = registry();
  std::sort(tables.begin(), tables.end(), [](const auto* a, const auto* b) { return a->place() < b->place(); });
  return tables;
}

std::vector<std::string_view> MemberTableBase::names() const {
  std::vector<std::string_view> names;
  for (const MemberInfo& member : members_) names.push_back(member.name);
  return names;
}

const MemberInfo* MemberTableBase::info(std::string_view name) const {
  const auto row = std::find_if(members_.begin(), members_.end(),
                                [&](const MemberInfo& member) { return member.name == name; });
  return row == members_.end() ? nullptr : &*row;
}

std::size_t MemberTableBase::find(const JsonView& key, const JsonView& value) const {
  const MemberInfo* row = info(key.text());
  if (row == nullptr) refuse(dialect_.unknown(*this, key, value));
  if ((row->kinds & kind_of(value)) == 0) refuse(dialect_.wrong_kind(*this, key, value));
  if (row->treatment == Treatment::refused)
    refuse(not_supported(bracketed(parser_) + " parameter " + bracketed(row->name), row->note));
  return static_cast<std::size_t>(row - members_.data());
}

void check_flag(const JsonView& value, std::string_view name) {
  read_bool(value, name);
}
void check_number(const JsonView& value, std::string_view name) {
  read_double(value, name);
}
void check_not_negative(const JsonView& value, std::string_view name) {
  if (read_integer(value, name) < 0) refuse(illegal_argument(bracketed(name) + " must not be negative"));
}
void check_nothing(const JsonView&, std::string_view) {}

void only_false(const JsonView& value, std::string_view name) {
  if (read_bool(value, name)) refuse(not_supported("[" + std::string(name) + ": true]"));
}
void only_true(const JsonView& value, std::string_view name) {
  if (!read_bool(value, name)) refuse(not_supported("[" + std::string(name) + ": false]"));
}

void only_zero(const JsonView& value, std::string_view name) {
  const std::int64_t number = read_integer(value, name);
  if (number < 0) refuse(illegal_argument(std::string(name) + " must be > 0"));
  if (number > 0) refuse(not_supported("[" + std::string(name) + ": " + std::to_string(number) + "]"));
}
void check_time(const JsonView& value, std::string_view name) {
  const std::string text = read_text(value, name);
  if (read_time(text)) return;
  refuse(illegal_argument("failed to parse setting [" + std::string(name) + "] with value [" + shortened(text) +
                          "] as a time value: unit is missing or unrecognized"));
}

std::optional<std::chrono::milliseconds> read_time(std::string_view text) {
  using std::chrono::milliseconds;
  if (text == "-1" || text == "0") return milliseconds(text == "0" ? 0 : -1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number)) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  constexpr std::array<std::pair<std::string_view, double>, 7> k_units = {
      {{"nanos", 1e-6}, {"micros", 1e-3}, {"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}}};
  const auto found =
      std::find_if(k_units.begin(), k_units.end(), [&](const auto& one) { return one.first == unit; });
  if (found == k_units.end()) return std::nullopt;
  constexpr double k_longest = 1e15;  // far beyond every limit, and within what the clock can count
  return milliseconds(static_cast<std::int64_t>(std::clamp(number * found->second, -k_longest, k_longest)));
}

ElasticError not_supported(std::string_view what, std::string_view more) {
  std::string reason = std::string(what) + " is not supported by " + std::string(k_store_name);
  if (!more.empty()) reason += "; " + std::string(more);
  reason += "; for this use an Elasticsearch cluster, directly or behind --elasticsearch-gateway";
  return illegal_argument(std::move(reason));
}

}  // namespace sightline::elastic::rest
