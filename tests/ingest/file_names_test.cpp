#include "ingest/file_names.h"

#include <doctest/doctest.h>

using namespace sightline::ingest;

TEST_CASE("bytes that are not UTF-8 are escaped, and control characters for reports") {
  CHECK(utf8_name("K\xC3\xBC"
                  "che.jpg") ==
        "K\xC3\xBC"
        "che.jpg");
  CHECK(utf8_name("caf\xE9.jpg") == "caf\\xE9.jpg");
  CHECK(utf8_name("\xED\xA0\x80.jpg") == "\\xED\\xA0\\x80.jpg");  // half of a surrogate pair
  CHECK(utf8_name("cut\xE2\x82") == "cut\\xE2\\x82");
  CHECK(utf8_name("a\nb") == "a\nb");
  CHECK(printable("a\nb\x1B[31m\x7F") == "a\\x0Ab\\x1B[31m\\x7F");
  CHECK(printable("\xC2\x9B"
                  "31m") ==
        "\\xC2\\x9B"
        "31m");  // the same escape in one character
  CHECK(printable("\xC2\xA0") == "\xC2\xA0");
}

TEST_CASE("all spellings of a path share one canonical form") {
  const char* const composed =
      "K\xC3\xBC"
      "che.jpg";
  const char* const decomposed =
      "Ku\xCC\x88"
      "che.jpg";
  CHECK(canonical_path(decomposed) == composed);
  CHECK(canonical_path(composed) == composed);
  CHECK(canonical_path("\xEA\xB0\x80") == canonical_path("\xE1\x84\x80\xE1\x85\xA1"));  // Hangul
  CHECK(canonical_path("./sub//a.jpg") == "sub/a.jpg");
  CHECK(canonical_path("sub\\deep\\a.jpg") == "sub/deep/a.jpg");
  CHECK(canonical_path(".\\sub/./a.jpg") == "sub/a.jpg");
  CHECK(canonical_path("other/../sub/a.jpg") == "sub/a.jpg");
  CHECK(canonical_path("../a.jpg") == "../a.jpg");
  CHECK(canonical_path("/abs/a.jpg") == "/abs/a.jpg");
  CHECK(canonical_path(" a.jpg\t\r") == "a.jpg");
  CHECK(canonical_path("\xEF\xBB\xBF"
                       "a.jpg\xC2\xA0") == "a.jpg");
  CHECK(canonical_path("a b.jpg") == "a b.jpg");
  CHECK(canonical_path(" \t").empty());
  CHECK(canonical_path("A.jpg") != canonical_path("a.jpg"));
}

TEST_CASE("folded paths do not tell capital from small letters") {
  CHECK(folded_path("SUB\\A.JPG") == "sub/a.jpg");
  CHECK(folded_path("\xC3\x89T\xC3\x89.jpg") == folded_path("e\xCC\x81te\xCC\x81.JPG"));
  CHECK(folded_path("STRASSE.jpg") == folded_path("stra\xC3\x9F"
                                                  "e.jpg"));
  CHECK(folded_path("\xCE\xA3") == folded_path("\xCF\x82"));  // sigma, also at a word's end
}

TEST_CASE("distances count edits up to a limit") {
  CHECK(edit_distance("typo.jpg", "tpyo.jpg", 2) == 2);
  CHECK(edit_distance("a.jpg", "a.jpg", 2) == 0);
  CHECK(edit_distance("a.jpg", "ab.jpg", 2) == 1);
  CHECK(edit_distance("abc", "xyz", 2) == 3);
  CHECK(edit_distance("", "abcd", 2) == 3);
  CHECK(edit_distance("kitten", "sitting", 9) == 3);
}
