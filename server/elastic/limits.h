// What one request to the Elasticsearch side may cost: the one table of its limits.
#pragma once

#include <chrono>
#include <cstddef>

namespace sightline::elastic {

/// Each has an option of the server (docs/limits.md lists them), and is named in the error that it leads to.
struct Limits {
  std::size_t max_body_bytes = 100u << 20;  ///< of one request, decompressed; as http.max_content_length
};

}  // namespace sightline::elastic
