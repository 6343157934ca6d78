// Tables for terminals, as _cat prints them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/limits.h"
#include "server/http/message.h"

namespace sightline::elastic {

class CatTable {
 public:
  struct Column {
    std::string name;
    std::vector<std::string> aliases;  ///< other names that `h` and `s` take
    std::string description;           ///< for `help`
    bool right = false;                ///< numbers stand to the right
  };

  explicit CatTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  /// As text in columns, or with `format=json` (or JSON alone in Accept) as JSON. Parameters: `h` names
  /// columns, `v` adds a header, `s` sorts by columns (`name` or `name:desc`), `help` lists the columns.
  /// Throws AnswerTooLarge.
  http::Response answer(const http::Request& request, const Limits& limits);

 private:
  /// A column of the answer, and the name that it was asked for by.
  struct Shown {
    std::size_t column;
    std::string name;
  };
  using Rows = std::vector<std::vector<std::string>>;

  Refusal sort_by(const std::string& keys);
  std::size_t column_named(const std::string& name) const;  ///< columns_.size() if there is none
  std::vector<Shown> shown_by(const std::string& headers) const;
  std::string json(const std::vector<Shown>& shown, const Limits& limits) const;
  std::string text(const std::vector<Shown>& shown, bool headed, const Limits& limits) const;
  std::string help() const;

  std::vector<Column> columns_;
  Rows rows_;
};

/// "249b", "12.5kb", "3.1mb".
std::string human_bytes(std::int64_t bytes);

}  // namespace sightline::elastic
