#include "server/elastic/embedded/search/hit_sorter.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/cancellation.h"
#include "server/elastic/embedded/document.h"
#include "server/elastic/embedded/search/query_runner.h"
#include "server/elastic/rest/decimal.h"
#include "server/elastic/rest/json_view.h"

namespace sightline::elastic {
namespace {

double as_double(const SortValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return 0;
}

/// Bits for the position of a document in its index. With the number of the index above them, positions fit the numbers
/// of every client's JSON.
constexpr int k_place_bits = 40;

/// Negative if `a` sorts before `b` by that key, positive if after, zero if equal.
int order_of(const SortKey& key, const SortValue& a, const SortValue& b) {
  const bool a_missing = a.index() == 0, b_missing = b.index() == 0;
  if (a_missing || b_missing) {
    if (a_missing == b_missing) return 0;
    return a_missing == key.missing_first ? -1 : 1;
  }
  int order = 0;
  if (a.index() == b.index() && !std::holds_alternative<double>(a)) {
    order = a < b ? -1 : b < a ? 1 : 0;
  } else {
    // Indices may have different types for a field: numbers compare as numbers, and come before words.
    const bool a_word = std::holds_alternative<std::string_view>(a),
               b_word = std::holds_alternative<std::string_view>(b);
    const double x = as_double(a), y = as_double(b);
    order = a_word != b_word ? (b_word ? -1 : 1) : is_less(x, y) ? -1 : is_less(y, x) ? 1 : 0;
  }
  return key.descending ? -order : order;
}

int order_of(const std::vector<SortKey>& sort, const std::vector<SortValue>& a, const std::vector<SortValue>& b) {
  // search_after may omit the key that only breaks ties.
  for (std::size_t i = 0; i < std::min(sort.size(), b.size()); ++i) {
    if (const int order = order_of(sort[i], a[i], b[i]); order != 0) return order;
  }
  return 0;
}

/// The source of the values of one sort key in one index.
class KeySource {
 public:
  KeySource(const ShardView& shard, std::size_t shard_number, const SortKey& key)
      : shard_(shard), shard_number_(shard_number), key_(key) {
    if (key.kind != SortKey::Kind::field) return;
    const FieldPtr field = shard.mapping->find(key.field);
    if (!field) {
      if (!key.unmapped_type) refuse_query("No mapping found for [" + key.field + "] in order to sort on");
    } else {
      refuse_without_values(shard, *field);
      const MemoryIndex& memory = shard.memory();
      keywords_ = memory.keyword(field->path);
      integers_ = memory.integers(field->path);
      doubles_ = memory.doubles(field->path);
    }
    // A missing number is the greatest or the least value, so that it sorts last (or first). A missing word is no
    // value.
    const bool greatest = key.missing_first == key.descending;
    const FieldType type = field ? field->type : *key.unmapped_type;
    if (is_decimal_number(type)) {
      constexpr double k_infinity = std::numeric_limits<double>::infinity();
      missing_ = greatest ? k_infinity : -k_infinity;
    } else if (type != FieldType::keyword) {
      const bool narrow = is_whole_number(type) && type != FieldType::long_;  // Elasticsearch sorts them as integers
      const auto [least, most] = range_of(narrow ? FieldType::integer : FieldType::long_);
      missing_ = greatest ? most : least;
    }
  }

  SortValue value(Doc doc, float score) const {
    if (key_.kind == SortKey::Kind::score) return static_cast<double>(score);
    if (key_.kind == SortKey::Kind::document)
      return (static_cast<std::int64_t>(shard_number_) << k_place_bits) + shard_.place(doc);
    if (integers_) return chosen(integers_->of(doc));
    if (doubles_) return chosen(doubles_->of(doc));
    const auto words = keywords_ ? keywords_->of(doc) : std::span<const KeywordColumn::Term>();
    return words.empty() ? missing_ : word(words);
  }

 private:
  /// The least of several values, or the greatest if descending.
  template <class T>
  SortValue chosen(std::span<const T> values) const {
    if (values.empty()) return missing_;
    const auto [least, greatest] = std::minmax_element(values.begin(), values.end(), is_less<T>);
    return key_.descending ? *greatest : *least;
  }

