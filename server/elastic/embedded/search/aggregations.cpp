#include "server/elastic/embedded/search/aggregations.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>
#include <variant>

#include "base/cancellation.h"
#include "server/elastic/embedded/answer_size.h"
#include "server/elastic/embedded/date.h"
#include "server/elastic/embedded/search/search_errors.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the tables below are made of its words

using Kind = Aggregation::Kind;

/// The field of every document that holds its index's name.
constexpr std::string_view k_index_field = "_index";

// The members of an aggregation

void read_size(const JsonView& key, const JsonView& value, Aggregation& out) {
  const std::int64_t size = read_integer(value, key.text());
  if (size < 1) {
    refuse(illegal_argument("[size] must be greater than 0. Found [" + std::to_string(size) + "] in [" +
                            out.name + "]"));
  }
  out.size = static_cast<int>(std::min<std::int64_t>(size, std::numeric_limits<int>::max()));
}

void read_least_count(const JsonView& key, const JsonView& value, Aggregation& out) {
  const std::int64_t least = read_integer(value, key.text());
  if (least < 0) refuse(illegal_argument("[min_doc_count] must be greater than or equal to 0."));
  if (least == 0) refuse(not_supported("[min_doc_count: 0]"));
  out.min_doc_count = static_cast<std::size_t>(least);
}

void check_positive(const JsonView& value, std::string_view name) {
  if (read_integer(value, name) < 1)
    refuse(illegal_argument("[" + std::string(name) + "] must be greater than 0"));
}

void check_collect_mode(const JsonView& value, std::string_view name) {
  const std::string mode = read_text(value, name);
  if (mode != "breadth_first" && mode != "depth_first")
    refuse(illegal_argument("no [" + mode + "] collect mode"));
}

using Rows = std::vector<Member<Aggregation>>;

Rows field_rows() {
  return {{"field", k_text, into<&Aggregation::field, read_text>},
          refused("missing", k_scalars),
          refused("script", k_text | k_object),
          refused("format", k_text),
          refused("value_type", k_text)};
}

const MemberTable<Aggregation> k_terms{
    "aggregation `terms`", "terms", k_object_dialect,
    {field_rows(),
     {{"size", k_numbers, read_size},
      {"min_doc_count", k_numbers, read_least_count, "1 or more"},
      no_effect("shard_size", k_numbers, check_positive, "counts here are always exact"),
      only_some("shard_min_doc_count", k_numbers, only_zero, "0"),
      only_some("show_term_doc_count_error", k_flags, only_false, "`false`"),
      no_effect("collect_mode", k_text, check_collect_mode, "there are no sub-aggregations"),
      refused("execution_hint", k_text),
      refused("order", k_object | k_array),
      refused("include", k_text | k_array | k_object),
      refused("exclude", k_text | k_array)}}};
const MemberTable<Aggregation> k_metric{"aggregations `stats`, `avg`, `min`, `max`, `sum`, `value_count`",
                                        "aggregation", k_object_dialect, {field_rows()}};

template <Kind K>
void read_kind(const JsonView&, const JsonView& body, Aggregation& out) {
  out.kind = K;
  (K == Kind::terms ? k_terms : k_metric).read(body, out);
  if (out.field.empty())
    refuse(illegal_argument("Required one of fields [field, script], but none were specified."));
}

ElasticError unknown_kind(const MemberTableBase& table, const JsonView& key, const JsonView& body) {
  const std::string name(key.text());
  ElasticError error =
      parsing_exception(body, "Unknown aggregation type [" + name + "]" + did_you_mean(name, table.names()));
  error.cause_type = "named_object_not_found_exception";
  error.cause_reason = position_text(body) + " unknown field [" + name + "]";
  return error;
}

/// Aggregations that Elasticsearch knows and this store does not run.
Rows foreign_kinds() {
  Rows rows;
  for (const char* name :
       {"adjacency_matrix", "auto_date_histogram", "boxplot", "cardinality", "categorize_text", "children",
        "composite", "date_histogram", "date_range", "diversified_sampler", "extended_stats", "filter", "filters",
        "frequent_item_sets", "geo_bounds", "geo_centroid", "geo_distance", "geohash_grid", "geotile_grid",
        "global", "histogram", "ip_prefix", "ip_range", "matrix_stats", "median_absolute_deviation", "missing",
        "multi_terms", "nested", "parent", "percentile_ranks", "percentiles", "random_sampler", "range",
        "rare_terms", "rate", "reverse_nested", "sampler", "scripted_metric", "significant_terms",
        "significant_text", "string_stats", "time_series", "top_hits", "top_metrics",
        "variable_width_histogram", "weighted_avg"}) {
    rows.emplace_back(
        refused(name, k_object, "it has terms, stats, avg, min, max, sum and value_count"));
  }
  return rows;
}

