// Tables for terminals, as _cat prints them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/elastic/limits.h"
#include "server/elastic/rest/parameter_table.h"
#include "server/http/message.h"

namespace sightline::elastic {

/// The parameters of every table. `Target` of a route has it as a base.
struct CatParameters {
  bool headed = false, help = false;
  bool format_given = false, as_json = false;
  std::optional<std::string> shown, sorted;
  std::string size_unit;  ///< `bytes`
};

/// `sizes`: a column holds sizes.
template <class Target>
std::vector<rest::Parameter<Target>> cat_rows(bool sizes) {
  using namespace rest::parameter;
  using P = CatParameters;
  rest::Parameter<Target> bytes("bytes", "b, kb, mb, gb, tb or pb", into<&P::size_unit, text>,
                                "the unit of sizes");
  if (!sizes) bytes = no_effect("bytes", "b, kb, mb, gb, tb or pb", check_text, "no column holds a size");
  return {{"v", "flag", into<&P::headed, flag>, "adds a header"},
          {"help", "flag", into<&P::help, flag>, "lists the columns"},
          {"h", "list", into<&P::shown, text>, "the columns to show"},
          {"s", "list", into<&P::sorted, text>, "the columns to sort by"},
          bytes,
          {"format", "text or json",
           [](std::string_view, const std::string& text, Target& target) {
             target.format_given = true;
             target.as_json = text == "json";
           },
           "also by the Accept header"},
          no_effect("time", "unit", check_text, "no column holds a time span")};
}

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
  http::Response answer(const http::Request& request, const CatParameters& parameters, const Limits& limits);

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

/// "249b", "12.5kb", "3.1mb"; or in a unit of `bytes` ("b", "kb", "mb", ...) as a whole number.
std::string human_bytes(std::int64_t bytes, std::string_view unit = {});

}  // namespace sightline::elastic
