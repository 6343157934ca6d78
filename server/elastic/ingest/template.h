// `{{field}}` in the options of processors.
#pragma once

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

  bool is_plain() const;
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

}  // namespace sightline::elastic
