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

TEST_CASE("values are templates in their turn, even text that is to be embedded") {
  CHECK(filled("${input}", {{"input", "[\"the key is ${api_key}\"]"}, {"api_key", "\"secret\""}}) ==
        "[\"the key is \"secret\"\"]");
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
  CHECK(
      filled("$${x}", {{"x", "1"}}).starts_with("error: illegal_state_exception: Found placeholder [${x}]"));
}

TEST_CASE("an opening mark without an end on its line is text") {
  CHECK(filled("a ${ b", {}) == "a ${ b");
  CHECK(filled("a ${x\ny} b", {}) == "a ${x\ny} b");
}

TEST_CASE("values that hold each other are refused") {
  CHECK(filled("${a}", {{"a", "x${b}"}, {"b", "${a}"}}) ==
        "error: illegal_state_exception: Infinite loop in property interpolation of a: b");
  CHECK(filled("${input}", {{"input", "[\"${input}\"]"}})
            .starts_with("error: illegal_state_exception: Infinite loop"));
}

TEST_CASE("values that multiply each other are refused before they fill the memory") {
  PlaceholderValues values{{"v0", "0123456789"}};
  PlaceholderValues empty{{"v0", ""}};
  for (int i = 1; i <= 40; ++i) {
    const std::string twice = "${v" + std::to_string(i - 1) + "}${v" + std::to_string(i - 1) + "}";
    values["v" + std::to_string(i)] = twice;
    empty["v" + std::to_string(i)] = twice;
  }
  CHECK(filled("${v40}", values).starts_with("error: illegal_argument_exception: more than"));
  CHECK(filled("${v40}", empty).starts_with("error: illegal_argument_exception: more than"));
}
