#include "base/secret_mask.h"

#include <algorithm>
#include <doctest/doctest.h>

#include "base/base64.h"

using sightline::base64_encode;
using sightline::SecretMask;
using sightline::without_secret;

TEST_CASE("a secret is hidden however a text repeats it") {
  const std::string secret = "s/e\"c r+et\t&ü";
  for (const std::string& form :
       {secret, std::string(R"(s/e\"c r+et\t&ü)"), std::string(R"(s\/e\"c r+et\t&ü)"),
        std::string(R"(s/e\"c r+et\u0009&ü)"), std::string("s%2Fe%22c%20r%2Bet%09%26%C3%BC"),
        std::string("s%2fe%22c%20r%2bet%09%26%c3%bc"), std::string("s%2Fe%22c+r%2Bet%09%26%C3%BC"),
        std::string("s/e%22c%20r+et%09&%C3%BC")}) {
    CAPTURE(form);
    CHECK(without_secret("before " + form + " between " + form + ".", secret) == "before [hidden] between [hidden].");
  }
}

TEST_CASE("each way of writing URLs has its own marks that it keeps") {
  const std::string secret = "k ey!(x)*'~/";
  for (const std::string& form :
       {std::string("k%20ey%21%28x%29%2A%27~%2F"), std::string("k%20ey!(x)*'~%2F"), std::string("k%20ey!(x)*'~/"),
        std::string("k+ey%21%28x%29*%27%7E%2F"), std::string("k+ey%21%28x%29*%27%7e%2f")}) {
    CAPTURE(form);
    CHECK(without_secret("key=" + form + "&b", secret) == "key=[hidden]&b");
  }
}

TEST_CASE("of a form that holds the secret itself nothing is left") {
  CHECK(without_secret(R"({"key":"abc\\"})", R"(abc\)") == R"({"key":"[hidden]"})");
}

TEST_CASE("a secret is hidden in base64, with any text before and after it") {
  const std::string secret = "hush-hush-0123";
  for (const char* before : {"", "a", "ab", "abc", "user:", "Bearer "}) {
    for (const char* behind : {"", "z", "zz"}) {
      const std::string encoded = base64_encode(before + secret + behind);
      CAPTURE(encoded);
      const std::string shown = without_secret("Basic " + encoded + " was sent", secret);
      CHECK(shown.find("[hidden]") != std::string::npos);
      CHECK(shown.size() <= std::string("Basic  was sent[hidden]").size() + encoded.size() - 16);
    }
  }
}

TEST_CASE("a secret is hidden in the base64 of URLs") {
  const std::string secret = "~~~?>?>~~~";
  for (const char* before : {"", "a", "ab"}) {
    const std::string encoded = base64_encode(before + secret);
    std::string of_url = encoded;
    std::replace(of_url.begin(), of_url.end(), '+', '-');
    std::replace(of_url.begin(), of_url.end(), '/', '_');
    REQUIRE(of_url != encoded);
    CAPTURE(of_url);
    for (const std::string& sent : {encoded, of_url})
      CHECK(without_secret(sent, secret).find("[hidden]") != std::string::npos);
  }
}

TEST_CASE("texts without the secret stay as they are, and what is too short for a secret hides nothing") {
  CHECK(without_secret("nothing here", "hush") == "nothing here");
  CHECK(without_secret("a b ab", "ab") == "a b ab");
  CHECK(without_secret("", "hush") == "");
  CHECK(without_secret("hush", "") == "hush");
}

TEST_CASE("secrets that overlap are hidden together, whatever their order") {
  for (const auto& secrets : std::vector<std::vector<std::string_view>>{
           {"hush", "hush-hush-4711"}, {"hush-hush-4711", "hush"}, {"hush-hush", "hush-4711"}}) {
    CHECK(SecretMask(secrets).masked("a hush-hush-4711 b") == "a [hidden] b");
  }
  CHECK(SecretMask({"hush", "quiet"}).masked("hush quiet hushhush") == "[hidden] [hidden] [hidden][hidden]");
}

TEST_CASE("what is left of a long text shows no part of a secret") {
  const SecretMask mask({"hush-hush"});
  const std::string text = "0123hush-hush789";
  for (std::size_t bytes = 0; bytes <= text.size() + 1; ++bytes) {
    const std::string shown = mask.masked(text, bytes);
    CAPTURE(shown);
    CHECK(shown == (bytes <= 4   ? text.substr(0, bytes)
                    : bytes < 13 ? "0123[hidden]"
                                 : "0123[hidden]" + text.substr(13, bytes - 13)));
  }
}

TEST_CASE("a long text that nearly repeats a long secret takes no time") {
  const std::string secret = std::string(100'000, 'a') + "b", text(50u << 20, 'a');
  const SecretMask mask({secret});
  CHECK(mask.masked(text, 16u << 10) == text.substr(0, 16u << 10));  // naively: 1.6 billion comparisons, per form
  CHECK(mask.masked(text).size() == text.size());                    // 5,000 billion
}