const Dialect k_kind_dialect{unknown_kind, unknown_kind};
const MemberTable<Aggregation> k_kinds{
    "aggregation", "aggregation", k_kind_dialect,
    {{{"terms", k_object, read_kind<Kind::terms>},
      {"stats", k_object, read_kind<Kind::stats>},
      {"avg", k_object, read_kind<Kind::avg>},
      {"min", k_object, read_kind<Kind::min>},
      {"max", k_object, read_kind<Kind::max>},
      {"sum", k_object, read_kind<Kind::sum>},
      {"value_count", k_object, read_kind<Kind::value_count>},
      {"meta", k_object,
       [](const JsonView&, const JsonView& value, Aggregation& out) { out.meta = value.raw(); }},
      refused("aggs", k_object, "sub-aggregations are not run"),
      refused("aggregations", k_object, "sub-aggregations are not run")},
     foreign_kinds()}};

Aggregation read_aggregation(const JsonView& key, const JsonView& value) {
  Aggregation out;
  out.name = key.text();
  if (!value.is_object()) {
    refuse(parsing_exception(value, "Aggregation definition for [" + out.name + " starts with a [" +
                                        token_name(value) + "], expected a [START_OBJECT]."));
  }
  std::string kind;
  value.each_member([&](const JsonView& type, const JsonView& body) {
    const bool nested = type.text() == "aggs" || type.text() == "aggregations";
    if (type.text() != "meta" && !nested) {
      if (!kind.empty()) {
        refuse(parsing_exception(type, "Found two aggregation type definitions in [" + out.name + "]: [" +
                                           kind + "] and [" + std::string(type.text()) + "]"));
      }
      kind = type.text();
    }
    if (!body.is_object()) {
      refuse(parsing_exception(body, "Expected [START_OBJECT] under [" + std::string(type.text()) +
                                         "], but got a [" + token_name(body) + "] in [" + out.name + "]"));
    }
    k_kinds.read_member(type, body, out);
  });
  if (kind.empty()) refuse(parsing_exception(value, "Missing definition for aggregation [" + out.name + "]"));
  return out;
}

/// Numbers and words of a document's field, each value once.
template <class Visit>
void each_number(const ShardView& shard, const Field& field, Doc doc, Visit&& visit) {
  if (const auto* integers = shard.memory().integers(field.path)) {
    for (const std::int64_t value : integers->of(doc)) visit(static_cast<double>(value));
  } else if (const auto* doubles = shard.memory().doubles(field.path)) {
    for (const double value : doubles->of(doc)) visit(value);
  }
}

struct Figures {
  std::size_t count = 0;
  double sum = 0, min = std::numeric_limits<double>::infinity(), max = -min;
};

Figures figures_of(const Aggregation& aggregation, const std::vector<AggregatedShard>& shards) {
  Figures figures;
  for (const AggregatedShard& one : shards) {
    if (aggregation.field == k_index_field) {
      figures.count += one.docs->count();
      continue;
    }
    const FieldPtr field = one.shard->mapping->find(aggregation.field);
    if (!field) continue;
    const KeywordColumn* keywords = one.shard->memory().keyword(field->path);
    one.docs->for_each([&](Doc doc) {
      check_cancelled();
      if (keywords) figures.count += keywords->of(doc).size();
      each_number(*one.shard, *field, doc, [&](double value) {
        ++figures.count;
        figures.sum += value;
        figures.min = std::min(figures.min, value);
        figures.max = std::max(figures.max, value);
      });
    });
  }
  return figures;
}

void append_or_null(std::string& out, const char* key, bool known, double value) {
  out += std::string("\"") + key + "\":";
  known ? append_decimal(out, value) : void(out += "null");
}

