#include "ingest/file_list.h"

#include <algorithm>
#include <array>
#include <istream>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "ingest/file_names.h"

namespace sightline::ingest {
namespace fs = std::filesystem;
namespace {

// What is not even a bad name: a device such as /dev/zero, or a picture given as the list.
constexpr std::size_t k_endless_bytes = 1u << 20;

/// Takes a stream apart, of which it holds one name and a small buffer.
class Names {
 public:
  Names(std::istream& list, const FileListOptions& options) : list_(list), options_(options) {}

  struct Name {
    std::size_t number = 0;  ///< of the name in the list, counted from 1
    std::string text;
    bool is_bad = false;      ///< over the limit (then `text` is its beginning), or with a NUL byte
    bool is_endless = false;  ///< far over the limit: the rest was not read
  };
  /// Nothing at the end of the list.
  std::optional<Name> next() {
    Name name{number_ + 1, {}, false};
    bool has_any = false;
    std::size_t bytes = 0;
    for (std::optional<char> c = byte(); c; c = byte()) {
      has_any = true;
      if (*c == (options_.null_separated ? '\0' : '\n')) break;
      name.is_bad = name.is_bad || *c == '\0' || name.text.size() == options_.max_name_bytes;
      if (!name.is_bad) name.text += *c;
      name.is_endless = ++bytes > k_endless_bytes;
      if (name.is_endless) break;
    }
    if (!has_any) return std::nullopt;
    ++number_;
    if (!options_.null_separated && name.text.ends_with('\r')) name.text.pop_back();
    constexpr std::string_view k_byte_order_mark = "\xEF\xBB\xBF";
    if (number_ == 1 && name.text.starts_with(k_byte_order_mark)) name.text.erase(0, k_byte_order_mark.size());
    return name;
  }

 private:
  std::optional<char> byte() {
    if (at_ == have_) {
      list_.read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
      have_ = static_cast<std::size_t>(list_.gcount());
      at_ = 0;
      if (have_ == 0) return std::nullopt;
    }
    return buffer_[at_++];
  }

  std::istream& list_;
  const FileListOptions& options_;
  std::array<char, 64u << 10> buffer_;
  std::size_t at_ = 0, have_ = 0;
  std::size_t number_ = 0;
};

/// `path` without `.`, `..` and doubled slashes, without a slash at its ends; nothing if `..` leads above its beginning.
std::optional<std::string> tidied(std::string_view path) {
  std::string clean;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (clean.empty()) return std::nullopt;
      const std::size_t slash = clean.rfind('/');
      clean.resize(slash == std::string::npos ? 0 : slash);
      continue;
    }
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

/// What is left of `path` below `folder`, both absolute; nothing if it is not below.
std::optional<std::string_view> below(std::string_view path, std::string_view folder) {
  if (folder == "/") folder = {};
  if (!path.starts_with(folder)) return std::nullopt;
  path.remove_prefix(folder.size());
  if (path.empty()) return path;
  if (path.front() != '/') return std::nullopt;
  return path.substr(1);
}

class Listing {
 public:
  Listing(const fs::path& folder, FindingSink& sink) : folder_(std::make_shared<const fs::path>(folder)), sink_(sink) {}

  /// Errors: not_found (the folder cannot be resolved).
  Status open() {
    std::error_code error;
    real_ = fs::canonical(*folder_, error).native();
    if (error)
      return Error{ErrorCode::not_found,
                   utf8_name(folder_->string()).append(" cannot be inspected: ").append(error.message())};
    absolute_ = std::string("/").append(tidied(fs::absolute(*folder_, error).native()).value_or(""));
    return {};
  }

  void take(const std::string& name) {
    const std::optional<std::string> path = path_below(name);
    if (!path) return note(Note::Kind::listed_outside, name, "this name leads out of the folder");
    const fs::path place = *folder_ / *path;
    const auto kind = inspect_entry(place);
    if (!kind.ok()) return sink_.add(Failure{utf8_name(name), 0, 0, kind.error().message + hint(*path)});
    if (*kind == EntryKind::folder)
      return note(Note::Kind::listed_other, name, "this is a folder: only files are loaded that the list names");
    if (!has_picture_extension(place)) return note(Note::Kind::listed_other, name, "its name has no picture extension");
    if (leads_out(place)) return note(Note::Kind::listed_outside, name, "a symbolic link leads out of the folder");
    pictures_.emplace_back(folder_, *path);
  }

