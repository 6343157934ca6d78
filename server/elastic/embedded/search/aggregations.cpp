#include "server/elastic/embedded/search/aggregations.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <variant>

#include "base/cancellation.h"
#include "base/json/builder.h"
#include "server/elastic/embedded/date.h"
#include "server/elastic/rest/decimal.h"
#include "server/elastic/rest/document_id.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the tables below are made of its words

using Kind = Aggregation::Kind;

constexpr std::size_t k_collected_per_bucket = 16;

void read_size(const JsonView& key, const JsonView& value, Aggregation& out) {
  const std::int64_t size = read_integer(value, key.text());
  if (size < 1) refuse(illegal_argument("[size] must be greater than 0, found [" + std::to_string(size) + "]"));
  out.size = static_cast<int>(std::min<std::int64_t>(size, std::numeric_limits<int>::max()));
}

using Rows = std::vector<Member<Aggregation>>;

const Rows k_field{{"field", k_text, into<&Aggregation::field, read_text>}};
const MemberTable<Aggregation> k_terms{
    "aggregation `terms`", "terms", k_content_error, {k_field, {{"size", k_numbers, read_size}}}};
const MemberTable<Aggregation> k_metric{
    "aggregations `stats`, `avg`, `min`, `max`, `sum`, `value_count`", "aggregation", k_content_error, {k_field}};

template <Kind K>
void read_kind(const JsonView&, const JsonView& body, Aggregation& out) {
  out.kind = K;
  (K == Kind::terms ? k_terms : k_metric).read(body, out);
  if (out.field.empty()) refuse(illegal_argument("the aggregation [" + out.name + "] names no [field]"));
  refuse_metadata_field(out.field, "aggregations");
}

const MemberTable<Aggregation> k_kinds{"aggregation",
                                       "aggregation",
                                       k_parsing_error,
                                       {{"terms", k_object, read_kind<Kind::terms>},
                                        {"stats", k_object, read_kind<Kind::stats>},
                                        {"avg", k_object, read_kind<Kind::avg>},
                                        {"min", k_object, read_kind<Kind::min>},
                                        {"max", k_object, read_kind<Kind::max>},
                                        {"sum", k_object, read_kind<Kind::sum>},
                                        {"value_count", k_object, read_kind<Kind::value_count>}}};

Aggregation read_aggregation(const JsonView& key, const JsonView& value) {
  Aggregation out;
  out.name = key.text();
  if (!value.is_object() || value.size() != 1)
    refuse(parsing_exception(value, "the aggregation [" + out.name + "] must be an object of one kind"));
  k_kinds.read(value, out);
  return out;
}

/// A value of a field. Words and numbers are never compared in one aggregation, because fields with one name have one
/// kind here.
struct Value : std::variant<std::int64_t, double, std::string_view> {
  using variant::variant;
  friend bool operator<(const Value& a, const Value& b) {
    const auto *x = std::get_if<double>(&a), *y = std::get_if<double>(&b);
    return x && y ? is_less(*x, *y) : static_cast<const variant&>(a) < static_cast<const variant&>(b);
  }
};

/// Calls `visit(values)` for each hit, with its values of the aggregation's field: each word once, like doc values.
template <class Visit>
void each_hit(const AggregatedShard& one, const Field& field, const Visit& visit) {
  const MemoryIndex& memory = one.shard->memory();
  const auto* words = memory.keyword(field.path);
  const auto* integers = memory.integers(field.path);
  const auto* doubles = memory.doubles(field.path);
  std::vector<Value> values;
  one.docs->for_each([&](Doc doc) {
    check_cancelled();
    values.clear();
    if (words) {
      const auto terms = words->of(doc);
      for (const auto term : std::set(terms.begin(), terms.end()))
        values.emplace_back(std::string_view(words->text(term)));
    } else if (integers) {
      values.assign(integers->of(doc).begin(), integers->of(doc).end());
    } else if (doubles) {
      values.assign(doubles->of(doc).begin(), doubles->of(doc).end());
    }
    visit(values);
  });
}

