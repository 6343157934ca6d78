// A bulk whose documents go through pipelines.
#pragma once

#include <future>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/rest/bulk_reader.h"
#include "server/elastic/writes/pipelined_write.h"

namespace sightline::elastic {

/// Writes one bulk in parts, in order, so that besides the request's own body no more than two parts are
/// held: while the store writes one, the documents of the next go through their pipelines, all at once.
///
/// A part that the store refuses whole, or that gets no answer, is the answer to the whole bulk while nothing
/// was written yet. A later part that is refused with 400 is sent again in halves, down to the items that are faulty:
/// these alone fail. A cluster under load may have written a part of what it refuses, so that of its items only those
/// are sent again that have an id and the operation `index`. Any other failure is that of all of the part's items, and
/// the parts after it are tried still, unless the store is gone (502 to 504).
/// Thread safety: none; one bulk, one object.
class BulkWrite {
 public:
  /// `request` was read through by a BulkReader without an error, and outlives this.
  BulkWrite(Store& store, IngestService& ingest, WritePlanner& planner, const http::Request& request,
            const std::string& index);
  http::Response run();

 private:
  struct Part;
  struct Prepared;
  struct StoreAnswer;
  void wait_for(const std::future<http::Response>& reply) const;
  Part prepare();
  void add_document(Prepared& prepared, const BulkItem& item);
  void add_update(Prepared& prepared, const BulkItem& item);
  Part composed(std::vector<Prepared>&& items);
  http::Response send(const http::Request& request) const;
  void settle(Part& part, const std::optional<http::Response>& response);
  bool may_repeat(const BulkItem& item) const;
  void send_again(Part& part, std::span<const std::size_t> slots);
  void count(const StoreAnswer& stored, const http::Headers& headers);
  Refusal failure_of(const http::Response& response);
  http::Response answer() const;

  Store& store_;
  IngestService& ingest_;
  WritePlanner& planner_;
  BulkReader reader_;
  std::optional<std::string> of_request_;  // the pipeline that the request names
  http::Request head_;                     // of every request to the store; without a body

  std::string items_;  // of the answer
  bool errors_ = false;
  long took_ = 0, ingest_took_ = -1;
  bool written_ = false;                   // the store has taken a part
  std::optional<http::Response> refused_;  // by the store, before it took any
  Refusal gone_;                           // why no further part is sent
  std::vector<std::string> warnings_;
};

}  // namespace sightline::elastic
