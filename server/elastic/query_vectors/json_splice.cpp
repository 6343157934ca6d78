#include "server/elastic/query_vectors/json_splice.h"

namespace sightline::elastic {

std::string spliced(std::string_view text, const std::vector<Splice>& splices) {
  std::size_t size = text.size();
  for (const Splice& splice : splices) size += splice.text.size() - (splice.end - splice.begin);
  std::string made;
  made.reserve(size);
  std::size_t copied = 0;
  for (const Splice& splice : splices) {
    made += text.substr(copied, splice.begin - copied);
    made += splice.text;
    copied = splice.end;
  }
  made += text.substr(copied);
  return made;
}

}  // namespace sightline::elastic
