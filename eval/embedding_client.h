// Requests many vectors from the models of a server.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/timer.h"
#include "eval/evaluation.h"
#include "server/http/client.h"
#include "server/http/retry_policy.h"

namespace sightline::eval {

/// A model, as the server describes it.
struct ModelDescription {
  std::string name;
  std::string fingerprint;  ///< of its files and precision, from the server; empty: unknown
  bool reads_text = true, reads_pictures = true;
  /// Lines for a reader: "architecture: clip".
  std::vector<std::string> details;
  /// What a reader must know about its column: that it is a demo model, or not Cohere. May be empty.
  std::string remark;
};

/// An input without a vector, and the reason.
struct InputFailure {
  std::size_t index = 0;
  std::string reason;
};

struct EmbedOutcome {
  Vectors vectors;
  std::vector<InputFailure> failures;  ///< in order of index
  std::size_t truncated = 0;           ///< texts that the model truncated
  bool stopped = false;                ///< stopped before all inputs were sent
};

/// Embeds through `POST /v1/embeddings` of a sightline-server, or of any server with OpenAI's format.
///
/// Flow: 1. Inputs are loaded and put into requests of `max_inputs` or `max_request_bytes`, in order.
///       2. Up to `max_in_flight` requests are in flight or waiting for a retry, which limits memory.
///       3. A request that is refused because of load or gets lost is retried after a growing pause, or after
///          Retry-After.
///       4. A request that is refused because of its content is halved until the bad input is alone. That input fails
///          with the server's message.
/// Thread safety: `embed` from one thread at a time.
class EmbeddingClient {
 public:
  struct Options {
    std::string url;                            ///< a user and a password in it are used if there is no `api_key`
    std::string api_key;                        ///< sent as a Bearer token; empty: none
    std::string ca_file;                        ///< PEM of a private certificate authority
    std::size_t max_texts = 64;                 ///< in one request
    std::size_t max_pictures = 16;              ///< in one request
    std::size_t max_request_bytes = 16u << 20;  ///< of inputs; a larger input is sent alone
    int max_in_flight = 4;                      ///< requests
    /// For each request.
    http::RetryPolicy retry{10, std::chrono::milliseconds(250), std::chrono::milliseconds(30'000)};
    std::chrono::milliseconds timeout{300'000};  ///< for one request
  };
  enum class Kind { query_text, document_text, picture };
  /// The text, or the encoded picture, of an input.
  using Load = std::function<Result<std::string>(std::size_t)>;
  using Progress = std::function<void(std::size_t done)>;

  /// Errors: invalid_argument.
  static Result<std::unique_ptr<EmbeddingClient>> connect(const Options& options);

  /// The server's description of a model. Errors: unavailable (no server, or it refuses the request), not_found (the
  /// server neither lists the model nor embeds with it).
  Result<ModelDescription> describe(const std::string& model);

  /// Embeds the inputs `which`; the vectors of all others among `count` are zeros. Errors: unavailable (the server no
  /// longer answers, or refuses all requests).
  Result<EmbedOutcome> embed(const std::string& model, Kind kind, std::size_t count,
                             const std::vector<std::size_t>& which, const Load& load, const Progress& progress,
                             const std::atomic<bool>& stop);

 private:
  EmbeddingClient(Options options, std::unique_ptr<http::Client> client)
      : options_(std::move(options)), client_(std::move(client)) {}
  http::ClientRequest request(http::Method method, const std::string& path) const;

  const Options options_;  ///< its URL without credentials and a trailing '/'
  const std::unique_ptr<Timer> timer_ = start_timer();
  const std::unique_ptr<http::Client> client_;
  std::string authorization_;  ///< value of the header; empty: none
};

/// Body of a request for the vectors of `inputs` (texts, or base64 of pictures).
std::string embeddings_request(const std::string& model, EmbeddingClient::Kind kind,
                               const std::vector<std::string>& inputs);

/// Vectors of one answer, in order of input, each normalised to unit length.
struct EmbeddingsAnswer {
  std::vector<std::vector<float>> vectors;
  std::size_t truncated = 0;
};
/// Errors: unavailable, with what is wrong in the answer: not JSON, not `count` vectors each once, lengths that differ,
/// a number that is not finite, a vector of zeros.
Result<EmbeddingsAnswer> read_embeddings(const std::string& body, std::size_t count);

}  // namespace sightline::eval
