// Character references of HTML in texts.
#pragma once

#include <string>
#include <string_view>

namespace sightline::models {

/// Python's html.unescape: references are replaced as browsers do it, also names without ";", so that
/// "&copycat" becomes "©cat". `text` is well-formed UTF-8.
std::string unescape_html(std::string_view text);

/// ftfy's unescape_html: only complete references with ";", and names of lower case also in upper case ("&EACUTE;").
std::string unescape_complete_html(std::string_view text);

}  // namespace sightline::models
