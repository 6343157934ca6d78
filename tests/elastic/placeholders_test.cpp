#include "server/elastic/inference/placeholders.h"

#include <doctest/doctest.h>

using namespace sightline::elastic;

namespace {

std::string filled(std::string_view text, const PlaceholderValues& values) {
  auto result = fill_placeholders(text, values, "request");
  return result ? *result : "error: " + result.error().type + ": " + result.error().reason;
}

}  // namespace

TEST_CASE("placeholders are replaced by their values, as often as they occur") {
  CHECK(filled("a ${x} b ${y}${x}", {{"x", "1"}, {"y", "2"}}) == "a 1 b 21");
  CHECK(filled("no placeholder", {}) == "no placeholder");
  CHECK(filled("a $ b {x} $x }", {{"x", "1"}}) == "a $ b {x} $x }");
}

TEST_CASE("no value makes a placeholder, alone or with what stands beside it") {
  const PlaceholderValues values{{"key", "hush"},    {"whole", "${key}"},  {"dollar", "$"},
                                 {"name", "{key}"},  {"open", "${"},       {"opened", "${key"},
                                 {"inside", "key"},  {"close", "}"},       {"default", "${x:-${key}}"},
                                 {"two", "$${key}"}, {"line", "${key\n}"}, {"self", "${self}"}};
  for (const auto& [text, expected] : PlaceholderValues{{"${whole}", "${key}"},
                                                        {"${dollar}${name}", "${key}"},
                                                        {"${dollar}{key}", "${key}"},
                                                        {"${open}key}", "${key}"},
                                                        {"${opened}${close}", "${key}"},
                                                        {"${open}${inside}${close}", "${key}"},
                                                        {"$${dollar}", ""},
                                                        {"${dollar}${key}", "$hush"},
                                                        {"${two}", "$${key}"},
                                                        {"${line}", "${key\n}"},
                                                        {"${default}", "${x:-${key}}"},
                                                        {"${self}", "${self}"},
                                                        {"${none:-$}${name}", "${key}"}}) {
    CAPTURE(text);
    if (!expected.empty()) CHECK(filled(text, values) == expected);
    if (text != "${dollar}${key}") CHECK(filled(text, values).find("hush") == std::string::npos);
  }
}

TEST_CASE("a default stands where the name has no value") {
  CHECK(filled("${x:-fallback}", {}) == "fallback");
  CHECK(filled("${x:-fallback}", {{"x", "1"}}) == "1");
  CHECK(filled("${x:-}", {}) == "");
  CHECK(filled("${x:-a:-b}", {}) == "a:-b");
}

TEST_CASE("what is left over is an error that names it and its field") {
  CHECK(filled("a ${nope} b", {}) ==
        "error: illegal_state_exception: Found placeholder [${nope}] in field [request] after replacement "
        "call, please check that "
        "all templates have a corresponding field definition.");
  CHECK(filled("$${x}", {{"x", "1"}}).starts_with("error: illegal_state_exception: Found placeholder [${x}]"));
}

TEST_CASE("an opening mark without an end on its line is text") {
  CHECK(filled("a ${ b", {}) == "a ${ b");
  CHECK(filled("a ${x\ny} b", {}) == "a ${x\ny} b");
}

TEST_CASE("a text that grows too large is refused before it is made") {
  const PlaceholderValues values{{"v", std::string(1u << 20, 'x')}};
  std::string many;
  for (int i = 0; i < 300; ++i) many += "${v}";
  CHECK(filled(many, values).starts_with("error: illegal_argument_exception: the text grows over"));
}
