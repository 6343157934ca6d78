#include "server/serving/embedding_cache.h"

#include <memory>
#include <random>
#include <unordered_map>

#include "base/sha256.h"

namespace sightline::serving {
namespace {

std::array<std::uint64_t, 2> random_secret() {
  std::random_device random;
  const auto word = [&random] { return (std::uint64_t{random()} << 32) | random(); };
  return {word(), word()};
}

}  // namespace

EmbeddingCache::EmbeddingCache(const Options& options)
    : on_{options.text_bytes > 0, options.picture_bytes > 0},
      secret_(random_secret()),
      kept_{LruCache<Embedding>(options.text_bytes), LruCache<Embedding>(options.picture_bytes)} {}

/// What is hashed begins with parts of fixed size, so that no two inputs look alike.
EmbeddingCache::Key EmbeddingCache::key_of(std::uint64_t edition, models::Truncate truncate, const Input& input) const {
  if (!on_[index(input.modality)]) return {input.modality, {}};
  const bool is_text = input.modality == Modality::text;
  const std::array<std::uint64_t, 4> about{edition, index(input.modality),
                                           is_text ? static_cast<std::uint64_t>(truncate) : 0, input.bytes.size()};
  Sha256 hash;
  hash.update(std::as_bytes(std::span(secret_)));
  hash.update(std::as_bytes(std::span(about)));
  hash.update(input.bytes);
  return {input.modality, hash.finish_bytes()};
}

EmbeddingCache::KnownAnswers EmbeddingCache::look_up(std::uint64_t edition, models::Truncate truncate,
                                                     std::span<const Input> inputs) {
  KnownAnswers known;
  known.known.resize(inputs.size());
  std::unordered_map<std::string, std::size_t> places;  // in `missing`, by key
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Key key = key_of(edition, truncate, inputs[i]);
    if (!key.hash.empty()) {
      Counts& counts = known.counts[index(key.modality)];
      if ((known.known[i] = kept_[index(key.modality)].get(key.hash))) {
        ++counts.hits;
        continue;
      }
      const auto [place, is_new] = places.emplace(key.hash, known.missing.size());
      if (!is_new) {
        known.repeats.emplace_back(i, place->second);
        ++counts.hits;
        continue;
      }
      ++counts.misses;
    }
    known.missing.push_back(i);
    known.keys.push_back(std::move(key));
  }
  return known;
}

void EmbeddingCache::keep(Key key, const Embedding& embedding) {
  if (key.hash.empty()) return;
  const std::size_t bytes = sizeof(Embedding) + embedding.values.size() * sizeof(float);
  kept_[index(key.modality)].put(std::move(key.hash), std::make_shared<const Embedding>(embedding), bytes);
}

Embeddings EmbeddingCache::KnownAnswers::complete(Embeddings computed) const {
  Embeddings all(known.size());
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (known[i]) all[i] = *known[i];
  }
  for (const auto& [input, place] : repeats) all[input] = computed[place];
  for (std::size_t i = 0; i < missing.size(); ++i) all[missing[i]] = std::move(computed[i]);
  return all;
}

}  // namespace sightline::serving
