// BM25 as Elasticsearch computes it: k1 1.2, b 0.75, with the factor (k1 + 1) of Lucene's
// LegacyBM25Similarity.
#pragma once

#include <array>
#include <cstdint>

namespace sightline::elastic {

/// A field's length in one byte, as Lucene stores it (SmallFloat.intToByte4): exact for short fields, else four
/// significant bits.
std::uint8_t length_to_byte(std::uint32_t length);
std::uint32_t byte_to_length(std::uint8_t byte);

/// Statistics of a field for BM25: documents that have it, and the tokens in all of them together.
struct FieldStatistics {
  std::uint64_t documents = 0;
  std::uint64_t tokens = 0;
};

/// Scores one term of one field. The arithmetic is Lucene's, in its order (float32, idf and the average length in
/// double), so scores agree to the last digit.
class Bm25Scorer {
 public:
  /// `document_frequency`: documents that have the term, 1 <= document_frequency <= statistics.documents.
  Bm25Scorer(const FieldStatistics& statistics, std::uint64_t document_frequency, float boost);

  /// `frequency`: occurrences of the term in the document; `length`: tokens of the field there.
  float score(std::uint32_t frequency, std::uint32_t length) const {
    const float inverse = inverse_norm_[length_to_byte(length)];
    return weight_ - weight_ / (1.0f + static_cast<float>(frequency) * inverse);
  }
  /// For fields without stored frequencies and lengths: keyword, boolean, text without norms.
  float score_without_length(std::uint32_t frequency = 1) const { return score(frequency, 1); }

 private:
  float weight_;
  std::array<float, 256> inverse_norm_;
};

}  // namespace sightline::elastic
