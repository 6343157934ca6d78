// `${name}` in the templates of a custom endpoint.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// The value of each name.
using PlaceholderValues = std::map<std::string, std::string, std::less<>>;

/// Bounds what filled templates have together.
struct FillLimit {
  std::string_view texts = "the text grows";  ///< in errors: what grows, with its verb
  std::size_t max_bytes = std::size_t{64} << 20;
  std::size_t used = 0;
};

/// True if a template of this text would hold a placeholder.
bool holds_placeholder(std::string_view text);

/// Replaces `${name}` in `text`, much as Elasticsearch does with the StringSubstitutor of Apache Commons
/// Text:
/// - `${name:-other}` is `other` where the name has no value;
/// - `$${name}` is an escape: the first `$` goes, the rest stays (and is refused by the next rule);
/// - a `${...}` on one line without a value is an error.
///
/// Unlike there, only `text` is a template. Values are put in unchanged and never inspected, neither
/// alone nor together with what is beside them: text that is to be embedded, and parameters of a request,
/// come from people who may use an endpoint and must not get its secrets sent. So whatever a value holds, no
/// placeholder comes of it.
///
/// `field` names the text in errors. Errors: illegal_state_exception (left over), illegal_argument_exception
/// (over `limit`, which counts the result).
Answer<std::string> fill_placeholders(std::string_view text, const PlaceholderValues& values, std::string_view field,
                                      FillLimit& limit);
/// The same for one text, within the defaults of FillLimit.
Answer<std::string> fill_placeholders(std::string_view text, const PlaceholderValues& values, std::string_view field);

}  // namespace sightline::elastic