std::string figures_json(const Aggregation& aggregation, const Figures& figures) {
  const bool any = figures.count != 0;
  const double mean = figures.sum / static_cast<double>(figures.count);
  std::string out = "{";
  switch (aggregation.kind) {
    case Kind::stats:
      out += "\"count\":" + std::to_string(figures.count) + ",";
      append_or_null(out, "min", any, figures.min);
      append_or_null(out += ",", "max", any, figures.max);
      append_or_null(out += ",", "avg", any, mean);
      append_or_null(out += ",", "sum", true, figures.sum);
      break;
    case Kind::avg:
      append_or_null(out, "value", any, mean);
      break;
    case Kind::min:
      append_or_null(out, "value", any, figures.min);
      break;
    case Kind::max:
      append_or_null(out, "value", any, figures.max);
      break;
    case Kind::sum:
      append_or_null(out, "value", true, figures.sum);
      break;
    case Kind::value_count:
      out += "\"value\":" + std::to_string(figures.count);
      break;
    case Kind::terms:
      break;
  }
  return out + "}";
}

/// A bucket's key: words before numbers never meet, as fields of one name have one kind here.
using BucketKey = std::variant<std::int64_t, double, std::string_view>;
struct Bucket {
  std::size_t count = 0;
  const Field* field = nullptr;
};

std::map<BucketKey, Bucket> buckets_of(const Aggregation& aggregation,
                                       const std::vector<AggregatedShard>& shards,
                                       std::vector<FieldPtr>& held) {
  std::map<BucketKey, Bucket> buckets;
  for (const AggregatedShard& one : shards) {
    if (aggregation.field == k_index_field) {
      const std::size_t count = one.docs->count();
      if (count != 0) buckets[std::string_view(one.shard->index->name())].count += count;
      continue;
    }
    const FieldPtr field = one.shard->mapping->find(aggregation.field);
    if (!field) continue;
    held.push_back(field);
    const MemoryIndex& memory = one.shard->memory();
    const auto* words = memory.keyword(field->path);
    const auto* integers = memory.integers(field->path);
    const auto* doubles = memory.doubles(field->path);
    std::set<BucketKey> keys;
    one.docs->for_each([&](Doc doc) {
      check_cancelled();
      keys.clear();
      if (words) {
        for (const auto term : words->of(doc)) keys.insert(std::string_view(words->text(term)));
      } else if (integers) {
        for (const auto value : integers->of(doc)) keys.insert(value);
      } else if (doubles) {
        for (const auto value : doubles->of(doc)) keys.insert(value);
      }
      for (const BucketKey& key : keys) {
        Bucket& bucket = buckets[key];
        ++bucket.count;
        bucket.field = field.get();
      }
    });
  }
  return buckets;
}

void append_bucket(std::string& out, const BucketKey& key, const Bucket& bucket) {
  out += "{\"key\":";
  if (const auto* word = std::get_if<std::string_view>(&key)) {
    rest::append_json_string(out, *word);
  } else if (const auto* number = std::get_if<double>(&key)) {
    append_decimal(out, *number);
  } else {
    const std::int64_t value = std::get<std::int64_t>(key);
    out += std::to_string(value);
    if (bucket.field->type == FieldType::boolean)
      out += value != 0 ? ",\"key_as_string\":\"true\"" : ",\"key_as_string\":\"false\"";
    if (bucket.field->type == FieldType::date) {
      out += ",\"key_as_string\":";
      rest::append_json_string(out, format_date(value, bucket.field->format));
    }
  }
  out += ",\"doc_count\":" + std::to_string(bucket.count) + "}";
}

/// `room`: buckets that the answer may still have.
std::string terms_json(const Aggregation& aggregation, const std::vector<AggregatedShard>& shards,
                       std::size_t& room, const Limits& limits) {
  std::vector<FieldPtr> held;
  const auto all = buckets_of(aggregation, shards, held);
  std::vector<std::pair<BucketKey, Bucket>> buckets;
  std::size_t others = 0;
  for (const auto& [key, bucket] : all) {
    if (bucket.count >= aggregation.min_doc_count) buckets.emplace_back(key, bucket);
  }
  const std::size_t shown = std::min(buckets.size(), static_cast<std::size_t>(aggregation.size));
  if (shown > room) throw TooManyBuckets{};
  room -= shown;
  std::stable_sort(buckets.begin(), buckets.end(),
                   [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
  std::string list;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    check_answer_size(list, limits);
    if (i >= shown) {
      others += buckets[i].second.count;
      continue;
    }
    if (i != 0) list += ',';
    append_bucket(list, buckets[i].first, buckets[i].second);
  }
  return "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":" + std::to_string(others) +
         ",\"buckets\":[" + list + "]}";
}

std::string body_json(const Aggregation& aggregation, const std::vector<AggregatedShard>& shards,
                      std::size_t& room, const Limits& limits) {
  std::string out = aggregation.kind == Kind::terms
                        ? terms_json(aggregation, shards, room, limits)
                        : figures_json(aggregation, figures_of(aggregation, shards));
  if (!aggregation.meta.empty()) out.insert(1, "\"meta\":" + aggregation.meta + ",");
  return out;
}

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::terms:
      return "terms";
    case Kind::stats:
      return "stats";
    case Kind::avg:
      return "avg";
    case Kind::min:
      return "min";
    case Kind::max:
      return "max";
    case Kind::sum:
      return "sum";
    case Kind::value_count:
      return "value_count";
  }
  return "";
}