std::string figures_json(const Aggregation& aggregation, const std::vector<AggregatedShard>& shards) {
  std::size_t count = 0;
  double sum = 0, lost = 0, min = std::numeric_limits<double>::infinity(), max = -min;
  for (const AggregatedShard& one : shards) {
    const FieldPtr field = one.shard->mapping->find(aggregation.field);
    if (!field) continue;
    each_hit(one, *field, [&](const std::vector<Value>& values) {
      count += values.size();
      for (const Value& value : values) {
        if (std::holds_alternative<std::string_view>(value)) continue;  // words only count
        const auto* whole = std::get_if<std::int64_t>(&value);
        const double number = whole ? static_cast<double>(*whole) : std::get<double>(value);
        const double corrected = number + lost, next = sum + corrected;  // Kahan's sum, as in Elasticsearch
        lost = std::isfinite(next) ? corrected - (next - sum) : 0;
        sum = next;
        min = std::min(min, number, is_less<double>);
        max = std::max(max, number, is_less<double>);
      }
    });
  }
  const auto text = [](bool known, double value) {
    std::string out;
    known ? append_decimal(out, value) : void(out = "null");
    return out;
  };
  const std::string lowest = text(count != 0, min), highest = text(count != 0, max), total = text(true, sum),
                    mean = text(count != 0, sum / static_cast<double>(count));
  json::Builder out;
  out.object();
  if (aggregation.kind == Kind::stats) {
    out.member("count", count).member("min", json::Raw{lowest}).member("max", json::Raw{highest});
    return out.member("avg", json::Raw{mean}).member("sum", json::Raw{total}).text();
  }
  if (aggregation.kind == Kind::value_count) return out.member("value", count).text();
  return out
      .member("value", json::Raw{aggregation.kind == Kind::min   ? lowest
                                 : aggregation.kind == Kind::max ? highest
                                 : aggregation.kind == Kind::avg ? mean
                                                                 : total})
      .text();
}

/// True if the field has decimals in an index: then all its numbers are compared as such.
bool any_decimals(const Aggregation& aggregation, const std::vector<AggregatedShard>& shards) {
  return std::any_of(shards.begin(), shards.end(), [&](const AggregatedShard& one) {
    const FieldPtr field = one.shard->mapping->find(aggregation.field);
    return field && is_decimal_number(field->type);
  });
}

struct Bucket {
  std::size_t count = 0;
  FieldPtr field = nullptr;
};

/// How many more buckets an answer may have, and how many may be collected to choose the largest of.
struct Room {
  std::size_t shown, collected;
};

[[noreturn]] void refuse_buckets(const Limits& limits) {
  refuse({400, "too_many_buckets_exception",
          "an answer may have [" + std::to_string(limits.max_buckets) + "] buckets, chosen from [" +
              std::to_string(limits.max_buckets * k_collected_per_bucket) +
              "]; request fewer, or raise --elasticsearch-max-buckets"});
}

std::map<Value, Bucket> buckets_of(const Aggregation& aggregation, const std::vector<AggregatedShard>& shards,
                                   Room& room, const Limits& limits) {
  std::map<Value, Bucket> buckets;
  const bool decimals = any_decimals(aggregation, shards);
  for (const AggregatedShard& one : shards) {
    check_cancelled();
    const FieldPtr field = one.shard->mapping->find(aggregation.field);
    if (!field) continue;
    const bool widened = decimals && is_whole_number(field->type);
    std::set<Value> keys;  // each value counts once per document
    each_hit(one, *field, [&](const std::vector<Value>& values) {
      keys.clear();
      for (const Value& value : values)
        keys.insert(widened ? Value(static_cast<double>(std::get<std::int64_t>(value))) : value);
      for (const Value& key : keys) {
        Bucket& bucket = buckets[key];
        if (++bucket.count == 1 && room.collected-- == 0) refuse_buckets(limits);
        if (!bucket.field) bucket.field = field;
      }
    });
  }
  return buckets;
}

