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

std::vector<float> read_vector(const JsonView& key, const JsonView& value) {
  if (value.is_string()) {
    refuse(content_exception(value,
                             "[knn] query_vector as an encoded string is not supported by this local store; "
                             "send an array of numbers"));
  }
  if (!value.is_array()) {
    refuse(content_exception(
        value, std::string("[knn] query_vector doesn't support values of type: ") + token_name(value)));
  }
  if (value.size() > k_max_dims) {
    refuse(illegal_argument("[query_vector] has " + std::to_string(value.size()) +
                            " dimensions; the most are 4096"));
  }
  std::vector<float> vector;
  vector.reserve(value.size());
  value.each_element([&](const JsonView& item) {
    within("knn", key, item, [&] { vector.push_back(read_component(item)); });
  });
  return vector;
}

void read_knn_filter(const JsonView& key, const JsonView& value, const QueryContext& context, KnnQuery& knn) {
  QueryContext inner = context;
  ++inner.depth;
  value.each_or_self([&](const JsonView& clause) {
    within("knn", key, clause, [&] { knn.filters.push_back(parse_query(clause, inner)); });
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
void settle_sizes(const KnnParts& parts, const QueryContext& context, bool within_query, KnnQuery& knn) {
  std::int64_t k = context.size;
  if (parts.k) {
    k = *parts.k;
  } else if (parts.num_candidates && within_query) {
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

void check_whole(const KnnParts& parts, const QueryContext& context, bool within_query, KnnQuery& knn) {
  settle_sizes(parts, context, within_query, knn);
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

Query parse_knn(const JsonView& value, const QueryContext& context, bool within_query) {
  Query query;
  KnnQuery knn;
  KnnParts parts;
  value.each_member([&](const JsonView& key, const JsonView& item) {
    const std::string_view name = key.text();
    if (name == "field") {
      knn.field = read_text(item, name);
    } else if (name == "query_vector") {
      knn.vector = read_vector(key, item);
      parts.has_vector = true;
    } else if (name == "query_vector_builder") {
      check_builder(item);
      parts.has_builder = true;
    } else if (name == "k") {
      if (!item.is_null()) within("knn", key, item, [&] { parts.k = read_integer(item, name); });
    } else if (name == "num_candidates") {
      if (!item.is_null()) within("knn", key, item, [&] { parts.num_candidates = read_integer(item, name); });
    } else if (name == "similarity") {
      within("knn", key, item, [&] { knn.similarity = static_cast<float>(read_double(item, name)); });
    } else if (name == "boost") {
      within("knn", key, item, [&] { query.boost = static_cast<float>(read_double(item, name)); });
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
    refuse(illegal_argument("Required [field]"));
  }
  if (!within_query) {
    check_whole(parts, context, false, knn);
  } else {
    try {
      check_whole(parts, context, true, knn);
    } catch (Refused& inner) {
      ElasticError outer{400, "x_content_parse_exception",
                         "Failed to build [knn] after last required field arrived"};
      outer.cause_type = inner.error.type;
      outer.cause_reason = inner.error.reason;
      refuse(std::move(outer));
    }
  }
  context.budget.knn(knn.num_candidates);
  query.node = std::move(knn);
  return query;
}

}  // namespace sightline::elastic
