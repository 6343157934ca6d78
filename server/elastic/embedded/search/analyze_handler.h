// _analyze: what an analyzer makes of a text.
#pragma once

#include <string>

#include "server/elastic/embedded/index.h"
#include "server/elastic/rest/parameter_table.h"
#include "server/http/message.h"

namespace sightline::elastic {

struct AnalyzeParameters {
  std::string index;  ///< empty: that of the path, if any
};
extern const rest::ParameterTable<AnalyzeParameters> k_analyze_parameters;

http::Response analyze(IndexLookup& indices, const http::Request& request, const AnalyzeParameters& parameters);

}  // namespace sightline::elastic