std::string bucket_json(const Value& key, const Bucket& bucket) {
  json::Builder out;
  out.object();
  if (const auto* word = std::get_if<std::string_view>(&key)) {
    out.member("key", *word);
  } else if (const auto* number = std::get_if<double>(&key)) {
    out.member("key", [&](std::string& text) { append_decimal(text, *number); });
  } else {
    const std::int64_t value = std::get<std::int64_t>(key);
    out.member("key", value);
    if (bucket.field->type == FieldType::boolean) out.member("key_as_string", value != 0 ? "true" : "false");
    if (bucket.field->type == FieldType::date) out.member("key_as_string", format_date(value, bucket.field->format));
  }
  return out.member("doc_count", bucket.count).text();
}

std::string terms_json(const Aggregation& aggregation, const std::vector<AggregatedShard>& shards, Room& room,
                       const Limits& limits) {
  const auto all = buckets_of(aggregation, shards, room, limits);
  std::vector<std::pair<Value, Bucket>> buckets(all.begin(), all.end());
  std::size_t others = 0;
  const std::size_t shown = std::min(buckets.size(), static_cast<std::size_t>(aggregation.size));
  if (shown > room.shown) refuse_buckets(limits);
  room.shown -= shown;
  std::stable_sort(buckets.begin(), buckets.end(),
                   [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
  std::string list;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    check_answer_size(list, limits);
    if (i >= shown) {
      others += buckets[i].second.count;
      continue;
    }
    list += (i == 0 ? "" : ",") + bucket_json(buckets[i].first, buckets[i].second);
  }
  json::Builder out;
  out.object().member("doc_count_error_upper_bound", 0).member("sum_other_doc_count", others);
  return out.array("buckets").list(list).text();
}

const char* name_of(Kind kind) {
  static constexpr const char* k_names[] = {"terms", "stats", "avg", "min", "max", "sum", "value_count"};
  return k_names[static_cast<int>(kind)];
}

/// The text before the `#` of a typed key. For buckets it is the type of their keys.
std::string type_of(const Aggregation& aggregation, const std::vector<AggregatedShard>& shards) {
  if (aggregation.kind != Kind::terms) return name_of(aggregation.kind);
  for (const AggregatedShard& one : shards) {
    const FieldPtr field = one.shard->mapping->find(aggregation.field);
    if (!field) continue;
    if (field->type == FieldType::keyword) return "sterms";
    return any_decimals(aggregation, shards) ? "dterms" : "lterms";
  }
  return "sterms";
}

}  // namespace

std::vector<Aggregation> parse_aggregations(const JsonView& value, const Limits& limits) {
  std::vector<Aggregation> aggregations;
  check_limit("aggregations", value.size(), limits.max_aggregations, "--elasticsearch-max-aggregations");
  value.each_member(
      [&](const JsonView& key, const JsonView& body) { aggregations.push_back(read_aggregation(key, body)); });
  return aggregations;
}

void check_aggregations(const std::vector<Aggregation>& aggregations, const ShardView& shard) {
  for (const Aggregation& aggregation : aggregations) {
    const FieldPtr field = shard.mapping->find(aggregation.field);
    if (!field) continue;
    refuse_without_values(shard, *field);
    const bool counts = aggregation.kind == Kind::terms || aggregation.kind == Kind::value_count;
    if (counts || is_number(field->type)) continue;
    refuse_shard("aggregation [" + std::string(name_of(aggregation.kind)) + "] of a field of type [" +
                 to_string(field->type) + "] is not supported by " + std::string(rest::k_store_name));
  }
}

std::string aggregations_json(const std::vector<Aggregation>& aggregations, const std::vector<AggregatedShard>& shards,
                              bool typed_keys, const Limits& limits) {
  Room room{limits.max_buckets, limits.max_buckets * k_collected_per_bucket};
  std::string members;
  for (const Aggregation& aggregation : aggregations) {
    json::Builder one;
    one.member(typed_keys ? type_of(aggregation, shards) + "#" + aggregation.name : aggregation.name,
               json::Raw{aggregation.kind == Kind::terms ? terms_json(aggregation, shards, room, limits)
                                                         : figures_json(aggregation, shards)});
    members += (members.empty() ? "" : ",") + one.text();
    check_answer_size(members, limits);
  }
  return "{" + members + "}";
}

}  // namespace sightline::elastic
