#include "server/elastic/query_vectors/search_template.h"

#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

constexpr std::string_view k_builder = "query_vector_builder";

/// Looks into the root's member `source`.
class TemplateVisitor {
 public:
  bool key(std::string_view name, json::Place) {
    if (depth_ == 1) in_source_ = name == "source";
    if (!in_source_ || depth_ < 2) return true;
    has_builder_ = has_builder_ || name == k_builder;
    has_kind_ = has_kind_ || name == "text_embedding" || name == "embedding";
    return true;
  }
  bool scalar(json::Kind kind, std::string_view text, json::Place) {
    if (!in_source_ || depth_ != 1 || kind != json::Kind::string) return true;
    const auto has = [text](std::string_view part) { return text.find(part) != std::string_view::npos; };
    has_builder_ = has(k_builder);
    has_kind_ = has("\"text_embedding\"") || has("\"embedding\"");
    return true;
  }
  bool open(json::Kind, std::size_t) { return ++depth_, true; }
  bool close(json::Kind, std::size_t, std::size_t) { return --depth_, true; }

  bool needs_endpoint() const { return has_builder_ && has_kind_; }

 private:
  int depth_ = 0;
  bool in_source_ = false, has_builder_ = false, has_kind_ = false;
};

}  // namespace

Refusal refused_template(std::string_view body) {
  TemplateVisitor visitor;
  if (json::read(body, rest::k_json_limits, visitor) || !visitor.needs_endpoint()) return {};
  return illegal_argument(
      "[query_vector_builder] cannot be resolved in a search template; request the vector from the endpoint, put "
      "it "
      "into [params] and use [query_vector] in the template, or send the search itself to _search");
}

}  // namespace sightline::elastic
