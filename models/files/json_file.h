// A model folder's texts and JSON files, and typed reading of their keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <rapidjson/document.h>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightline::models {

/// The file's bytes. Errors: not_found; unsupported (no regular file); too_large (over `max_bytes`).
Result<std::string> read_text_file(const std::filesystem::path& file, std::size_t max_bytes);

/// A JSON file whose root is an object, or a list.
class JsonFile {
 public:
  /// Parses without recursion and with UTF-8 checked. Errors: those of read_text_file; corrupt_data
  /// (naming file and byte; the root is not an object; an object has a key twice, naming it: other programs take another
  /// one of the two values).
  static Result<JsonFile> read(const std::filesystem::path& file, std::size_t max_bytes = 1u << 20);
  /// The same for a file whose root is a list.
  static Result<JsonFile> read_list(const std::filesystem::path& file, std::size_t max_bytes = 1u << 20);

  const std::filesystem::path& path() const { return path_; }
  const rapidjson::Value& root() const { return *document_; }

 private:
  static Result<JsonFile> parse(const std::filesystem::path& file, std::size_t max_bytes);

  std::filesystem::path path_;
  std::unique_ptr<rapidjson::Document> document_;
};

/// The member of an object; null if it is absent or JSON null (Hugging Face's classes take null as not
/// given).
const rapidjson::Value* given_member(const rapidjson::Value& object, const char* key);

/// The member as text; empty if it is absent or not text.
std::string_view text_member(const rapidjson::Value& object, const char* key);

/// The member as true or false; `otherwise` if it is neither.
bool bool_member(const rapidjson::Value& object, const char* key, bool otherwise);

/// Reads typed keys of one JSON object. An absent or null key gives the fallback, as Hugging Face's classes fill in
/// defaults. The first wrong key is stored as the error. Reading continues with fallbacks, so that a caller checks
/// `status` once at the end.
class ObjectReader {
 public:
  /// `place` names the object in messages: "FOLDER/config.json: text_config". An absent object (null) has no
  /// keys.
  ObjectReader(const rapidjson::Value* object, std::string place);

  /// An integer within [min, max].
  std::uint32_t integer(const char* key, std::uint32_t fallback, std::uint32_t min, std::uint32_t max);
  /// A number within [min, max].
  double number(const char* key, double fallback, double min, double max);
  bool boolean(const char* key, bool fallback);
  std::string string(const char* key, std::string_view fallback);

  const rapidjson::Value* member(const char* key) const;
  /// True if the key is given as null, which `member` does not tell from an absent key.
  bool is_null(const char* key) const;
  /// Records an error found by the caller; `what` completes "PLACE.KEY ".
  void refuse(const char* key, ErrorCode code, const std::string& what);
  const Status& status() const { return status_; }

 private:
  const rapidjson::Value* object_;
  std::string place_;
  Status status_;
};

}  // namespace sightline::models