/// What Elasticsearch puts before the `#` of a typed key; buckets are named by the kind of their keys.
std::string type_of(const Aggregation& aggregation, const std::vector<AggregatedShard>& shards) {
  if (aggregation.kind != Kind::terms) return name_of(aggregation.kind);
  for (const AggregatedShard& one : shards) {
    const FieldPtr field = one.shard->mapping->find(aggregation.field);
    if (!field) continue;
    switch (field->type) {
      case FieldType::keyword:
        return "sterms";
      case FieldType::double_:
      case FieldType::float_:
      case FieldType::half_float:
        return "dterms";
      default:
        return "lterms";
    }
  }
  return "sterms";
}

/// Fields that documents have without a mapping. They cannot be aggregated, but for the index's name.
void check_metadata_field(const Aggregation& aggregation) {
  const std::string& name = aggregation.field;
  if (name == k_index_field) {
    if (aggregation.kind == Kind::terms || aggregation.kind == Kind::value_count) return;
    refuse_shard("Field [_index] of type [_index] is not supported for aggregation [" +
                 std::string(name_of(aggregation.kind)) + "]");
  }
  if (name == "_id") {
    refuse_shard(
        "Fielddata access on the _id field is disallowed, you can re-enable it by updating the "
        "dynamic cluster setting: indices.id_field_data.enabled");
  }
  for (const char* without_values : {"_doc_count", "_field_names", "_nested_path", "_routing", "_source"}) {
    if (name == without_values)
      refuse_shard("Fielddata is not supported on field [" + name + "] of type [" + name + "]");
  }
  for (const char* foreign : {"_ignored", "_ignored_source", "_seq_no", "_tier", "_version"}) {
    if (name == foreign)
      refuse_shard(not_supported("an aggregation over the field [" + name + "]").reason);
  }
}

}  // namespace

std::vector<Aggregation> parse_aggregations(const JsonView& value, const Limits& limits) {
  std::vector<Aggregation> aggregations;
  if (value.size() > limits.max_aggregations) {
    refuse(illegal_argument("a search may have [" + std::to_string(limits.max_aggregations) +
                            "] aggregations but has [" + std::to_string(value.size()) +
                            "]; send fewer, or raise --elasticsearch-max-aggregations"));
  }
  value.each_member([&](const JsonView& key, const JsonView& body) {
    aggregations.push_back(read_aggregation(key, body));
  });
  return aggregations;
}

void check_aggregations(const std::vector<Aggregation>& aggregations, const ShardView& shard) {
  for (const Aggregation& aggregation : aggregations) {
    check_metadata_field(aggregation);
    const FieldPtr field = shard.mapping->find(aggregation.field);
    if (!field) continue;
    refuse_without_values(shard, *field);
    const bool counts = aggregation.kind == Kind::terms || aggregation.kind == Kind::value_count;
    if (counts || is_number(field->type)) continue;
    if (field->type == FieldType::keyword) {
      refuse_shard("Field [" + field->path + "] of type [keyword] is not supported for aggregation [" +
                   name_of(aggregation.kind) + "]");
    }
    refuse_shard(not_supported("aggregation [" + std::string(name_of(aggregation.kind)) +
                               "] over a field of type [" + to_string(field->type) + "]")
                     .reason);
  }
}

std::string aggregations_json(const std::vector<Aggregation>& aggregations,
                              const std::vector<AggregatedShard>& shards, bool typed_keys,
                              const Limits& limits) {
  std::size_t room = limits.max_buckets;
  std::string out = "{";
  for (const Aggregation& aggregation : aggregations) {
    if (out.size() > 1) out += ',';
    rest::append_json_string(
        out, typed_keys ? type_of(aggregation, shards) + "#" + aggregation.name : aggregation.name);
    out += ':' + body_json(aggregation, shards, room, limits);
    check_answer_size(out, limits);
  }
  return out + "}";
}

}  // namespace sightline::elastic
