#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "server/elastic/local/search/query_parser.h"

namespace sightline::elastic {
namespace {

constexpr std::int64_t k_max_candidates = 10'000;
/// The most dims that a dense_vector may have; longer query vectors fit no field.
constexpr std::size_t k_max_dims = 4'096;

struct KnnParts {
  std::optional<std::int64_t> k, num_candidates;
  bool has_vector = false, has_builder = false;
};

std::vector<float> read_vector(const JsonView& value) {
  if (!value.is_array()) {
    refuse(content_exception(
        value, std::string("[knn] query_vector must be an array of numbers, not ") +
                   (value.is_string() ? "an encoded string; send the numbers" : token_name(value))));
  }
  if (value.size() > k_max_dims) {
    refuse(illegal_argument("[query_vector] has " + std::to_string(value.size()) +
                            " dimensions; the most are 4096"));
  }
  std::vector<float> vector;
  vector.reserve(value.size());
  value.each_element([&](const JsonView& item) {
    float number = 0;
    const std::string_view text = item.text();
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (!item.is_number() || end != text.data() + text.size()) {
      refuse(content_exception(
          item, std::string("[knn] query_vector must hold numbers, but found ") + token_name(item)));
    }
    // Out of range is either too large, which no comparison survives, or too small to differ from zero.
    if (code == std::errc::result_out_of_range) {
      const double wide = read_double(item, "query_vector");
      number = std::fabs(wide) < 1 ? 0.0f : std::numeric_limits<float>::infinity();
    }
    vector.push_back(number);
  });
  return vector;
}

void read_knn_filter(const JsonView& key, const JsonView& value, const QueryContext& context, KnnQuery& knn) {
  QueryContext inner = context;
  ++inner.depth;
  value.each_or_self([&](const JsonView& clause) {
    try {
      knn.filters.push_back(parse_query(clause, inner));
    } catch (Refused& refused) {
      ElasticError outer =
          content_exception(clause, "[knn] failed to parse field [" + std::string(key.text()) + "]");
      outer.root_is_cause = refused.error.type != "illegal_argument_exception";
      outer.causes.push_back(std::move(refused.error));
      refuse(std::move(outer));
    }
  });
}

void check_builder(const JsonView& value) {
  if (value.is_object() && value.size() == 1) {
    value.each_member([&](const JsonView& name, const JsonView& body) {
      if (name.text() == "text_embedding" || name.text() == "embedding" || name.text() == "lookup") return;
      ElasticError error =
          parsing_exception(body, "Unknown key [" + std::string(name.text()) + "] in [query_vector_builder]");
      error.cause_type = "named_object_not_found_exception";
      error.cause_reason = position_text(body) + " unknown field [" + std::string(name.text()) + "]";
      refuse(std::move(error));
    });
  }
}

/// The rules for k and num_candidates, in the order in which Elasticsearch checks them.
void settle_sizes(const KnnParts& parts, const QueryContext& context, KnnQuery& knn) {
  std::int64_t k = context.size;
  if (parts.k) {
    k = *parts.k;
  } else if (parts.num_candidates) {
    k = std::min(k, *parts.num_candidates);
  }
  if (k < 1) refuse(illegal_argument("[k] must be greater than 0"));
  const std::int64_t candidates = parts.num_candidates.value_or(
      std::llround(std::min(static_cast<double>(k_max_candidates), 1.5 * static_cast<double>(k))));
  if (candidates < 1) refuse(illegal_argument("[num_candidates] must be greater than 0"));
  if (candidates < k) refuse(illegal_argument("[num_candidates] cannot be less than [k]"));
  if (candidates > k_max_candidates) refuse(illegal_argument("[num_candidates] cannot exceed [10000]"));
  knn.k = static_cast<int>(k);
  knn.num_candidates = static_cast<int>(candidates);
}

}  // namespace

Query parse_knn(const JsonView& value, const QueryContext& context, bool within_query) {
  Query query;
  KnnQuery knn;
  KnnParts parts;
  value.each_member([&](const JsonView& key, const JsonView& item) {
    const std::string_view name = key.text();
    if (name == "field") {
      knn.field = read_text(item, name);
    } else if (name == "query_vector") {
      if (item.is_null()) return;
      knn.vector = read_vector(item);
      parts.has_vector = true;
    } else if (name == "query_vector_builder") {
      check_builder(item);
      parts.has_builder = true;
    } else if (name == "k") {
      if (!item.is_null()) parts.k = read_integer(item, name);
    } else if (name == "num_candidates") {
      if (!item.is_null()) parts.num_candidates = read_integer(item, name);
    } else if (name == "similarity") {
      knn.similarity = static_cast<float>(read_double(item, name));
    } else if (name == "boost") {
      query.boost = static_cast<float>(read_double(item, name));
    } else if (name == "filter") {
      read_knn_filter(key, item, context, knn);
    } else if (name == "rescore_vector") {
      // Scores here are always those of the full vectors, so rescoring changes nothing.
      if (!item.is_object())
        refuse(content_exception(
            item, "[knn] rescore_vector doesn't support values of type: " + std::string(token_name(item))));
    } else if (name == "inner_hits" || name == "visit_percentage") {
      refuse(illegal_argument("[knn] parameter [" + std::string(name) +
                              "] is not supported by this local store"));
    } else if (name != "_name") {
      refuse(content_exception(
          key, "[knn] unknown field [" + std::string(name) + "]" +
                   did_you_mean(name,
                                {"field", "query_vector", "query_vector_builder", "k", "num_candidates",
                                 "similarity", "filter", "boost", "_name", "inner_hits", "rescore_vector"})));
    }
  });
  if (knn.field.empty()) {
    refuse(illegal_argument(within_query ? "[knn] requires fieldName" : "Required [field]"));
  }
  settle_sizes(parts, context, knn);
  if (parts.has_vector && parts.has_builder) {
    refuse(illegal_argument("cannot provide both [query_vector_builder] and [query_vector]"));
  }
  if (!parts.has_vector && !parts.has_builder) {
    refuse(illegal_argument("either [query_vector_builder] or [query_vector] must be provided"));
  }
  if (parts.has_builder) {
    refuse(illegal_argument(
        "[query_vector_builder] cannot be resolved here: the query vector must be given as [query_vector]"));
  }
  query.node = std::move(knn);
  return query;
}

}  // namespace sightline::elastic
