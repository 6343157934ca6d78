#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "server/elastic/embedded/search/query_parser.h"

namespace sightline::elastic {
namespace {

using namespace rest;  // NOLINT: the tables below are made of its words

constexpr std::int64_t k_max_candidates = 10'000;
/// The most dims that a dense_vector may have; longer query vectors fit no field.
constexpr std::size_t k_max_dims = 4'096;

/// What one `knn` object is read into.
struct KnnReading {
  const QueryContext& context;
  KnnPlace place;
  Query query = {};
  KnnQuery knn = {};
  std::optional<std::int64_t> k = {}, num_candidates = {};
  bool has_vector = false, has_builder = false;
};

float read_component(const JsonView& item) {
  float number = 0;
  const std::string_view text = item.text();
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if ((!item.is_number() && !item.is_string()) || end != text.data() + text.size()) {
    refuse({400, "number_format_exception", "For input string: \"" + std::string(item.text()) + "\""});
  }
  // Out of range is either too large, which no comparison survives, or too small to differ from zero.
  if (code == std::errc::result_out_of_range) {
    const bool small = text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos;
    return small ? 0.0f : std::numeric_limits<float>::infinity();
  }
  return number;
}

void read_vector(const JsonView&, const JsonView& value, KnnReading& reading) {
  if (value.is_string()) {
    refuse(content_exception(value, "[knn] query_vector as an encoded string is not supported by " +
                                        std::string(k_store_name) + "; send an array of numbers"));
  }
  if (value.size() > k_max_dims) {
    refuse(illegal_argument("[query_vector] has " + std::to_string(value.size()) +
                            " dimensions; the most are 4096"));
  }
  reading.has_vector = true;
  reading.knn.vector.reserve(value.size());
  value.each_element([&](const JsonView& item) { reading.knn.vector.push_back(read_component(item)); });
}

void read_filter(const JsonView&, const JsonView& value, KnnReading& reading) {
  const QueryContext inner = reading.context.inner(reading.place == KnnPlace::query);
  value.each_or_self(
      [&](const JsonView& clause) { reading.knn.filters.push_back(parse_query(clause, inner)); });
}

void read_builder(const JsonView&, const JsonView& value, KnnReading& reading) {
  reading.has_builder = true;
  if (value.size() != 1) refuse(parsing_exception(value, "[query_vector_builder] must hold one builder"));
  value.each_member([&](const JsonView& name, const JsonView& body) {
    if (name.text() == "text_embedding" || name.text() == "embedding" || name.text() == "lookup") return;
    ElasticError error =
        parsing_exception(body, "Unknown key [" + std::string(name.text()) + "] in [query_vector_builder]");
    error.cause_type = "named_object_not_found_exception";
    error.cause_reason = position_text(body) + " unknown field [" + std::string(name.text()) + "]";
    refuse(std::move(error));
  });
}

/// Whole numbers alone, as a decimal k would be cut.
std::optional<std::int64_t> read_count(const JsonView& value, std::string_view name) {
  return read_integer(value, name);
}

constexpr std::string_view k_full_vectors = "scores are always those of the full vectors";

void check_oversample(const JsonView& value, std::string_view name) {
  const double oversample = read_double(value, name);
  if (!(oversample >= 1) && oversample != 0) refuse(illegal_argument("[oversample] must be >= 1.0 or 0"));
}

struct RescoreVector {};
const MemberTable<RescoreVector> k_rescore_vector{
    "`knn`, `rescore_vector`",
    "rescore_vector",
    k_object_dialect,
    {no_effect("oversample", k_numbers, check_oversample, k_full_vectors)}};

void check_rescore_vector(const JsonView& value, std::string_view) {
  RescoreVector rescore;
  k_rescore_vector.read(value, rescore);
  if (!value.member("oversample")) refuse(illegal_argument("Required [oversample]"));
}

template <auto Field, auto Read>
void into_knn(const JsonView& key, const JsonView& value, KnnReading& reading) {
  reading.knn.*Field = Read(value, key.text());
}

float read_similarity(const JsonView& value, std::string_view name) {
  return static_cast<float>(read_double(value, name));
}

using Rows = std::vector<Member<KnnReading>>;

Rows rows() {
  return {{"field", k_text, into_knn<&KnnQuery::field, read_text>},
          {"query_vector", k_array | k_text, read_vector, "an array of numbers; encoded strings are refused"},
          {"query_vector_builder", k_object, read_builder,
           "`text_embedding`, `embedding` and `lookup`, resolved before the search"},
          {"k", k_numbers, into<&KnnReading::k, read_count>},
          {"num_candidates", k_numbers, into<&KnnReading::num_candidates, read_count>},
          {"similarity", k_numbers, into_knn<&KnnQuery::similarity, read_similarity>},
          {"filter", k_object | k_array, read_filter},
          no_effect("rescore_vector", k_object, check_rescore_vector, k_full_vectors),
          refused("visit_percentage", k_numbers, "vectors here are not kept in clusters"),
          {"_name", k_text, [](const JsonView& key, const JsonView& value, KnnReading& reading) {
             reading.query.name = read_text(value, key.text());
           }, "hits list it in `matched_queries`"}};
}

const Rows k_boost{{"boost", k_numbers, [](const JsonView& key, const JsonView& value, KnnReading& reading) {
                      reading.query.boost = read_boost(value, key.text());
                    }, "multiplies scores; negative and infinite ones are refused"}};
const Rows k_inner_hits{refused("inner_hits", k_object)};

/// Elasticsearch refuses the shards of such a search, not the body.
const Rows k_top_boost{{"boost", k_numbers,
                        [](const JsonView& key, const JsonView& value, KnnReading& reading) {
                          reading.query.boost = static_cast<float>(read_double(value, key.text()));
                        },
                        "multiplies scores; negative and infinite ones are refused"}};

const MemberTable<KnnReading> k_query{"query `knn`", "knn", k_object_dialect, {rows(), k_boost}};
const MemberTable<KnnReading> k_top{"search body, `knn`", "knn", k_object_dialect,
                                    {rows(), k_top_boost, k_inner_hits}};
const MemberTable<KnnReading> k_retriever{"retriever `knn`", "knn", k_object_dialect,
                                          {rows(), {refused("min_score", k_numbers)}}};

const MemberTable<KnnReading>& table_of(KnnPlace place) {
  return place == KnnPlace::query ? k_query : place == KnnPlace::top ? k_top : k_retriever;
}

/// The rules for k and num_candidates, in the order in which Elasticsearch checks them.
void settle_sizes(KnnReading& parts) {
  std::int64_t k = parts.context.size;
  if (parts.k) {
    k = *parts.k;
  } else if (parts.num_candidates && parts.place == KnnPlace::query) {
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

void check_whole(KnnReading& parts) {
  const bool within_query = parts.place == KnnPlace::query;
  settle_sizes(parts);
  if (parts.has_vector && parts.has_builder) {
    refuse(illegal_argument("cannot provide both [query_vector_builder] and [query_vector]"));
  }
  if (!parts.has_vector && !parts.has_builder) {
    refuse(illegal_argument(within_query
                                ? "either [query_vector] or [query_vector_builder] must be provided"
                                : "either [query_vector_builder] or [query_vector] must be provided"));
  }
  if (parts.has_builder) {
    refuse(illegal_argument(
        "[query_vector_builder] cannot be resolved here: the query vector must be given as [query_vector]"));
  }
}

}  // namespace

Query parse_knn(const JsonView& value, const QueryContext& context, KnnPlace place) {
  KnnReading reading{context, place};
  table_of(place).read(value, reading);
  if (reading.knn.field.empty()) refuse(illegal_argument("Required [field]"));
  try {
    check_whole(reading);
  } catch (Refused& inner) {
    if (place != KnnPlace::query) throw;
    ElasticError outer{400, "x_content_parse_exception",
                       "Failed to build [knn] after last required field arrived"};
    outer.cause_type = inner.error.type;
    outer.cause_reason = inner.error.reason;
    refuse(std::move(outer));
  }
  context.budget.knn(reading.knn.num_candidates);
  reading.query.node = std::move(reading.knn);
  return std::move(reading.query);
}

}  // namespace sightline::elastic
