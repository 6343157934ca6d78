// A bulk body, action by action.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "server/elastic/embedded/document_writer.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {

/// What the parameters of the request say for every line that does not say it itself.
struct BulkDefaults {
  std::string index;
  std::string pipeline;
  bool wants_source = false;  // of updates
};

struct BulkLine {
  const char* action = "index";
  DocumentWrite write;
  std::string pipeline;
  Refusal refusal;  // why this line alone cannot be done
};

/// Reads a bulk body line by line, in memory that does not grow with it. It is read twice: first all of it
/// for its mistakes, the first of which refuses the whole request, then for the writes.
class BulkActionReader {
 public:
  /// Both must outlive the reader and what it gives.
  BulkActionReader(std::string_view body, const BulkDefaults& defaults) : rest_(body), defaults_(defaults) {}

  /// What is wrong with the body as a whole, or with one of its actions that Elasticsearch refuses a bulk
  /// for.
  /// `max_items`: actions it may have. Reads all of it.
  Refusal check(std::size_t max_items);
  /// The next action of a body that was checked; nothing at the end.
  std::optional<BulkLine> next();

  /// After `check`: a line named a pipeline.
  bool ingest() const { return ingest_; }
  /// After `check`: how long the answer will be about, in bytes.
  std::size_t answer_bytes() const { return answer_bytes_; }

 private:
  Answer<std::optional<BulkLine>> read_item();
  Refusal next_line(std::string_view& line);
  std::string at_line() const { return "ction/metadata line [" + std::to_string(number_) + "]"; }
  Refusal read_action(std::string_view line, BulkLine& item) const;
  Refusal read_parameter(const rest::JsonTape& tape, std::size_t key, BulkLine& item) const;
  Refusal check_item(const BulkLine& item);
  void complete(BulkLine& item) const;

  std::string_view rest_;
  const BulkDefaults& defaults_;
  int number_ = 0;  // of the line
  std::string problems_;
  int problem_count_ = 0;
  bool ingest_ = false;
  std::size_t answer_bytes_ = 0;
};

}  // namespace sightline::elastic
