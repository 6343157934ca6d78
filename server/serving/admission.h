// How many inputs may wait for a model, and how much they may hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "server/serving/embed_request.h"

namespace sightline::serving {

struct AdmissionBounds {
  std::size_t max_items = 2048;              ///< inputs of a model, from admission to answer
  std::size_t max_bytes = 512u << 20;        ///< of memory that they hold, by their claims
  std::uint64_t max_pixels = 8'000'000'000;  ///< that are to be decoded for them, by their claims
  double query_share = 0.125;                ///< of these bounds, kept free of documents, 0 to 1
};

/// The cost of an input while it has a place.
struct Claim {
  std::size_t bytes = 0;     ///< of memory, while it waits
  std::uint64_t pixels = 0;  ///< to decode, as models::PictureCost counts them
};

/// The places of one model. Thread safety: none of its own; BatchQueue calls it with its lock held.
class Admission {
 public:
  explicit Admission(const AdmissionBounds& bounds) : bounds_(bounds) {}

  /// Takes one place for each claim, or none. Errors: too_large (more than there would be room for if nothing
  /// waited), overloaded (no room now); both name what is missing. `model` is its name in errors.
  Status take(Lane lane, std::span<const Claim> claims, const std::string& model);
  /// Takes a place outside the bounds.
  void take_probe() { items_ += 1; }
  void give_back(const Claim& claim);

  std::size_t items() const { return items_; }
  std::size_t bytes() const { return bytes_; }

 private:
  AdmissionBounds bounds_;
  std::size_t items_ = 0, bytes_ = 0;
  std::uint64_t pixels_ = 0;
};

}  // namespace sightline::serving
