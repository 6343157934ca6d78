// The vectors of an index, read through Elasticsearch's own searches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/elastic/caller.h"
#include "server/http/message.h"

namespace sightline::web {

/// Sends a request to the Elasticsearch side and waits for its answer.
using AskElasticsearch = std::function<http::Response(http::Request)>;

/// Why there are no vectors: an HTTP status, a short code, and what is wrong.
struct ReadRefusal {
  int status = 400;
  std::string code;
  std::string message;
};
template <class Value>
using Read = std::variant<Value, ReadRefusal>;

/// A field with vectors.
struct VectorField {
  std::string index;       ///< the index itself, if an alias was asked for
  std::string index_uuid;  ///< another for each index that ever had the name
  std::string field;
  std::size_t dims = 0;     ///< 0: not known before the first vector
  bool unit_length = true;  ///< vectors are compared by their direction alone
  std::string name_field;   ///< which holds the picture's name; empty: none does
};

/// A document that has a vector, as a scan found it.
struct ScannedDocument {
  std::string id;
  std::uint64_t version = 0;  ///< another for each write: sequence number and primary term, mixed
  std::uint64_t lot = 0;      ///< drawn from the id: those with the smallest are the sample
};

struct Scan {
  std::vector<ScannedDocument> documents;  ///< by id; all, or the sample
  std::size_t total = 0;                   ///< documents that have a vector
};

/// What is read of the documents of a scan; those that are gone meanwhile are left out.
struct IndexVectors {
  std::vector<std::string> ids, names;  ///< a name may be empty
  std::size_t dims = 0;
  std::vector<float> values;  ///< [ids, dims]
};

/// Reads on one caller's behalf. Not to be shared between threads. Every member may throw WorkCancelled.
class IndexReader {
 public:
  /// `ask` must outlive this object.
  IndexReader(const AskElasticsearch& ask, elastic::Caller caller) : ask_(ask), caller_(std::move(caller)) {}

  /// Without `field`: the only dense_vector of the index. Refused: no such index, no such field, one of another type,
  /// vectors of bits, several indices behind the name.
  Read<VectorField> find_field(const std::string& index, const std::string& field);

  /// The documents with a vector, or of more than `max` the `max` whose lots are smallest: an even sample, the same for
  /// the same ids. Reads 10,000 ids at a time in a point in time, and of more than `k_most_scanned` documents those alone.
  Read<Scan> scan(const VectorField& field, std::size_t max);
  static constexpr std::size_t k_most_scanned = 1'000'000;

  /// Asks for documents by id, up to 4 MB of vectors at once. `max_bytes`: refused if the vectors would take more.
  Read<IndexVectors> read(const VectorField& field, const Scan& scan, std::size_t max_bytes);

 private:
  struct Answer;
  /// The answer's body, or why there is none in Elasticsearch's words.
  Read<std::string> call(http::Method method, std::string path, std::string body, std::string_view query = {});

  const AskElasticsearch& ask_;
  const elastic::Caller caller_;
};

}  // namespace sightline::web
