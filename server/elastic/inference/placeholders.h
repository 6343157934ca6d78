// `${name}` in the templates of a custom endpoint.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic {

/// What stands for each name.
using PlaceholderValues = std::map<std::string, std::string, std::less<>>;

/// Replaces `${name}` in `text`, as Elasticsearch does with the StringSubstitutor of Apache Commons Text:
/// - values are searched for placeholders in their turn;
/// - `${name:-other}` is `other` where the name has no value;
/// - `$${name}` is an escape: the first `$` goes, the rest stays (and is refused by the next rule);
/// - what still looks like `${...}` on one line afterwards is an error.
///
/// So text that is sent to be embedded is a template too: `${api_key}` in it is replaced by the secret
/// parameter of that name. Elasticsearch has this peculiarity, and it is kept, because what works here must
/// work there. Values that hold each other are refused as Elasticsearch refuses them; beyond that the size of
/// the outcome and the number of replacements are limited, since values that repeat each other grow without
/// bound.
///
/// `field` names the text in errors. Errors: illegal_state_exception (left over, a cycle),
/// illegal_argument_exception (too large).
Answer<std::string> fill_placeholders(std::string_view text, const PlaceholderValues& values,
                                      std::string_view field);

}  // namespace sightline::elastic
