#include "server/elastic/embedded/search/matched_queries.h"

#include <algorithm>
#include <cstdint>

#include "server/elastic/embedded/answer_size.h"
#include "server/elastic/embedded/search/search_errors.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic {
namespace {

/// java.lang.String.hashCode, over UTF-16 units, as HashMap spreads it.
std::uint32_t java_hash(std::string_view text) {
  std::uint32_t hash = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    std::uint32_t code = length == 1 ? lead : lead & (0x7Fu >> length);
    for (std::size_t k = 1; k < length && i + k < text.size(); ++k)
      code = code << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3Fu);
    i += length;
    if (code >= 0x10000) {
      code -= 0x10000;
      hash = hash * 31 + (0xD800 + (code >> 10));
      code = 0xDC00 + (code & 0x3FF);
    }
    hash = hash * 31 + code;
  }
  return hash ^ hash >> 16;
}

}  // namespace

void MatchedQueries::add(std::string_view name, std::size_t shard, const ScoredDocs& found) {
  std::string entry;
  rest::append_json_string(entry, name);
  for (std::size_t i = 0; i < hits_.size(); ++i) {
    if (hits_[i].shard != shard || !found.docs.test(hits_[i].doc)) continue;
    std::string& member = members_[i];
    const std::size_t before = member.size();
    member += member.empty() ? (with_scores_ ? ",\"matched_queries\":{" : ",\"matched_queries\":[") : ",";
    member += entry;
    if (with_scores_) {
      member += ':';
      append_decimal(member, found.score(hits_[i].doc));
    }
    bytes_ += member.size() - before;
  }
  if (bytes_ > limits_.max_answer_bytes) throw AnswerTooLarge{};
}

std::vector<std::string> MatchedQueries::members() && {
  for (std::string& member : members_) {
    if (!member.empty()) member += with_scores_ ? '}' : ']';
  }
  return std::move(members_);
}

std::vector<std::string_view> in_java_order(std::vector<std::string_view> names) {
  std::size_t buckets = 16;
  while (names.size() > buckets / 4 * 3) buckets *= 2;
  std::stable_sort(names.begin(), names.end(), [&](std::string_view a, std::string_view b) {
    return java_hash(a) % buckets < java_hash(b) % buckets;
  });
  return names;
}

}  // namespace sightline::elastic
