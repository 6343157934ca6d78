#include "server/elastic/embedded/search/sort_parser.h"

#include <algorithm>

#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the table below is made of its words

SortKey key_of(std::string_view name) {
  SortKey key;
  key.field = name;
  if (name == "_score") key.kind = SortKey::Kind::score;
  if (name == "_doc") key.kind = SortKey::Kind::document;
  if (name == "_shard_doc") key.kind = SortKey::Kind::shard_document;
  key.descending = key.kind == SortKey::Kind::score;
  return key;
}

bool read_order(const JsonView& value, std::string_view name) {
  const std::string order = read_text(value, name);
  if (order != "asc" && order != "desc")
    refuse(illegal_argument("the order of a sort must be [asc] or [desc], found [" + shortened(order) + "]"));
  return order == "desc";
}

bool read_missing(const JsonView& value, std::string_view name) {
  const std::string text = read_text(value, name);
  if (text != "_first" && text != "_last")
    refuse(illegal_argument("[missing] must be [_first] or [_last], found [" + shortened(text) + "]"));
  return text == "_first";
}

bool read_unmapped(const JsonView&, std::string_view) {
  return true;
}

const MemberTable<SortKey> k_sort{"sort", "field_sort", k_content_error,
                                  {{"order", k_text, into<&SortKey::descending, read_order>},
                                   {"missing", k_text, into<&SortKey::missing_first, read_missing>,
                                    "`_first` or `_last`"},
                                   {"unmapped_type", k_text, into<&SortKey::may_be_unmapped, read_unmapped>}}};

void add_key(std::vector<SortKey>& keys, SortKey key, const Limits& limits) {
  keys.push_back(std::move(key));
  if (keys.size() <= limits.max_sort_keys) return;
  refuse(illegal_argument("[sort] may have [" + std::to_string(limits.max_sort_keys) +
                          "] keys; send fewer, or raise --elasticsearch-max-sort-keys"));
}

}  // namespace

std::vector<SortKey> parse_sort(const JsonView& value, const Limits& limits) {
  std::vector<SortKey> keys;
  value.each_or_self([&](const JsonView& item) {
    if (item.is_string()) return add_key(keys, key_of(item.text()), limits);
    if (!item.is_object()) refuse(illegal_argument("[sort] must hold names of fields and objects"));
    item.each_member([&](const JsonView& name, const JsonView& options) {
      SortKey key = key_of(name.text());
      options.is_object() ? k_sort.read(options, key) : void(key.descending = read_order(options, "order"));
      add_key(keys, std::move(key), limits);
    });
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
      if (order != "asc" && order != "desc")
        refuse(illegal_argument("[sort] must hold names with [:asc] or [:desc], found [" + shortened(one) + "]"));
      key.descending = order == "desc";
    }
    add_key(keys, std::move(key), limits);
  }
  return keys;
}

}  // namespace sightline::elastic
