#include "ingest/row_matching.h"

#include <algorithm>
#include <doctest/doctest.h>

#include "tests/base/temporary_folder.h"
#include "tests/ingest/found.h"

using namespace sightline;
using namespace sightline::ingest;

namespace {

struct Matched {
  std::vector<std::string> lines;  // "picture=line" for each picture with a row
  std::vector<std::string> notes;  // "name: reason", of rows without a file and files with two rows
  std::size_t files_without_row = 0;
};

Matched match(const std::vector<std::string>& pictures, const std::vector<std::string>& rows) {
  const TemporaryFolder folder;
  std::string table = "file,n\n";
  for (const std::string& row : rows) table += "\"" + row + "\",1\n";
  const auto attributes = Attributes::read(folder.write("a.csv", table));
  REQUIRE(attributes.ok());
  std::vector<PictureFile> files;
  for (const std::string& name : pictures) files.push_back(picture_file("photos", name));
  std::vector<Note> notes;
  const RowMatches matches = match_rows(*attributes, files, {}, [&](const Note& note) { notes.push_back(note); });
  Matched matched;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (matches.of_picture[i])
      matched.lines.push_back(files[i].name() + "=" +
                              std::to_string(attributes->rows()[matches.of_picture[i]->row].line));
  }
  for (const Note& note : notes) {
    if (note.kind == Note::Kind::file_without_row) {
      ++matched.files_without_row;
    } else {
      matched.notes.push_back(note.name + ": " + note.reason);
    }
  }
  return matched;
}

using Texts = std::vector<std::string>;
const std::string k_composed =
                      "K\xC3\xBC"
                      "che.jpg",
                  k_decomposed =
                      "Ku\xCC\x88"
                      "che.jpg";

}  // namespace

TEST_CASE("a row finds its picture in every spelling of the name") {
  for (const auto& [picture, row] : std::vector<std::pair<std::string, std::string>>{
           {k_decomposed, k_composed},
           {k_composed, k_decomposed},
           {"a.jpg", "./a.jpg"},
           {"sub/a.jpg", "sub\\a.jpg"},
           {"A.JPG", "a.jpg"},
           {"a.jpg", "A.JPG"},
           {"a.jpg", "a.jpg  "},
           {"a.jpg", "\ta.jpg\xC2\xA0"},
           {"sub/a.jpg", "a.jpg"},
           {"sub/A.JPG", "a.jpg"},
           {"sub/" + k_decomposed, k_composed},
           {"sub/a.jpg", "photos/sub/a.jpg"},
           {"sub/a.jpg", "SUB//A.jpg"},
           {"sub/a.jpg", (std::filesystem::current_path() / "photos/sub/a.jpg").string()}}) {
    CAPTURE(picture);
    CAPTURE(row);
    const Matched matched = match({picture}, {row});
    CHECK(matched.lines == Texts{picture + "=2"});
    CHECK(matched.notes.empty());
    CHECK(matched.files_without_row == 0);
  }
}

TEST_CASE("the literal spelling comes first, and nothing is guessed") {
  CHECK(match({"A.jpg", "a.jpg"}, {"a.jpg", "A.jpg"}).lines == Texts{"A.jpg=3", "a.jpg=2"});
  CHECK(match({k_composed, k_decomposed}, {k_decomposed, k_composed}).lines ==
        Texts{k_composed + "=3", k_decomposed + "=2"});
  CHECK(match({"A.jpg", "a.jpg"}, {"a.jpg"}).lines == Texts{"a.jpg=2"});
  CHECK(match({"A.JPG", "A.jpg"}, {"a.jpg"}).lines.empty());
  CHECK(match({"a.JPG"}, {"A.jpg", "a.jpg"}).lines.empty());
  CHECK(match({"a.jpg", "sub/a.jpg"}, {"a.jpg", "sub/a.jpg"}).lines == Texts{"a.jpg=2", "sub/a.jpg=3"});
  // A path of its own is better than a file name.
  CHECK(match({"a.jpg", "sub/a.jpg"}, {"a.jpg"}).lines == Texts{"a.jpg=2"});
  // A file name alone means the file in any folder.
  CHECK(match({"x/a.jpg", "y/a.jpg"}, {"a.jpg"}).lines == Texts{"x/a.jpg=2", "y/a.jpg=2"});
  CHECK(match({"x/a.jpg"}, {"y/a.jpg"}).lines.empty());
}

TEST_CASE("rows that match no file are named, with what may have been meant") {
  CHECK(match({"tpyo.jpg", "b.jpg"}, {"typo.jpg", "b.jpg", "nothing-like-it.jpg"}).notes ==
        Texts{"typo.jpg: line 2 names a file that is not in the folder; did you mean tpyo.jpg?",
              "nothing-like-it.jpg: line 4 names a file that is not in the folder"});
  CHECK(match({"a.jpg"}, {"a.jpg", "./a.jpg"}).notes ==
        Texts{"./a.jpg: line 3 names a file that is not in the folder; a.jpg belongs to line 2"});
  CHECK(
      match({"A.JPG", "A.jpg"}, {"a.jpg"}).notes ==
      Texts{"a.jpg: line 2 names a file that is not in the folder; several files or rows are spelled like it, but for "
            "capital and small letters"});
  CHECK(match({"a.jpg"}, {""}).notes == Texts{"line 2: this row names no file"});
  CHECK(match({"a.jpg", "b.jpg"}, {"a.jpg"}).files_without_row == 1);
}

TEST_CASE("of two rows for a file the later counts, and both are named") {
  const Matched matched = match({"a.jpg"}, {"a.jpg", "a.jpg"});
  CHECK(matched.lines == Texts{"a.jpg=3"});
  CHECK(matched.notes == Texts{"a.jpg: lines 2, 3 name this file; line 3 counts"});
}

TEST_CASE("a path with the folder in front means the picture of that folder first, where there are several folders") {
  const TemporaryFolder folder;
  const auto attributes = Attributes::read(folder.write("a.csv", "file,n\ntwo/a.jpg,1\n./one/two/a.jpg,2\n"));
  REQUIRE(attributes.ok());
  const std::vector<PictureFile> files{picture_file("one", "two/a.jpg"), picture_file("two", "a.jpg")};
  const RowMatches matches = match_rows(*attributes, files, {}, [](const Note&) {});
  REQUIRE(matches.of_picture[0]);
  CHECK(matches.of_picture[0]->row == 1);
  REQUIRE(matches.of_picture[1]);
  CHECK(matches.of_picture[1]->row == 0);
  // Of one folder the path below it comes first.
  CHECK(match({"photos/a.jpg", "a.jpg"}, {"photos/a.jpg"}).lines == Texts{"photos/a.jpg=2"});
}

TEST_CASE("many rows that each mean many pictures are matched at once, and a note names the first of their lines") {
  constexpr std::size_t k_many = 30'000;  // all pairs of them would be 900 million
  std::vector<std::string> pictures;
  for (std::size_t i = 0; i < k_many; ++i) pictures.push_back(std::to_string(i) + "/a.jpg");
  const Matched matched = match(pictures, std::vector<std::string>(k_many, "a.jpg"));
  CHECK(matched.lines.size() == k_many);
  REQUIRE(matched.notes.size() == k_many);
  CHECK(matched.notes.front() ==
        "0/a.jpg: lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 29990 more name this file; line 30001 counts");
}
