#include "server/elastic/rest/document_id.h"

#include <algorithm>
#include <array>
#include <functional>
#include <random>
#include <set>

#include "base/base64.h"
#include "base/json/utf8.h"
#include "server/elastic/rest/member_table.h"

namespace sightline::elastic::rest {
namespace {

/// Ids must never collide, but may be guessed. The generator is seeded from the system once per thread, because seeding
/// is slow.
std::mt19937_64 seeded_generator() {
  std::random_device system;
  std::array<std::random_device::result_type, 32> words;  // 1,024 bits
  std::generate(words.begin(), words.end(), std::ref(system));
  std::seed_seq seed(words.begin(), words.end());
  return std::mt19937_64(seed);
}

}  // namespace

std::string document_id(std::string_view given) {
  std::string id;
  json::append_valid_utf8(id, given);
  return id;
}

std::optional<std::string> id_problem(std::string_view id) {
  if (id.size() <= k_longest_id_bytes) return std::nullopt;
  return "id [" + std::string(id) + "] is too long, must be no longer than " + std::to_string(k_longest_id_bytes) +
         " bytes but was: " + std::to_string(id.size());
}

std::string random_name(std::size_t bytes) {
  thread_local std::mt19937_64 generator = seeded_generator();
  std::string random;
  while (random.size() < bytes) {
    const auto word = generator();
    random.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  random.resize(bytes);
  std::string text = base64_encode(std::string_view(random));
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  std::erase(text, '=');
  return text;
}

bool is_metadata_field(std::string_view name) {
  static const std::set<std::string_view> names = {
      "_id",           "_source",  "_routing",     "_index",     "_version",     "_seq_no",
      "_primary_term", "_ignored", "_field_names", "_doc_count", "_nested_path", "_data_stream_timestamp",
      "_tier"};
  return names.contains(name);
}

void refuse_metadata_field(std::string_view name, const std::string& place) {
  if (is_metadata_field(name)) refuse(not_supported("[" + std::string(name) + "] in " + place));
}

}  // namespace sightline::elastic::rest
