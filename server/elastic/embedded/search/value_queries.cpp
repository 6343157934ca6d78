// Queries over numbers, dates and booleans, and whether a field exists.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/cancellation.h"
#include "server/elastic/embedded/date.h"
#include "server/elastic/embedded/document.h"
#include "server/elastic/embedded/search/query_runner.h"
#include "server/elastic/rest/decimal.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {
namespace {

double any_number(const Literal& value) {
  const auto number = value.kind == Literal::Kind::boolean ? std::nullopt : parse_double(value.text);
  if (!number) refuse_query("For input string: \"" + value.text + "\"");
  if (value.kind == Literal::Kind::number && value.text == "-0") return 0;  // an integer: it has no negative zero
  return *number;
}

/// Documents with at least one `wanted` value in a number column.
template <class Column, class Wanted>
DocSet with_values(const Column* column, std::size_t size, Wanted&& wanted) {
  DocSet docs(size);
  if (!column) return docs;
  column->documents().each([&](Doc doc) {
    const auto values = column->of(doc);
    if (std::any_of(values.begin(), values.end(), wanted)) docs.set(doc);
  });
  return docs;
}

template <class T>
using Ranges = std::vector<std::pair<T, T>>;  // with both ends

/// Documents with a value in one of `ranges`: one pass over the column for any number of them.
template <class Column, class T>
DocSet in_ranges(const Column* column, std::size_t size, Ranges<T> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return is_less(a.first, b.first); });
  Ranges<T> apart;  // those that overlap are one
  for (const auto& range : ranges) {
    if (apart.empty() || is_less(apart.back().second, range.first)) {
      apart.push_back(range);
    } else {
      apart.back().second = std::max(apart.back().second, range.second, is_less<T>);
    }
  }
  const auto ends_before = [](const auto& range, T value) { return is_less(range.second, value); };
  return with_values(column, size, [&](T value) {
    const auto range = std::lower_bound(apart.begin(), apart.end(), value, ends_before);
    return range != apart.end() && !is_less(value, range->first);
  });
}

/// Elasticsearch's default index.max_terms_count.
constexpr std::int64_t k_max_terms = 65'536;

void check_count(const ShardView& shard, const TermsQuery& query) {
  const std::int64_t most = shard.number_setting("index.max_terms_count", k_max_terms);
  if (static_cast<std::int64_t>(query.values.size()) <= most) return;
  refuse_query("[terms] of [" + query.field + "] has more than [" + std::to_string(most) +
               "] values, which the setting [index.max_terms_count] allows");
}

void need_values(const Field& field) {
  if (field.indexed || field.doc_values) return;
  refuse_query("Cannot search on field [" + field.path + "] since it is not indexed nor has doc values.");
}

/// A bound of a range in the type of a column.
template <class T>
struct Bound {
  T value;
  bool inclusive;
};

}  // namespace

WholeNumber whole_number(const Literal& value) {
  std::int64_t number = 0;
  const char* end = value.text.data() + value.text.size();
  const auto [stop, code] = std::from_chars(value.text.data(), end, number);
  if (code == std::errc() && stop == end) return {number, false, false};
  const double decimal = any_number(value);
  const double floor = std::floor(decimal);
  if (floor >= 0x1p63) return {std::numeric_limits<std::int64_t>::max(), false, true};
  if (floor < -0x1p63) return {std::numeric_limits<std::int64_t>::min(), false, true};
  return {static_cast<std::int64_t>(floor), floor != decimal, false};
}

WholeNumber whole_bound(FieldType type, const Literal& value) {
  const WholeNumber number = whole_number(value);
  // Elasticsearch searches bytes and shorts as integers.
  const auto [least, most] = range_of(type == FieldType::long_ ? type : FieldType::integer);
  if (number.beyond || number.floor < least || number.floor > most)
    refuse_query("Value [" + value.text + "] is out of range for " + to_string(type));
  return number;
}

double decimal_number(FieldType type, const Literal& value) {
  const double number = any_number(value);
  if (type == FieldType::float_) return static_cast<double>(static_cast<float>(number));
  return type == FieldType::half_float ? round_to_half(number) : number;
}

