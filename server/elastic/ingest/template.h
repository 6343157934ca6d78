// `{{field}}` in the options of processors.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/ingest/ingest_document.h"

namespace sightline::elastic {

/// The part of Mustache that pipelines live on: `{{path}}`, `{{{path}}}` and `{{&path}}` put a value of the
/// document there; what is missing or null leaves nothing. Sections, comments and partials are refused.
class Template {
 public:
  /// Errors: illegal_argument_exception for tags that are not closed or not supported.
  static Answer<Template> compile(std::string_view text);

  /// The text if it is the same for every document.
  std::optional<std::string> plain_text() const;
  /// With `json_escape` values of `{{path}}` (not of `{{{path}}}`) are escaped as inside a JSON string.
  std::string render(const IngestDocument& document, bool json_escape = false) const;

 private:
  struct Part {
    std::string text;  ///< text as it is, or a path
    bool is_path = false;
    bool raw = false;
  };
  std::vector<Part> parts_;
};

/// One tag of a template: what stands between the braces.
struct TemplateTag {
  std::size_t begin = 0, end = 0;  ///< of the whole tag, braces included; `end` is 0 if it is not closed
  std::string_view text;           ///< without blanks around it, and without `&`
  bool raw = false;                ///< `{{{path}}}` or `{{&path}}`: put there as it is
};

/// The first tag at or behind `from`.
std::optional<TemplateTag> next_tag(std::string_view text, std::size_t from);

/// As the inside of a JSON string.
std::string escaped_for_json(const std::string& text);

}  // namespace sightline::elastic
