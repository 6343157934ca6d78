// One JSON object put over another, as partial updates do it.
#pragma once

#include <string>
#include <string_view>

#include "server/elastic/elastic_error.h"

namespace sightline::elastic::rest {

struct MergedJson {
  std::string text;
  bool changed = false;  ///< it says something else than before
};

/// `patch` put over `base`, both JSON objects: objects merge member by member, all else is replaced. What is
/// kept is kept byte by byte.
Answer<MergedJson> merge_json(std::string_view base, std::string_view patch);

}  // namespace sightline::elastic::rest
