#include "server/elastic/embedded/search/sort_parser.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the tables below are made of its words

SortKey key_of(std::string_view name) {
  SortKey key;
  key.field = name;
  if (name == "_score") key.kind = SortKey::Kind::score;
  if (name == "_doc") key.kind = SortKey::Kind::document;
  if (name == "_shard_doc") key.kind = SortKey::Kind::shard_document;
  if (name == "_geo_distance" || name == "_script") {
    refuse(not_supported("sort by [" + std::string(name) + "]"));
  }
  key.descending = key.kind == SortKey::Kind::score;
  return key;
}

bool is_descending(std::string_view order) {
  std::string name(order);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  if (name == "desc") return true;
  if (name == "asc") return false;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  refuse(illegal_argument("No enum constant org.elasticsearch.search.sort.SortOrder." + name));
}

SortKey::Mode mode_of(const std::string& name) {
  static const std::map<std::string, SortKey::Mode> modes = {{"min", SortKey::Mode::min},
                                                             {"max", SortKey::Mode::max},
                                                             {"sum", SortKey::Mode::sum},
                                                             {"avg", SortKey::Mode::avg},
                                                             {"median", SortKey::Mode::median}};
  const auto mode = modes.find(name);
  if (mode == modes.end()) refuse(illegal_argument("Unknown SortMode [" + name + "]"));
  return mode->second;
}

void read_missing(const JsonView&, const JsonView& value, SortKey& key) {
  if (value.is_null()) return;
  const std::string text = read_text(value, "missing");
  key.missing_first = text == "_first";
  if (text != "_first" && text != "_last") {
    key.missing_value = Literal{value.is_number() ? Literal::Kind::number : Literal::Kind::string, text};
  }
}

bool read_order(const JsonView& value, std::string_view name) {
  return is_descending(read_text(value, name));
}

SortKey::Mode read_mode(const JsonView& value, std::string_view name) {
  return mode_of(read_text(value, name));
}

const MemberTable<SortKey> k_field_sort{
    "sort by a field", "field_sort", k_object_dialect,
    {{"order", k_text, into<&SortKey::descending, read_order>},
     {"missing", k_scalars | k_null, read_missing},
     {"mode", k_text, into<&SortKey::mode, read_mode>},
     {"unmapped_type", k_text, into<&SortKey::unmapped_type, read_text>},
     {"format", k_text, into<&SortKey::format, read_filled_text>, "of dates; other fields refuse it"},
     refused("numeric_type", k_text),
     refused("nested", k_object)}};

constexpr std::string_view k_no_values = "documents stand in their order, which has no values";
const MemberTable<SortKey> k_document_sort{
    "sort by `_doc` or `_shard_doc`", "field_sort", k_object_dialect,
    {{"order", k_text, into<&SortKey::descending, read_order>},
     no_effect("missing", k_scalars | k_null, check_nothing, k_no_values),
     no_effect("mode", k_text, [](const JsonView& value, std::string_view name) { read_mode(value, name); },
               k_no_values),
     no_effect("unmapped_type", k_text, check_nothing, k_no_values),
     no_effect("format", k_text, check_nothing, k_no_values),
     refused("numeric_type", k_text),
     refused("nested", k_object)}};

const MemberTable<SortKey> k_score_sort{"sort by `_score`", "_score", k_object_dialect,
                                        {{"order", k_text, into<&SortKey::descending, read_order>}}};

const MemberTable<SortKey>& table_of(const SortKey& key) {
  return key.kind == SortKey::Kind::score      ? k_score_sort
         : key.kind == SortKey::Kind::field ? k_field_sort
                                            : k_document_sort;
}

void check_count(const std::vector<SortKey>& keys, const Limits& limits) {
  if (keys.size() <= limits.max_sort_keys) return;
  refuse(illegal_argument("[sort] may have [" + std::to_string(limits.max_sort_keys) +
                          "] keys; send fewer, or raise --elasticsearch-max-sort-keys"));
}

void read_keys(const JsonView& value, std::vector<SortKey>& keys, const Limits& limits) {
  if (value.is_scalar()) return keys.push_back(key_of(value.text()));
  if (!value.is_object()) {
    refuse(illegal_argument(
        "malformed sort format, within the sort array, an object, or an actual string are allowed"));
  }
  value.each_member([&](const JsonView& name, const JsonView& options) {
    SortKey key = key_of(name.text());
    if (options.is_object()) {
      table_of(key).read(options, key);
    } else {
      key.descending = is_descending(read_text(options, "order"));
    }
    keys.push_back(std::move(key));
    check_count(keys, limits);
  });
}

}  // namespace

std::vector<SortKey> parse_sort(const JsonView& value, const Limits& limits) {
  std::vector<SortKey> keys;
  value.each_or_self([&](const JsonView& item) {
    read_keys(item, keys, limits);
    check_count(keys, limits);
  });
  return keys;
}

std::vector<SortKey> parse_sort_parameter(std::string_view text, const Limits& limits) {
  std::vector<SortKey> keys;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view one = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t colon = one.rfind(':');
    SortKey key = key_of(one.substr(0, colon));
    if (colon != std::string_view::npos) {
      const std::string_view order = one.substr(colon + 1);
      if (order != "asc" && order != "desc") continue;  // as Elasticsearch: not an error, and no key
      key.descending = order == "desc";
    }
    keys.push_back(std::move(key));
    check_count(keys, limits);
  }
  return keys;
}

}  // namespace sightline::elastic