  SortValue word(std::span<const KeywordColumn::Term> terms) const {
    const auto before = [&](auto a, auto b) { return keywords_->text(a) < keywords_->text(b); };
    const auto [least, greatest] = std::minmax_element(terms.begin(), terms.end(), before);
    return std::string_view(keywords_->text(key_.descending ? *greatest : *least));
  }

  const ShardView& shard_;
  const std::size_t shard_number_;
  const SortKey& key_;
  const KeywordColumn* keywords_ = nullptr;
  const IntegerColumn* integers_ = nullptr;
  const DoubleColumn* doubles_ = nullptr;
  SortValue missing_;
};

/// A value of search_after, converted to the type of the key's field.
SortValue after_value(const ShardView& shard, const SortKey& key, const std::optional<Literal>& value) {
  if (!value) return {};
  const bool decimal_key = key.kind == SortKey::Kind::score;
  FieldPtr field = key.kind == SortKey::Kind::field ? shard.mapping->find(key.field) : nullptr;
  if (!field && key.unmapped_type)
    field = std::make_shared<Field>(Field{.path = key.field, .type = *key.unmapped_type});
  if (field && field->type == FieldType::keyword) return std::string_view(value->text);
  if (field && field->type == FieldType::date && value->kind == Literal::Kind::string) {
    return date_value(*field, *value, false);
  }
  if (field && field->type == FieldType::boolean && value->kind != Literal::Kind::number) {
    return static_cast<std::int64_t>(boolean_value(*value));
  }
  if (value->text == "Infinity" || value->text == "-Infinity") {
    return std::copysign(std::numeric_limits<double>::infinity(), value->text[0] == '-' ? -1.0 : 1.0);
  }
  if (decimal_key || (field && is_decimal_number(field->type))) {
    const double number = decimal_number(FieldType::double_, *value);
    // Scores, float and half_float were printed as floats: the same float again.
    return field && field->type == FieldType::double_ ? number : static_cast<double>(static_cast<float>(number));
  }
  return whole_number(*value).floor;
}

}  // namespace

bool comes_before(const std::vector<SortKey>& sort, const Hit& a, const Hit& b) {
  if (sort.empty()) {
    if (a.score != b.score) return a.score > b.score;
  } else if (const int order = order_of(sort, a.keys, b.keys); order != 0) {
    return order < 0;
  }
  return a.shard != b.shard ? a.shard < b.shard : a.doc < b.doc;
}

std::vector<Hit> best_hits(const ShardView& shard, std::size_t shard_number, const ScoredDocs& matches,
                           const SearchBody& body, std::size_t count) {
  std::vector<KeySource> sources;
  for (const SortKey& key : body.sort) sources.emplace_back(shard, shard_number, key);
  std::vector<SortValue> after;
  for (std::size_t i = 0; body.search_after && i < body.search_after->size(); ++i)
    after.push_back(after_value(shard, body.sort[i], (*body.search_after)[i]));
  if (count == 0) return {};

  const auto before = [&](const Hit& a, const Hit& b) { return comes_before(body.sort, a, b); };
  BestOf<Hit, decltype(before)> best(count, before);
  Hit hit{shard_number};
  matches.docs.for_each([&](Doc doc) {
    check_cancelled();
    hit.doc = doc;
    hit.score = matches.score(doc);
    hit.keys.clear();
    for (const KeySource& source : sources) hit.keys.push_back(source.value(doc, hit.score));
    if (body.search_after && order_of(body.sort, hit.keys, after) <= 0) return;
    best.offer(hit);
  });
  return std::move(best).sorted();
}

void append_sort_values(std::string& out, const ShardView& shard, const std::vector<SortKey>& sort, const Hit& hit) {
  out += '[';
  for (std::size_t i = 0; i < sort.size(); ++i) {
    if (i != 0) out += ',';
    const FieldPtr field = sort[i].kind == SortKey::Kind::field ? shard.mapping->find(sort[i].field) : nullptr;
    const SortValue& value = hit.keys[i];
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      out += std::to_string(*integer);
    } else if (const auto* number = std::get_if<double>(&value)) {
      const bool narrow = !field || field->type != FieldType::double_;
      narrow ? append_decimal(out, static_cast<float>(*number)) : append_decimal(out, *number);
    } else if (const auto* text = std::get_if<std::string_view>(&value)) {
      rest::append_json_string(out, *text);
    } else {
      out += "null";
    }
  }
  out += ']';
}

}  // namespace sightline::elastic
