#include "server/elastic/query_vectors/multi_search.h"

#include <algorithm>

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

/// Finds the items of the root's list `responses`.
class ResponsesVisitor {
 public:
  bool key(std::string_view name, json::Place) {
    of_responses_ = depth_ == 1 && name == "responses";
    return true;
  }
  bool scalar(json::Kind, std::string_view, json::Place place) {
    if (in_list_ && depth_ == 2) items.emplace_back(place.begin, place.end);
    of_responses_ = false;
    return true;
  }
  bool open(json::Kind kind, std::size_t begin) {
    if (depth_ == 1 && of_responses_ && kind == json::Kind::array && !found) {
      in_list_ = found = true;
      list_begin = begin;
    } else if (in_list_ && depth_ == 2) {
      item_begin_ = begin;
    }
    of_responses_ = false;
    return ++depth_, true;
  }
  bool close(json::Kind, std::size_t, std::size_t end) {
    --depth_;
    if (!in_list_) return true;
    if (depth_ == 2) items.emplace_back(item_begin_, end);
    if (depth_ == 1) {
      in_list_ = false;
      list_end = end;
    }
    return true;
  }

  bool found = false;
  std::size_t list_begin = 0, list_end = 0;  ///< brackets included
  std::vector<std::pair<std::size_t, std::size_t>> items;

 private:
  int depth_ = 0;
  bool of_responses_ = false, in_list_ = false;
  std::size_t item_begin_ = 0;
};

}  // namespace

std::vector<SearchLines> search_lines(std::string_view body, std::size_t most) {
  std::vector<SearchLines> searches;
  SearchLines lines;
  while (searches.size() < most) {
    const std::size_t metadata_end = body.find('\n', lines.begin);
    if (metadata_end == std::string_view::npos) return searches;
    lines.search_begin = metadata_end + 1;
    lines.search_end = body.find('\n', lines.search_begin);
    if (lines.search_end == std::string_view::npos) return searches;
    lines.end = lines.search_end + 1;
    searches.push_back(lines);
    lines.begin = lines.end;
  }
  return searches;
}

std::optional<std::string> merge_failures(std::string_view answer, const std::vector<Refusal>& failures) {
  ResponsesVisitor visitor;
  const auto asked = static_cast<std::size_t>(
      std::count_if(failures.begin(), failures.end(), [](const Refusal& failure) { return !failure; }));
  if (json::read(answer, rest::k_json_limits, visitor) || !visitor.found || visitor.items.size() != asked)
    return std::nullopt;
  std::string merged(answer.substr(0, visitor.list_begin + 1));
  auto item = visitor.items.begin();
  bool first = true;
  for (const Refusal& failure : failures) {
    if (!first) merged += ',';
    first = false;
    if (failure) {
      merged += failure->envelope_json();
    } else {
      merged += answer.substr(item->first, item->second - item->first);
      ++item;
    }
  }
  merged += answer.substr(visitor.list_end - 1);
  return merged;
}

}  // namespace sightline::elastic
