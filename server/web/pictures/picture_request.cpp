#include "server/web/pictures/picture_request.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "base/number_text.h"
#include "server/http/entity_tag.h"

namespace sightline::pictures {
namespace {

// What a page can want of a thumbnail, so that caches hold few sizes of one picture.
constexpr std::uint32_t k_edges[] = {160, 320, 640, 1024};
constexpr std::uint32_t k_least_edge = 64, k_greatest_edge = 1024;
constexpr std::size_t k_most_positions = 10'000;
constexpr std::size_t k_longest_name = 2048;

Refusal bad(std::string message) {
  return {400, "invalid_argument", std::move(message)};
}

std::string in_brackets(const std::string& text) {
  constexpr std::size_t k_shown = 200;
  return "[" + (text.size() <= k_shown ? text : text.substr(0, k_shown) + "...") + "]";
}

Result<std::uint32_t, Refusal> edge_of(const std::string& size) {
  const auto asked = number_from<std::uint32_t>(size);
  if (!asked || *asked < k_least_edge || *asked > k_greatest_edge) {
    return bad("[size] must be a number of pixels from 64 to 1024, not " + in_brackets(size) +
               "; without [size] the original picture is sent");
  }
  return *std::find_if(std::begin(k_edges), std::end(k_edges), [&](std::uint32_t edge) { return edge >= *asked; });
}

/// Elasticsearch would read these as a pattern or a list, and other fields than the one named would do.
bool is_one_field(const std::string& field) {
  return !field.empty() && field.size() <= k_longest_name && field.find_first_of("*,") == std::string::npos;
}

Result<bool, Refusal> take_parameter(const std::string& name, const std::string& value, PictureRequest& request) {
  if (name == "field") {
    if (!is_one_field(value)) return bad("[field] must be the name of one field, not " + in_brackets(value));
    request.field = value;
  } else if (name == "position") {
    const auto position = number_from<std::size_t>(value);
    if (!position || *position >= k_most_positions)
      return bad("[position] must be a number from 0 to 9999, not " + in_brackets(value));
    request.position = *position;
  } else if (name == "size") {
    auto edge = edge_of(value);
    if (!edge) return edge.error();
    request.edge = *edge;
  } else if (name == "routing") {
    request.routing = value;
  } else if (name == "v") {
    request.versioned = !value.empty();
  } else {
    return bad("unknown parameter " + in_brackets(name) +
               ": the parameters are [field], [position], [size], [routing] and [v]");
  }
  return true;
}

/// A name that Elasticsearch gives no index, and that would make another route of the path or name several.
bool is_one_index(const std::string& index) {
  return !index.empty() && index.size() <= k_longest_name && index != "." && index != ".." &&
         std::string_view("_-+").find(index.front()) == std::string_view::npos &&
         index.find_first_of("*,/\\?#<>|\" ") == std::string::npos;
}

}  // namespace

Result<PictureRequest, Refusal> read_picture_request(const std::string& index, const std::string& id,
                                                     const http::Request& request) {
  PictureRequest read;
  if (!is_one_index(index)) return Refusal{404, "not_found", in_brackets(index) + " is not the name of one index"};
  if (id.empty() || id.size() > k_longest_name)
    return Refusal{404, "not_found", in_brackets(id) + " is not the id of a document"};
  read.index = index;
  read.id = id;
  std::set<std::string> given;
  for (const auto& [name, value] : request.query_parameters()) {
    if (!given.insert(name).second) return bad("parameter " + in_brackets(name) + " appears twice");
    if (auto taken = take_parameter(name, value, read); !taken) return taken.error();
  }
  read.if_none_match = http::field_list(request.headers, "If-None-Match");
  read.caller = elastic::caller_of(request);
  return read;
}

}  // namespace sightline::pictures
