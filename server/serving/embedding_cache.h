// Caches the embeddings of inputs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/lru_cache.h"
#include "models/embedder.h"
#include "server/serving/embed_request.h"

namespace sightline::serving {

/// Caches embeddings of texts and of pictures, each within a separate limit on memory; the least recently
/// used one is removed first. Both lanes share it: an indexed title is also a known query.
///
/// An embedding is found for the same bytes and, for a text, the same truncation, and only under the
/// same edition of the model (ModelRegistry::Model::edition): whatever else makes a vector - weights,
/// precision, device, preprocessing, the limit on tokens - is fixed for an edition, so nothing of another one
/// is ever found. Keys are SHA-256 over all that and a secret of this cache: they are of one size however long
/// the input, and nobody can choose inputs whose keys collide.
///
/// Flow: 1. `look_up` splits a request's inputs: those that are known, and those that have to be computed.
///       2. `keep` takes each that was computed, with the key that `look_up` gave for it.
///       3. `KnownAnswers::complete` puts both together.
/// Thread safety: all members may be called from any thread.
class EmbeddingCache {
 public:
  struct Options {
    std::size_t text_bytes = 16u << 20;     ///< memory for embeddings of texts; 0: none are kept
    std::size_t picture_bytes = 64u << 20;  ///< the same of pictures
  };
  using Stats = LruCache<Embedding>::Stats;

  struct Key {
    Modality modality = Modality::text;
    std::string hash;  ///< empty: nothing of this modality is kept
  };

  /// Hits and misses of a request's inputs of one modality.
  struct Counts {
    std::size_t hits = 0;    ///< known, or equal to another input of the request
    std::size_t misses = 0;  ///< to be computed, though such are kept
  };

  /// The cached embeddings of a request's inputs. They are shared with the cache until the request is
  /// answered: requests that wait hold no copies.
  struct KnownAnswers {
    std::vector<LruCache<Embedding>::Shared> known;  ///< one per input; null where none is known
    std::vector<std::size_t> missing;                ///< inputs to be computed, ascending
    std::vector<Key> keys;                           ///< one for each of `missing`
    /// Inputs that equal an earlier one that has to be computed, and the place of that one in `missing`.
    std::vector<std::pair<std::size_t, std::size_t>> repeats;
    std::array<Counts, k_modalities> counts;  ///< by modality

    /// All embeddings in input order; `computed` has one for each of `missing`.
    Embeddings complete(Embeddings computed) const;
  };

  explicit EmbeddingCache(const Options& options);

  KnownAnswers look_up(std::uint64_t edition, models::Truncate truncate, std::span<const Input> inputs);

  /// `embedding` must be right: finite, of unit length. Throws std::bad_alloc; it is then not kept.
  void keep(Key key, const Embedding& embedding);

  Stats stats(Modality modality) const { return kept_[index(modality)].stats(); }

 private:
  static constexpr std::size_t index(Modality modality) { return static_cast<std::size_t>(modality); }
  Key key_of(std::uint64_t edition, models::Truncate truncate, const Input& input) const;

  const std::array<bool, k_modalities> on_;
  const std::array<std::uint64_t, 2> secret_;
  std::array<LruCache<Embedding>, k_modalities> kept_;  // by modality
};

}  // namespace sightline::serving
