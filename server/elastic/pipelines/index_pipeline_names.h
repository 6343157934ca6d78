// The pipelines that one index names.
#pragma once

#include <string>

namespace sightline::elastic {

struct IndexPipelineNames {
  std::string first;  ///< index.default_pipeline; empty: none
  std::string last;   ///< index.final_pipeline
  std::string index;  ///< that a write goes to: the name, or what an alias or a data stream writes to
};

}  // namespace sightline::elastic
