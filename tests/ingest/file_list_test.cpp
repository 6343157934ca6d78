#include "ingest/file_list.h"

#include <doctest/doctest.h>
#include <sstream>
#include <sys/stat.h>

#include "tests/base/temporary_folder.h"
#include "tests/ingest/found.h"

using namespace sightline;
using namespace sightline::ingest;

namespace {

struct Listed {
  std::vector<std::string> names;            ///< of the pictures to load
  std::vector<std::string> notes, failures;  ///< "name: reason"
  std::string error;
};

Listed read(const std::filesystem::path& folder, const std::string& list, FileListOptions options = {}) {
  std::istringstream stream(list);
  Found found;
  const auto pictures = read_file_list(folder, stream, "list", options, found);
  Listed listed;
  if (pictures.ok()) {
    for (const PictureFile& picture : pictures->pictures) listed.names.push_back(picture.name());
  } else {
    listed.error = pictures.error().message;
  }
  for (const Note& note : found.notes) listed.notes.push_back(note.name + ": " + note.reason);
  for (const Failure& failure : found.failures) listed.failures.push_back(failure.name + ": " + failure.reason);
  return listed;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a list's files are loaded in order of name, each once, however it spells them") {
  const TemporaryFolder folder;
  for (const char* name : {"b.jpg", "sub/a.png", ".hidden/c.JPG", "not listed.jpg"}) folder.write(name, "x");
  const std::string absolute = (folder.path() / "b.jpg").string();
  const Listed listed = read(folder.path(), "sub//a.png\n\n./b.jpg\r\n" + absolute + "\nsub/../b.jpg\n.hidden/c.JPG");
  CHECK(listed.names == Lines{".hidden/c.JPG", "b.jpg", "sub/a.png"});
  CHECK(listed.notes == Lines{"b.jpg: the list names this file more than once; it is loaded once"});
  CHECK(listed.failures.empty());
  CHECK(read(folder.path(), "").names.empty());
  CHECK(read(folder.path(),
             "\xEF\xBB\xBF"
             "b.jpg")
            .names == Lines{"b.jpg"});
}

TEST_CASE("names that end with a NUL byte may hold line feeds") {
  const TemporaryFolder folder;
  folder.write("two\nlines.jpg", "x");
  folder.write("b.jpg\r", "x");
  FileListOptions options;
  options.null_separated = true;
  const std::string list("two\nlines.jpg\0b.jpg\r\0", 22);
  const Listed listed = read(folder.path(), list, options);
  CHECK(listed.names == Lines{"two\nlines.jpg"});
  CHECK(listed.notes == Lines{"b.jpg\r: its name has no picture extension"});
}

TEST_CASE("nothing outside of the folder is loaded, by no spelling and by no link") {
  const TemporaryFolder outside;
  const TemporaryFolder folder;
  outside.write("secret.jpg", "x");
  folder.write("sub/a.jpg", "x");
  std::filesystem::create_symlink(outside.path() / "secret.jpg", folder.path() / "out.jpg");
  std::filesystem::create_directory_symlink(outside.path(), folder.path() / "out");
  std::filesystem::create_symlink("sub/a.jpg", folder.path() / "in.jpg");
  const std::string secret = (outside.path() / "secret.jpg").string();
  const std::string beside = folder.path().string() + "-beside/a.jpg";
  const Listed listed = read(folder.path(), secret + "\n../x.jpg\nsub/../../x.jpg\n" + beside +
                                                "\nout.jpg\nout/secret.jpg\nin.jpg\nsub/a.jpg\n/../x.jpg");
  CHECK(listed.names == Lines{"in.jpg", "sub/a.jpg"});
  const std::string out_of = ": this name leads out of the folder";
  const std::string link = ": a symbolic link leads out of the folder";
  CHECK(listed.notes == Lines{secret + out_of, "../x.jpg" + out_of, "sub/../../x.jpg" + out_of, beside + out_of,
                              "out.jpg" + link, "out/secret.jpg" + link, "/../x.jpg" + out_of});
}

TEST_CASE("a folder that is itself behind a link is the folder, by both of its names") {
  const TemporaryFolder folder, links;
  folder.write("a.jpg", "x");
  folder.write("b.jpg", "x");
  const auto link = links.path() / "photos";
  std::filesystem::create_directory_symlink(folder.path(), link);
  const Listed listed =
      read(link, (link / "a.jpg").string() + "\n" + (std::filesystem::canonical(folder.path()) / "b.jpg").string());
  CHECK(listed.names == Lines{"a.jpg", "b.jpg"});
}

TEST_CASE("what is listed but cannot be loaded is named with its reason") {
  const TemporaryFolder folder;
  folder.write("a.jpg", "x");
  folder.write("notes.txt", "x");
  std::filesystem::create_directory(folder.path() / "sub.jpg");
  std::filesystem::create_symlink("gone.jpg", folder.path() / "link.jpg");
  REQUIRE(::mkfifo((folder.path() / "pipe.jpg").c_str(), 0600) == 0);
  const Listed listed =
      read(folder.path(), "a.jpg\nabsent.jpg\na.jpg/b.jpg\nnotes.txt\nsub.jpg\n.\nlink.jpg\npipe.jpg");
  CHECK(listed.names == Lines{"a.jpg"});
  CHECK(listed.failures == Lines{"absent.jpg: this file does not exist", "a.jpg/b.jpg: this file does not exist",
                                 "link.jpg: this link leads to gone.jpg, which does not exist",
                                 "pipe.jpg: this is a named pipe, not a file"});
  CHECK(listed.notes == Lines{"notes.txt: its name has no picture extension",
                              "sub.jpg: this is a folder: only files are loaded that the list names",
                              ".: this is a folder: only files are loaded that the list names"});
  CHECK(read(folder.path() / "absent", "a.jpg").error.ends_with("absent is not a folder"));
}

TEST_CASE("names as find prints them, with the folder in front, get a hint") {
  const TemporaryFolder folder;
  folder.write("photos/a.jpg", "x");
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const Listed listed = read("photos/", "photos/a.jpg\nphotos/b.jpg");
  std::filesystem::current_path(here);
  CHECK(listed.failures == Lines{"photos/a.jpg: this file does not exist; names are relative to the folder photos/ "
                                 "(find's -printf '%P\\n' prints them)",
                                 "photos/b.jpg: this file does not exist"});
}

TEST_CASE("lines that are not paths are named, and many of them end the reading") {
  const TemporaryFolder folder;
  folder.write("a.jpg", "x");
  FileListOptions options;
  options.max_name_bytes = 20;
  options.max_bad_names = 2;
  const std::string longer(21, 'n'), with_null("a\0b", 3);
  Listed listed = read(folder.path(), longer + "\na.jpg\n" + with_null + "\n" + std::string(20, 'm'), options);
  CHECK(listed.names == Lines{"a.jpg"});
  CHECK(listed.failures ==
        Lines{std::string(20, 'n') + ": line 1 of list is not a path: it has more than 20 bytes",
              "a: line 3 of list is not a path: it has a NUL byte (--null reads names that end with one)",
              std::string(20, 'm') + ": this file does not exist"});
  listed = read(folder.path(), longer + "\n" + longer + "\n" + longer + "\na.jpg", options);
  CHECK(listed.error ==
        "too many names are not paths, the last one: line 3 of list is not a path: it has more than 20 bytes; is this "
        "a list "
        "of files?");
}

TEST_CASE("a list without end is not read to it") {
  const TemporaryFolder folder;
  const Listed listed = read(folder.path(), std::string(3u << 20, '\0'));
  CHECK(listed.failures.size() == 1);
  CHECK(listed.error.starts_with("a name does not end: line 1 of list is not a path"));
}

TEST_CASE("a folder's other pictures are put among the listed ones in order of name") {
  const TemporaryFolder folder;
  for (const char* name : {"a.jpg", "b.jpg", ".hidden.jpg", "sub/c.jpg", "z.jpg", "notes.txt"}) folder.write(name, "x");
  std::istringstream list("sub/c.jpg\n.hidden.jpg\nb.jpg\n");
  Found found;
  auto listed = read_file_list(folder.path(), list, "list", {}, found);
  REQUIRE(listed.ok());
  const auto marks = add_unlisted(folder.path(), listed->pictures);
  REQUIRE(marks.ok());
  CHECK(*marks == std::vector<bool>{true, false, true, true, false});
  Lines names;
  for (const PictureFile& picture : listed->pictures) names.push_back(picture.name());
  CHECK(names == Lines{".hidden.jpg", "a.jpg", "b.jpg", "sub/c.jpg", "z.jpg"});
  CHECK_FALSE(add_unlisted(folder.path() / "absent", listed->pictures).ok());
}
