// Cohere's embedding models, behind the same door as the models that run here.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "models/image/preprocess.h"
#include "server/cohere/cohere_client.h"
#include "server/cohere/picture_calls.h"
#include "server/serving/preparation_pool.h"
#include "server/serving/upstream.h"

namespace sightline::cohere {

/// Reads the operator's key: the file's first line that is neither blank nor begins with #. Errors:
/// not_found, invalid_argument (no key, or one with blanks or control characters inside).
Result<std::string> read_key_file(const std::filesystem::path& file);

/// Embeds with models named `embed-*`, by Cohere's API.
///
/// What is sent: texts, up to 96 a call, as `search_query` or `search_document` (`classification` and
/// `clustering` if the client says so); pictures as `images` with input_type `image`: one a call for Cohere's v3
/// models, so that a request of many pictures is many calls, several at once; for embed-v4.0 up to 96 a call, of one or
/// several requests (picture_calls.h). Several parts for one vector go out as `inputs`, to embed-v4.0 alone. A picture
/// over 5 MB, or of another format than JPEG, PNG, WebP and GIF, is sent as a JPEG within Cohere's limits. The key is the
/// operator's if there is one, else the one in the request's Authorization: Bearer. What comes back is
/// checked (embed_answer.h) and never kept: each request pays for its own. A failure names its input (`input
/// 3: ...`), keeps Cohere's status and words, and ends the calls of its request that are not out yet. Thread
/// safety: all members may be called from any thread.
class CohereEmbedding final : public serving::Upstream {
 public:
  struct Options {
    CohereClient::Options client;
    std::string key;                                   ///< the operator's; empty: the caller's own
    models::ImageLimits pictures;                      ///< of what comes in
    serving::PreparationPool::Options preparation;     ///< of pictures that do not fit
    std::uint64_t max_request_pixels = 1'000'000'000;  ///< to decode for one request (models::PictureCost)
    std::size_t max_items = 2048;                      ///< inputs accepted and not yet answered; more: 429
    std::size_t max_bytes = 256u << 20;                ///< their texts and pictures; more: 429
    std::uint64_t max_pixels = 8'000'000'000;          ///< to decode for them; more: 429
    std::size_t dimensions = 1536;                     ///< of embed-v4.0's vectors where a request names none
    std::chrono::milliseconds gathering{20};  ///< how long a picture for embed-v4.0 waits for others; queries do not
  };

  /// `timer` must outlive it. Errors: those of CohereClient::create.
  static Result<std::unique_ptr<CohereEmbedding>> create(Options options, Timer& timer);
  ~CohereEmbedding() override;

  bool serves(std::string_view model) const override { return model.starts_with("embed-"); }
  std::vector<serving::UpstreamModel> models() const override;
  bool fuses(std::string_view model) const override;
  void embed(serving::UpstreamRequest request, Callback done) override;

  /// Ends what is under way with 503.
  void shut_down();

 private:
  class Job;
  /// What requests under way hold; they may outlive this object.
  struct Load {
    std::atomic<std::size_t> items{0}, bytes{0};
    std::atomic<std::uint64_t> pixels{0};
  };
  CohereEmbedding(Options options, std::unique_ptr<CohereClient> client, Timer& timer);
  Result<std::string, serving::UpstreamFailure> key_for(const std::string& authorization) const;

  const Options options_;
  const std::shared_ptr<Load> load_;
  const Timer& timer_;
  const std::unique_ptr<CohereClient> client_;
  const std::shared_ptr<PictureCalls> pictures_;
  serving::PreparationPool pool_;  // its jobs use the client
};

}  // namespace sightline::cohere
