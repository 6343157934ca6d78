#include "server/elastic/query_vectors/search_scan.h"

#include <algorithm>
#include <cstring>

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

using json::Kind;

/// What the members of an object are, or the items of a list.
enum class Place {
  plain,            ///< words of the search language
  names,            ///< chosen by the user; what they name is plain
  data,             ///< nothing to be found here
  builder_holder,   ///< a knn or its like
  semantic,         ///< the body of a `semantic` query, if it is one
  sparse_vector,    ///< and so on
  text_expansion,   ///< {field: {...}}
  expansion_field,  ///< the inner object of it
};

struct Word {
  std::string_view name;
  Place place;
};

/// Words that have a meaning where the search language is expected; sorted. Leaf queries have fields'
/// names within them, and scripts whatever their author likes.
constexpr Word k_words[] = {
    {"_source", Place::data},
    {"aggregations", Place::names},
    {"aggs", Place::names},
    {"combined_fields", Place::data},
    {"diversify", Place::builder_holder},
    {"exists", Place::data},
    {"ext", Place::data},
    {"fuzzy", Place::data},
    {"ids", Place::data},
    {"indices_boost", Place::data},
    {"intervals", Place::data},
    {"knn", Place::builder_holder},
    {"match", Place::data},
    {"match_bool_prefix", Place::data},
    {"match_criteria", Place::data},
    {"match_phrase", Place::data},
    {"match_phrase_prefix", Place::data},
    {"meta", Place::data},
    {"more_like_this", Place::data},
    {"multi_match", Place::data},
    {"params", Place::data},
    {"percolate", Place::data},
    {"prefix", Place::data},
    {"query_string", Place::data},
    {"range", Place::data},
    {"rank_feature", Place::data},
    {"regexp", Place::data},
    {"runtime_mappings", Place::data},
    {"script", Place::data},
    {"script_fields", Place::data},
    {"semantic", Place::semantic},
    {"simple_query_string", Place::data},
    {"sparse_vector", Place::sparse_vector},
    {"suggest", Place::data},
    {"term", Place::data},
    {"terms", Place::data},
    {"terms_set", Place::data},
    {"text_expansion", Place::text_expansion},
    {"weighted_tokens", Place::data},
    {"wildcard", Place::data},
};

constexpr bool k_words_sorted = std::is_sorted(std::begin(k_words), std::end(k_words),
                                               [](const Word& a, const Word& b) { return a.name < b.name; });
static_assert(k_words_sorted);

Place place_of_word(std::string_view word) {
  const auto* found = std::lower_bound(std::begin(k_words), std::end(k_words), word,
                                       [](const Word& known, std::string_view name) { return known.name < name; });
  return found != std::end(k_words) && found->name == word ? found->place : Place::plain;
}

class SearchVisitor {
 public:
  explicit SearchVisitor(SearchScan& scan) : scan_(scan) {}

  bool key(std::string_view name, json::Place place) {
    Open& object = open_.back();
    next_ = {};
    if (object.place == Place::builder_holder) {
      next_.builder = name == "query_vector_builder";
      if (name == "query_vector") object.has_vector = true;
    }
    note_parts_of_query(object, name);
    next_.key_begin = place.begin;
    next_.place = next_.builder ? Place::data : place_below(object, name);
    next_.of_filters = name == "filters" || name == "adjacency_matrix";
    return true;
  }

  bool scalar(Kind kind, std::string_view, json::Place place) {
    count_value();
    if (next_.builder && kind != Kind::null) {
      add_builder(place.begin);
      scan_.builders.back().end = place.end;
    }
    next_ = {};
    return true;
  }

  bool open(Kind kind, std::size_t begin) {
    count_value();
    const bool item = !open_.empty() && open_.back().array;
    Open opened;
    opened.array = kind == Kind::array;
    opened.place = open_.empty() ? Place::plain : item ? open_.back().place : next_.place;
    if (opened.array && opened.place == Place::names) opened.place = Place::plain;  // filters without names
    opened.of_filters = !item && next_.of_filters;
    if (!item && next_.builder) {
      add_builder(begin);
      scan_.builders.back().values = 1;
      opened.is_builder = in_builder_ = true;
    }
    next_ = {};
    open_.push_back(opened);
    return true;
  }

  bool close(Kind, std::size_t, std::size_t end) {
    const Open closed = open_.back();
    open_.pop_back();
    if (closed.is_builder) {
      scan_.builders.back().end = end;
      in_builder_ = false;
    }
    if (closed.has_vector && closed.builder != 0) scan_.builders[closed.builder - 1].beside_vector = true;
    if (closed.array || !scan_.inference_query.empty()) return true;
    if (closed.place == Place::semantic && closed.has_field && closed.has_query) scan_.inference_query = "semantic";
    if (closed.place == Place::sparse_vector && closed.has_field && closed.has_model)
      scan_.inference_query = "sparse_vector";
    if (closed.place == Place::expansion_field && closed.has_query) scan_.inference_query = "text_expansion";
    return true;
  }

 private:
  /// An object or list that is being read.
  struct Open {
    Place place = Place::plain;
    bool array = false;
    bool of_filters = false;  ///< it is under "filters": below it "filters" names its members
    bool is_builder = false;
    bool has_vector = false, has_field = false, has_query = false, has_model = false;
    std::size_t builder = 0;  ///< the one in it, counted from 1
  };
  /// What the last name says of the value to come.
  struct Next {
    Place place = Place::plain;
    bool of_filters = false;
    bool builder = false;
    std::size_t key_begin = 0;
  };

  static Place place_below(const Open& object, std::string_view name) {
    switch (object.place) {
      case Place::plain:
      case Place::builder_holder:
        if (object.of_filters && name == "filters") return Place::names;
        return place_of_word(name);
      case Place::names:
        return Place::plain;
      case Place::text_expansion:
        return Place::expansion_field;
      default:
        return Place::data;
    }
  }

  static void note_parts_of_query(Open& object, std::string_view name) {
    if (object.place == Place::semantic || object.place == Place::sparse_vector) {
      if (name == "field") object.has_field = true;
      if (name == "query") object.has_query = true;
      if (name == "inference_id") object.has_model = true;
    }
    if (object.place == Place::expansion_field && name == "model_text") object.has_query = true;
  }

  void count_value() {
    if (in_builder_) ++scan_.builders.back().values;
  }

  void add_builder(std::size_t value_begin) {
    BuilderPlace place;
    place.begin = next_.key_begin;
    place.value_begin = value_begin;
    scan_.builders.push_back(place);
    open_.back().builder = scan_.builders.size();
  }

  SearchScan& scan_;
  std::vector<Open> open_;
  Next next_;
  bool in_builder_ = false;
};

bool contains(std::string_view body, std::string_view word) {
  return ::memmem(body.data(), body.size(), word.data(), word.size()) != nullptr;
}

}  // namespace

bool may_need_inference(std::string_view body) {
  // All names are ASCII, so another spelling of one has \u00 in it.
  return contains(body, "query_vector_builder") || contains(body, "\"semantic\"") || contains(body, "sparse_vector") ||
         contains(body, "text_expansion") || contains(body, "\\u00");
}

std::optional<SearchScan> scan_search(std::string_view body) {
  SearchScan scan;
  SearchVisitor visitor(scan);
  if (json::read(body, rest::k_json_limits, visitor)) return std::nullopt;
  return scan;
}

}  // namespace sightline::elastic
