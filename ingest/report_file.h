// A file that a report goes to: checked before hours of work, written during them or afterwards.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace sightline::ingest {

/// It is opened once and stays open, so that what was checked is what is written, also if it is a pipe. One that did not
/// exist is removed again if nothing is written.
/// Only one program at a time has a regular file open so: it is locked (flock).
class ReportFile {
 public:
  /// A new file, an empty one, an earlier report, which begins with `beginning`, or no regular file (/dev/null, a pipe
  /// with a reader). A file that standard output or error goes to (/dev/stdout) is written through that stream, which
  /// the caller flushes before, and keeps what it holds. `option` names it in messages. Errors: invalid_argument (it cannot be written, holds
  /// something else, or another program is writing it).
  static Result<ReportFile> open(const std::filesystem::path& file, std::string_view beginning,
                                 const std::string& option);
  ReportFile(ReportFile&& other) noexcept { *this = std::move(other); }
  ReportFile& operator=(ReportFile&& other) noexcept;
  ~ReportFile();

  /// True if `path` is the same file. A device such as /dev/null is none.
  bool is_also(const std::filesystem::path& path) const;
  /// Replaces what it holds. If the disk has no room for that, it keeps what it holds. Errors: unavailable.
  Status write(std::string_view content);
  /// The first call replaces what it holds, as `write` does. Errors: unavailable.
  Status append(std::string_view content);

 private:
  ReportFile() = default;
  Status put(std::string_view content);
  Error unwritten() const;

  std::string name_;               // with its option, for messages
  std::filesystem::path created_;  // to be removed; empty: it was there, or is written
  int descriptor_ = -1;
  bool is_regular_ = false;
  bool is_begun_ = false;
};

}  // namespace sightline::ingest
