// Errors in Elasticsearch's own shape.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "server/http/message.h"

namespace sightline::elastic {

/// An Elasticsearch exception: `type` and `reason` as Elasticsearch words them, the HTTP status, and what
/// is beside them.
struct ElasticError {
  int status = 400;
  std::string type;  ///< "index_not_found_exception"
  std::string reason;
  std::vector<std::pair<std::string, std::string>> details =
      {};                                          ///< "index", "index_uuid", "resource.id", "shard", ...
  std::string cause_type = {}, cause_reason = {};  ///< caused_by, if cause_type is not empty
  int line = 0, column = 0;                        ///< position in the body, counted from 1; written if line is not 0
  std::vector<ElasticError> causes = {};  ///< caused_by where it has details or a cause of its own; at most one
  bool root_is_cause = false;  ///< root_cause shows the innermost of `causes`, as for wrapped Elasticsearch exceptions

  /// `{"type":...,"reason":...,details...,"caused_by":{...}}`: an item error of _bulk.
  std::string item_json() const;
  /// `{"error":{"root_cause":[...],"type":...,"reason":...},"status":N}`.
  std::string envelope_json() const;
  http::Response response() const;
};

/// What an error shows of a text: a name or value out of a request may be as long as the request.
std::string shortened(std::string_view text);

/// A value, or what Elasticsearch says instead.
template <class T>
using Answer = Result<T, ElasticError>;
/// Nothing, or an error.
using Refusal = std::optional<ElasticError>;

/// 400 illegal_argument_exception.
ElasticError illegal_argument(std::string reason);
/// The same, because `text` is no number: with Java's number_format_exception as the cause.
ElasticError not_a_number(std::string reason, const std::string& text);

}  // namespace sightline::elastic
