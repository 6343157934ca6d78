#include <algorithm>
#include <cmath>

#include "server/elastic/embedded/search/query_parser.h"
#include "server/elastic/embedded/value_parser.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the tables below are made of its words

constexpr std::int64_t k_max_candidates = 10'000;
/// The most dims that a dense_vector may have; longer query vectors fit no field.
constexpr std::size_t k_max_dims = 4'096;

/// What one `knn` object is read into.
struct KnnReading {
  const QueryContext& context;
  Query query = {};
  KnnQuery knn = {};
  std::optional<std::int64_t> k = {}, num_candidates = {};
  bool has_vector = false, has_builder = false;
};

float read_component(const JsonView& item) {
  if (!item.is_number())
    refuse({400, "number_format_exception", "[query_vector] must hold numbers, found " + shortened(item.raw())});
  return parse_float(item.text()).value_or(0.0f);  // a JSON number always parses
}

void read_vector(const JsonView&, const JsonView& value, KnnReading& reading) {
  if (value.size() > k_max_dims) {
    refuse(illegal_argument("[query_vector] has " + std::to_string(value.size()) +
                            " dimensions; the most are 4096"));
  }
  reading.has_vector = true;
  reading.knn.vector.reserve(value.size());
  value.each_element([&](const JsonView& item) { reading.knn.vector.push_back(read_component(item)); });
}

void read_filter(const JsonView&, const JsonView& value, KnnReading& reading) {
  value.each_or_self([&](const JsonView& clause) {
    reading.knn.filters.push_back(parse_query(clause, reading.context.inner()));
  });
}

void read_builder(const JsonView&, const JsonView&, KnnReading& reading) {
  reading.has_builder = true;
}

/// Whole numbers alone, as a decimal k would be cut.
std::optional<std::int64_t> read_count(const JsonView& value, std::string_view name) {
  return read_integer(value, name);
}

template <auto Field, auto Read>
void into_knn(const JsonView& key, const JsonView& value, KnnReading& reading) {
  reading.knn.*Field = Read(value, key.text());
}

float read_similarity(const JsonView& value, std::string_view name) {
  return static_cast<float>(read_double(value, name));
}

const MemberTable<KnnReading> k_knn{
    "`knn`", "knn", k_content_error,
    {{"field", k_text, into_knn<&KnnQuery::field, read_text>},
     {"query_vector", k_array, read_vector},
     {"query_vector_builder", k_object, read_builder, "resolved before the search"},
     {"k", k_numbers, into<&KnnReading::k, read_count>},
     {"num_candidates", k_numbers, into<&KnnReading::num_candidates, read_count>},
     {"similarity", k_numbers, into_knn<&KnnQuery::similarity, read_similarity>},
     {"filter", k_object | k_array, read_filter},
     {"boost", k_numbers, [](const JsonView& key, const JsonView& value, KnnReading& reading) {
        reading.query.boost = read_boost(value, key.text());
      }, "multiplies scores; negative and infinite ones are refused"}}};

/// The rules for k and num_candidates, in the order in which Elasticsearch checks them.
void settle_sizes(KnnReading& parts, KnnPlace place) {
  std::int64_t k = parts.context.size;
  if (parts.k) {
    k = *parts.k;
  } else if (parts.num_candidates && place == KnnPlace::query) {
    k = std::min(k, *parts.num_candidates);
  }
  if (k < 1) refuse(illegal_argument("[k] must be greater than 0"));
  const std::int64_t candidates = parts.num_candidates.value_or(
      std::llround(std::min(static_cast<double>(k_max_candidates), 1.5 * static_cast<double>(k))));
  if (candidates < 1) refuse(illegal_argument("[num_candidates] must be greater than 0"));
  if (candidates < k) refuse(illegal_argument("[num_candidates] cannot be less than [k]"));
  if (candidates > k_max_candidates) refuse(illegal_argument("[num_candidates] cannot exceed [10000]"));
  parts.knn.k = static_cast<int>(k);
  parts.knn.num_candidates = static_cast<int>(candidates);
}

void check_vector(const KnnReading& parts) {
  if (parts.has_vector && parts.has_builder)
    refuse(illegal_argument("cannot provide both [query_vector_builder] and [query_vector]"));
  if (!parts.has_vector && !parts.has_builder)
    refuse(illegal_argument("either [query_vector] or [query_vector_builder] must be provided"));
  if (parts.has_builder) {
    refuse(illegal_argument(
        "[query_vector_builder] cannot be resolved here: the query vector must be given as [query_vector]"));
  }
}

}  // namespace

Query parse_knn(const JsonView& value, const QueryContext& context, KnnPlace place) {
  KnnReading reading{context};
  k_knn.read(value, reading);
  if (reading.knn.field.empty()) refuse(illegal_argument("Required [field]"));
  settle_sizes(reading, place);
  check_vector(reading);
  context.budget.knn(reading.knn.num_candidates);
  reading.query.node = std::move(reading.knn);
  return std::move(reading.query);
}

}  // namespace sightline::elastic