  FoundPictures finish() {
    const auto by_name = [](const PictureFile& a, const PictureFile& b) { return a.below() < b.below(); };
    std::sort(pictures_.begin(), pictures_.end(), by_name);
    const auto same = [](const PictureFile& a, const PictureFile& b) { return a.below() == b.below(); };
    for (auto at = std::adjacent_find(pictures_.begin(), pictures_.end(), same); at != pictures_.end();
         at = std::adjacent_find(at, pictures_.end(), same)) {
      note(Note::Kind::listed_twice, at->below(), "the list names this file more than once; it is loaded once");
      at = std::find_if(at, pictures_.end(), [&](const PictureFile& other) { return !same(*at, other); });
    }
    pictures_.erase(std::unique(pictures_.begin(), pictures_.end(), same), pictures_.end());
    pictures_.shrink_to_fit();
    FoundPictures found;
    found.pictures = std::move(pictures_);
    return found;
  }

 private:
  std::optional<std::string> path_below(std::string_view name) const {
    if (!name.starts_with('/')) return tidied(name);
    const std::string clean = std::string("/").append(tidied(name).value_or(".."));
    auto rest = below(clean, absolute_);
    if (!rest) rest = below(clean, real_);
    return rest ? std::optional(std::string(*rest)) : std::nullopt;
  }

  /// The files of a folder follow each other in most lists, so the last folder is remembered.
  bool leads_out(const fs::path& place) {
    std::error_code error;
    fs::path parent = place.parent_path();
    if (parent != last_parent_) {
      const std::string real = fs::canonical(parent, error).native();
      last_is_inside_ = !error && below(real, real_).has_value();
      last_parent_ = std::move(parent);
    }
    const bool is_link = fs::is_symlink(place, error);
    if (!is_link && !error) return !last_is_inside_;
    const std::string real = fs::canonical(place, error).native();
    return error || !below(real, real_).has_value();
  }

  /// The frequent mistake: names as `find FOLDER` prints them, with the folder in front.
  std::string hint(const std::string& path) const {
    std::error_code error;
    const auto given = tidied(folder_->native());
    if (!given || given->empty() || !path.starts_with(*given + "/")) return "";
    if (!fs::exists(*folder_ / path.substr(given->size() + 1), error)) return "";
    return "; names are relative to the folder " + utf8_name(folder_->string()) +
           " (find's -printf '%P\\n' prints them)";
  }

  void note(Note::Kind kind, const std::string& name, const char* reason) {
    sink_.add(Note{kind, utf8_name(name), reason});
  }

  const PictureFile::Folder folder_;
  FindingSink& sink_;
  std::string real_, absolute_;  // the folder with and without links followed
  std::vector<PictureFile> pictures_;
  fs::path last_parent_;
  bool last_is_inside_ = false;
};

}  // namespace

Result<FoundPictures> read_file_list(const fs::path& folder, std::istream& list, const std::string& list_name,
                                     const FileListOptions& options, FindingSink& found) {
  if (const Status there = check_folder(folder); !there.ok()) return there.error();
  Listing listing(folder, found);
  if (const Status opened = listing.open(); !opened.ok()) return opened.error();
  Names names(list, options);
  std::size_t bad_names = 0;
  while (const auto name = names.next()) {
    if (name->is_bad) {
      const std::string what = options.null_separated ? "name " : "line ";
      const std::string reason = what + std::to_string(name->number) + " of " + list_name + " is not a path: it has " +
                                 (name->text.size() == options.max_name_bytes
                                      ? "more than " + std::to_string(options.max_name_bytes) + " bytes"
                                      : "a NUL byte (--null reads names that end with one)");
      found.add(Failure{utf8_name(name->text.substr(0, 100)), 0, 0, reason});
      if (++bad_names > options.max_bad_names || name->is_endless)
        return Error{
            ErrorCode::invalid_argument,
            std::string(name->is_endless ? "a name does not end: " : "too many names are not paths, the last one: ") +
                reason + "; is this a list of files?"};
    } else if (!name->text.empty()) {
      listing.take(name->text);
    }
  }
  if (list.bad()) return Error{ErrorCode::unavailable, "cannot read the list " + list_name + " to its end"};
  return listing.finish();
}

Result<std::vector<bool>> add_unlisted(const fs::path& folder, std::vector<PictureFile>& pictures) {
  auto found = find_pictures(folder);
  if (!found.ok()) return found.error();
  std::vector<PictureFile> all;
  all.reserve(found->pictures.size() + pictures.size());
  std::vector<bool> listed;
  auto other = found->pictures.begin();
  for (PictureFile& picture : pictures) {
    for (; other != found->pictures.end() && other->below() < picture.below(); ++other) {
      all.push_back(std::move(*other));
      listed.push_back(false);
    }
    if (other != found->pictures.end() && other->below() == picture.below()) ++other;
    all.push_back(std::move(picture));
    listed.push_back(true);
  }
  std::move(other, found->pictures.end(), std::back_inserter(all));
  listed.resize(all.size(), false);
  pictures = std::move(all);
  return listed;
}

}  // namespace sightline::ingest
