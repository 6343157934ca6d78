// Unicode as the reference has it: every code point, by digests that unicode_digests.py makes of it.
#include "models/tokenizer/unicode.h"

#include <doctest/doctest.h>
#include <functional>
#include <string>

#include "base/json/utf8.h"
#include "base/sha256.h"
#include "models/tokenizer/bert_words.h"
#include "models/tokenizer/clip_pieces.h"

namespace sightline::models {
namespace {

using Line = std::function<std::string(const std::string& character)>;
using Cut = void (*)(std::string_view, const std::function<void(std::string_view)>&);

/// The digest of the lines that `line` gives for all code points but surrogates.
std::string digest_of(const Line& line) {
  std::string lines;
  for (UChar32 c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string character;
    json::append_utf8(character, c);
    lines += line(character) + "\n";
  }
  return sha256_hex(lines);
}

constexpr BertNormalizer k_no_steps{false, false, false, false};

std::string joined(Cut cut, const std::string& text) {
  std::string out;
  cut(text, [&](std::string_view piece) { (out += out.empty() ? "" : "|") += piece; });
  return out;
}

}  // namespace

TEST_CASE("each step of BERT's normaliser treats every code point as the reference does") {
  BertNormalizer clean = k_no_steps, chinese = k_no_steps, accents = k_no_steps, lower = k_no_steps;
  clean.clean_text = true;
  chinese.space_chinese_letters = true;
  accents.strip_accents = true;
  lower.lowercase = true;
  CHECK(digest_of(clean) == "71170c6bb9439cd0457b8d9740152b7aed5d8b2443ccf6751442a73592522e44");
  CHECK(digest_of(chinese) == "099fdc582e732f254c394436059d4600df4f0a3a122c231969846b09bf106792");
  CHECK(digest_of(accents) == "1a9615da86c82660dd89515ffe048568232087782440b153d7725619df54fd1e");
  CHECK(digest_of(lower) == "62a955092f4341ca841e803dc5d73e6df6210c1d7a8046780af533dc63ec2bd1");
}

TEST_CASE("BERT's words are those of the reference around every code point") {
  const BertNormalizer whole;
  CHECK(digest_of([&](const std::string& c) { return whole("a" + c + "\u0301\u0316B"); }) ==
        "0544723a7e870214efe4eb19941b690ced3e870ed268971a706084302e156532");
  CHECK(digest_of([](const std::string& c) { return joined(for_each_bert_word, "a" + c + "b"); }) ==
        "0e1ed7646323d42b1168a412f828faa4f3b2d373dd3ad8949a8f76ebac131aa2");
}

TEST_CASE("CLIP's pieces are those of the reference around every code point") {
  CHECK(digest_of([](const std::string& c) { return clip_normalize("a" + c + "\u0301\u0316B"); }) ==
        "94f02f0ad15e9d0ade6bc9403451918ecbf4332f71bbdc8a9b2a6b8ed5d82ed2");
  CHECK(digest_of([](const std::string& c) { return joined(for_each_clip_piece, "a" + c + "b"); }) ==
        "4d4be13d5dbe30a6312ce49be93d0444c4e4807e0375114c99cb07fd33f23d1c");
  CHECK(digest_of([](const std::string& c) { return joined(for_each_clip_piece, "!" + c + "!"); }) ==
        "d47366f1c78e802f0e4cbcc97b80a16f4ef8f098a4a8afbcd821bf0104622578");
}

TEST_CASE("long sequences of marks have the form that short ones have, in time in proportion to their length") {
  // Every form of "a" and marks is the same whatever their order among different classes.
  const auto repeated = [](std::string_view part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += part;
    return text;
  };
  const auto sorted = [&](std::string_view below, std::string_view above, int times) {
    return repeated(below, times) + repeated(above, times);
  };
  constexpr int k_times = 100'000;                                        // takes minutes if each mark is inserted
  const std::string above = "\u0315", over = "\u0301", below = "\u0323";  // classes 232, 230, 220
  CHECK((to_nfd("a" + repeated(above + over, k_times)) == "a" + sorted(over, above, k_times)));
  CHECK((to_nfc("a" + repeated(above + over, k_times)) ==
         "\u00E1" + repeated(over, k_times - 1) + repeated(above, k_times)));
  CHECK((to_current_nfc("x" + repeated(over + below, k_times) + "c") == "x" + sorted(below, over, k_times) + "c"));
  // Without a class of their own, and made of marks.
  CHECK((to_nfd("\u0F40" + repeated("\u0F73", k_times)) == "\u0F40" + sorted("\u0F71", "\u0F72", k_times)));
  CHECK((to_current_nfkc("x" + repeated(over + "\uFF9E", k_times)) == "x" + sorted("\u3099", over, k_times)));
  // Around the length from which they are sorted first: the same as by parts.
  for (int times = 20; times < 40; ++times) {
    const std::string marks = repeated(above + over, times);
    CHECK((to_nfd("a" + marks + "b" + marks) == to_nfd("a" + marks) + to_nfd("b" + marks)));
    CHECK((to_nfd("a" + marks) == "a" + sorted(over, above, times)));
  }
}

TEST_CASE("marks that came after the reference's tables stay, older ones go") {
  const BertNormalizer whole;
  CHECK(whole("x\u0301") == "x");
  CHECK(whole("x\u08E3") == "x");        // Unicode 8.0
  CHECK(whole("x\u08D4") == "x\u08D4");  // 9.0
  CHECK(whole("\u1885") == "\u1885");    // a letter then, a mark now
}

}  // namespace sightline::models
