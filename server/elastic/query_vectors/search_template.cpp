#include "server/elastic/query_vectors/search_template.h"

#include "server/elastic/rest/json_walk.h"

namespace sightline::elastic {
namespace {

using Kind = rest::JsonToken::Kind;

constexpr std::string_view k_builder = "query_vector_builder";

/// Looks into the root's member `source`.
class TemplateVisitor {
 public:
  explicit TemplateVisitor(std::string_view body) : body_(body) {}

  void key(std::string_view name, std::size_t) {
    if (depth_ == 1) in_source_ = name == "source";
    if (!in_source_ || depth_ < 2) return;
    has_builder_ = has_builder_ || name == k_builder;
    has_kind_ = has_kind_ || name == "text_embedding" || name == "embedding";
  }
  void scalar(Kind kind, std::size_t begin, std::size_t end) {
    if (!in_source_ || depth_ != 1 || kind != Kind::string) return;
    const std::string text =
        json::decoded_string(body_.substr(begin, end - begin), rest::k_json_limits).value_or("");
    has_builder_ = text.find(k_builder) != std::string::npos;
    has_kind_ = text.find("\"text_embedding\"") != std::string::npos ||
                text.find("\"embedding\"") != std::string::npos;
  }
  void open(bool, std::size_t) { ++depth_; }
  void close(std::size_t) { --depth_; }

  bool needs_endpoint() const { return has_builder_ && has_kind_; }

 private:
  std::string_view body_;
  int depth_ = 0;
  bool in_source_ = false, has_builder_ = false, has_kind_ = false;
};

}  // namespace

Refusal refused_template(std::string_view body) {
  TemplateVisitor visitor(body);
  if (!walk_json(body, visitor) || !visitor.needs_endpoint()) return {};
  return illegal_argument(
      "[query_vector_builder] cannot be resolved in a search template; request the vector from the endpoint, put "
      "it "
      "into [params] and use [query_vector] in the template, or send the search itself to _search");
}

}  // namespace sightline::elastic
