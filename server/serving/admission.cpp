#include "server/serving/admission.h"

#include <algorithm>

namespace sightline::serving {

Status Admission::take(Lane lane, std::span<const Claim> claims, const std::string& model) {
  Claim total;
  for (const Claim& one : claims) {
    total.bytes += one.bytes;
    total.pixels += one.pixels;
  }
  const double share = lane == Lane::query ? 1.0 : 1.0 - bounds_.query_share;
  const auto item_limit =
      std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(bounds_.max_items) * share));
  const auto byte_limit = static_cast<std::size_t>(static_cast<double>(bounds_.max_bytes) * share);
  const auto pixel_limit = static_cast<std::uint64_t>(static_cast<double>(bounds_.max_pixels) * share);
  const auto exceeds = [&](std::size_t items, std::size_t bytes, std::uint64_t pixels) {
    return items + claims.size() > item_limit || bytes + total.bytes > byte_limit ||
           pixels + total.pixels > pixel_limit;
  };
  if (exceeds(0, 0, 0)) {
    return Error{ErrorCode::too_large, std::to_string(claims.size()) + " inputs that take " +
                                           std::to_string(total.bytes) + " bytes and " + std::to_string(total.pixels) +
                                           " pixels exceed the queue (" + std::to_string(item_limit) + " inputs, " +
                                           std::to_string(byte_limit) + " bytes, " + std::to_string(pixel_limit) +
                                           " pixels): send fewer in one request"};
  }
  if (exceeds(items_, bytes_, pixels_)) {
    return Error{ErrorCode::overloaded, "model [" + model + "] has " + std::to_string(items_) +
                                            " inputs waiting, no room for " + std::to_string(claims.size()) +
                                            " more: retry the request later"};
  }
  items_ += claims.size();
  bytes_ += total.bytes;
  pixels_ += total.pixels;
  return {};
}

void Admission::give_back(const Claim& claim) {
  items_ -= 1;
  bytes_ -= claim.bytes;
  pixels_ -= claim.pixels;
}

}  // namespace sightline::serving