bool boolean_value(const Literal& value) {
  if (value.text == "true") return true;
  if (value.text == "false") return false;
  refuse_query("Can't parse boolean value [" + value.text + "], expected [true] or [false]");
}

std::int64_t date_value(const Field& field, const Literal& value, bool round_up) {
  const std::string_view given = field.format.empty() ? k_default_date_format : std::string_view(field.format);
  const std::string_view format = value.kind == Literal::Kind::number ? "epoch_millis" : given;
  if (const auto date = parse_date(value.text, format, round_up)) return *date;
  throw ShardRefused{"parse_exception",
                     "failed to parse date field [" + value.text + "] with format [" + std::string(format) + "]"};
}

DocSet QueryRunner::numbers_of(const Field& field, const std::vector<Literal>& values) const {
  need_values(field);
  Ranges<std::int64_t> wholes;
  Ranges<double> decimals;
  for (const Literal& value : values) {
    check_cancelled();
    if (is_decimal_number(field.type)) {
      const double number = decimal_number(field.type, value);
      decimals.emplace_back(number, number);
    } else if (field.type == FieldType::date) {
      wholes.emplace_back(date_value(field, value, false), date_value(field, value, true));
    } else if (field.type == FieldType::boolean) {
      const bool flag = boolean_value(value);
      wholes.emplace_back(flag, flag);
    } else if (!whole_number(value).fraction) {
      const std::int64_t number = whole_bound(field.type, value).floor;
      wholes.emplace_back(number, number);
    }
  }
  return is_decimal_number(field.type) ? in_ranges(memory_.doubles(field.path), memory_.size(), std::move(decimals))
                                       : in_ranges(memory_.integers(field.path), memory_.size(), std::move(wholes));
}

ScoredDocs QueryRunner::boolean_term(const Field& field, const Literal& value, float boost, bool scoring) const {
  ScoredDocs out = constant(numbers_of(field, {value}), boost);
  if (!scoring || !field.indexed) return out;
  // A boolean is a term like any other: its score depends on how rare it is.
  const IntegerColumn* column = memory_.integers(field.path);
  FieldStatistics statistics;
  memory_.live().for_each([&](Doc doc) {
    const auto values = column ? column->of(doc) : std::span<const std::int64_t>();
    if (values.empty()) return;
    ++statistics.documents;
    const bool both = std::find(values.begin(), values.end(), !values[0]) != values.end();
    statistics.tokens += both ? 2 : 1;
  });
  const std::size_t frequency = out.docs.count();
  if (frequency != 0) out.constant = Bm25Scorer(statistics, frequency, boost).score_without_length();
  return out;
}

ScoredDocs QueryRunner::value_term(const Field& field, const Literal& value, float boost, bool scoring) const {
  switch (field.type) {
    case FieldType::text:
      return text_term(field, value.text, boost, scoring);
    case FieldType::keyword:
      return keyword_term(field, value.text, boost, scoring);
    case FieldType::boolean:
      return boolean_term(field, value, boost, scoring);
    case FieldType::binary:
    case FieldType::dense_vector:
      refuse_query("Field [" + field.path + "] of type [" + to_string(field.type) + "] cannot be searched by value");
    case FieldType::object:
      return {nothing()};
    default:
      break;
  }
  if (is_whole_number(field.type)) {
    need_values(field);
    const WholeNumber number = whole_number(value);
    if (number.fraction || number.beyond) return {nothing()};
    const Ranges<std::int64_t> one{{number.floor, number.floor}};
    return constant(in_ranges(memory_.integers(field.path), memory_.size(), one), boost);
  }
  return constant(numbers_of(field, {value}), boost);
}

ScoredDocs QueryRunner::run(const TermsQuery& query, float boost, bool) const {
  check_count(shard_, query);
  if (query.values.empty()) return {nothing()};
  const FieldPtr field = shard_.mapping->find(query.field);
  if (!field) return without_field(query.field, query.values, boost);
  switch (field->type) {
    case FieldType::text:
    case FieldType::keyword:
      return constant(words_of(*field, query.values), boost);
    case FieldType::binary:
    case FieldType::object:
    case FieldType::dense_vector:
      return value_term(*field, query.values.front(), boost, false);
    default:
      return constant(numbers_of(*field, query.values), boost);
  }
}

