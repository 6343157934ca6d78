// A stand-in for Cohere's embedding API, for tests and demos without a key. It
// is not Cohere: its vectors come from whatever it is given to embed with, and
// only the interface is Cohere's.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/http/message.h"

namespace sightline::cohere {

/// Answers `POST /v2/embed` as docs.cohere.com publishes it: what is required,
/// the types, 96 texts or 1 picture a call (embed-v4.0: 96 pictures of 20 MB
/// together, or `inputs` of several parts, whose vector is the mean), 5 MB a
/// picture and its formats, errors as {"message"}. Of the embedding types it
/// gives float, int8 and binary. Thread safety: `answer` may be called from any
/// thread.
class StandIn {
 public:
  struct Options {
    std::string key;  ///< the one that is let in; empty: any
    // How much of what is well formed fails all the same, each from 0 to 1.
    double rate_limited = 0;             ///< 429 with Retry-After
    double unavailable = 0;              ///< 503
    double silent = 0;                   ///< no answer at all
    double garbage = 0;                  ///< 200 with half a JSON
    double fewer_vectors = 0;            ///< 200 with one vector too few
    std::optional<int> retry_after = 0;  ///< seconds told with a 429
    std::uint64_t seed = 1;              ///< the same order of requests fails in the same way
  };
  struct Input {
    bool picture = false;
    std::string bytes;
  };
  struct Embedded {
    std::vector<float> values;  ///< of unit length, any number of them up to the answer's
    std::uint32_t width = 0, height = 0;
  };
  /// One entry an input. Errors are answered 400.
  using Embed = std::function<Result<std::vector<Embedded>>(const std::vector<Input>&)>;

  StandIn(Options options, Embed embed);

  /// Nullopt: the request gets no answer.
  std::optional<http::Response> answer(const http::Request& request);

 private:
  enum class Fate { answered, rate_limited, unavailable, silent, garbage, fewer_vectors };
  Fate draw();
  http::Response embed(const http::Request& request, Fate fate) const;

  const Options options_;
  const Embed embed_;
  std::mutex mutex_;
  std::mt19937_64 random_;
};

/// The dims of a model's vectors; 0: there is no such model.
std::size_t dims_of(std::string_view model);

/// `values` spread over `dims` (at least as many) numbers by a fixed map that
/// keeps all lengths and angles.
std::vector<float> spread(const std::vector<float>& values, std::size_t dims);

}  // namespace sightline::cohere
