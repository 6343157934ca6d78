// `{{field}}` in the options of processors.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/pipelines/ingest_document.h"

namespace sightline::elastic {

/// How `{{path}}`, unlike `{{{path}}}`, puts a value into a text.
enum class Encoding {
  plain,  ///< as it is
  json,   ///< as the inside of a JSON string
  form,   ///< as in a URL's query: "a b/c" becomes "a+b%2Fc"
};
/// That of a processor's `media_type`; nothing if Elasticsearch has none for it.
std::optional<Encoding> encoding_of(std::string_view media_type);
std::string encoded(std::string_view text, Encoding encoding);

/// The part of Mustache that pipelines live on: `{{path}}`, `{{{path}}}` and `{{&path}}` put a value of the
/// document there; what is missing or null leaves nothing. Sections, comments and partials are refused.
class Template {
 public:
  /// Errors: illegal_argument_exception for tags that are not closed or not supported.
  static Answer<Template> compile(std::string_view text);

  /// The text if it is the same for every document.
  std::optional<std::string> plain_text() const;
  /// Nothing if the text would have more than `max_bytes`; no more memory is taken then.
  std::optional<std::string> render(const IngestDocument& document, Encoding encoding, std::size_t max_bytes) const;
  /// The same for a path, a name or a message, which have 64 KiB at most. Errors: it has more.
  Answer<std::string> name(const IngestDocument& document) const;

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

/// Of paths, names and messages that are made of documents.
constexpr std::size_t k_longest_name = 64u << 10;

}  // namespace sightline::elastic