template <class Column, class Read>
DocSet QueryRunner::between(const Field& field, const Column* column, const RangeQuery& query, const Read& read) const {
  need_values(field);
  std::optional<decltype(read(*query.lower, false))> lower, upper;
  if (query.lower) lower = read(*query.lower, false);
  if (query.upper) upper = read(*query.upper, true);
  return with_values(column, memory_.size(), [&](auto value) {
    return (!lower || is_less(lower->value, value) || (lower->inclusive && !is_less(value, lower->value))) &&
           (!upper || is_less(value, upper->value) || (upper->inclusive && !is_less(upper->value, value)));
  });
}

DocSet QueryRunner::date_range(const Field& field, const RangeQuery& query) const {
  const auto is_number = [](const auto& bound) { return bound && bound->value.kind == Literal::Kind::number; };
  const bool numbers = is_number(query.lower) || is_number(query.upper);  // milliseconds, both of them
  return between(field, memory_.integers(field.path), query, [&](const RangeBound& bound, bool upper) {
    const Literal value{numbers ? Literal::Kind::number : Literal::Kind::string, bound.value.text};
    // "greater than March" starts after March, and "up to March" ends with it: both round up.
    return Bound<std::int64_t>{date_value(field, value, upper == bound.inclusive), bound.inclusive};
  });
}

DocSet QueryRunner::in_range(const Field& field, const RangeQuery& query) const {
  if (is_decimal_number(field.type)) {
    // A bound between two half_floats lies between them.
    const FieldType type = field.type == FieldType::half_float ? FieldType::float_ : field.type;
    return between(field, memory_.doubles(field.path), query, [&](const RangeBound& bound, bool) {
      return Bound<double>{decimal_number(type, bound.value), bound.inclusive};
    });
  }
  if (is_whole_number(field.type)) {
    return between(field, memory_.integers(field.path), query, [&](const RangeBound& bound, bool upper) {
      const WholeNumber number = whole_bound(field.type, bound.value);
      return Bound<std::int64_t>{number.floor, number.fraction ? upper : bound.inclusive};
    });
  }
  if (field.type == FieldType::boolean) {
    return between(field, memory_.integers(field.path), query, [](const RangeBound& bound, bool) {
      return Bound<std::int64_t>{boolean_value(bound.value), bound.inclusive};
    });
  }
  if (field.type == FieldType::date) return date_range(field, query);
  if (field.type == FieldType::text || field.type == FieldType::keyword) return term_range(field, query);
  refuse_query("Field [" + query.field + "] of type [" + to_string(field.type) + "] does not support range queries");
}

ScoredDocs QueryRunner::run(const RangeQuery& query, float boost, bool) const {
  const FieldPtr field = shard_.mapping->find(query.field);
  return field ? constant(in_range(*field, query), boost) : ScoredDocs{nothing()};
}

DocSet QueryRunner::existing(const Field& field) const {
  DocSet docs = nothing();
  // Elasticsearch does not find such values either, except vectors, which it always stores.
  if (!field.indexed && !field.doc_values && field.type != FieldType::dense_vector) return docs;
  const auto add = [&](Doc doc) { docs.set(doc); };
  if (const auto* text = memory_.text(field.path)) text->documents().each(add);
  if (const auto* keyword = memory_.keyword(field.path)) keyword->documents().each(add);
  if (const auto* integers = memory_.integers(field.path)) integers->documents().each(add);
  if (const auto* doubles = memory_.doubles(field.path)) doubles->documents().each(add);
  if (const auto* vectors = memory_.vectors(field.path))
    std::for_each(vectors->documents().begin(), vectors->documents().end(), add);
  return docs;
}

ScoredDocs QueryRunner::run(const ExistsQuery& query, float boost, bool) const {
  DocSet docs = nothing();
  std::vector<FieldPtr> fields = shard_.expand(query.field);
  if (fields.empty()) fields = shard_.expand(query.field + ".*");  // an object exists if anything in it does
  shard_.count_clauses(fields.size());
  for (const FieldPtr& field : fields) {
    check_cancelled();
    docs |= existing(*field);
  }
  if (query.field == "_id" || query.field == "_index") docs = memory_.live();
  return constant(std::move(docs), boost);
}

}  // namespace sightline::elastic
