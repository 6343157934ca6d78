// What is sent to an inference endpoint to be embedded.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/message.h"

namespace sightline::elastic {

/// Why a text is embedded. The internal kinds come from pipelines and queries.
enum class InputType { unspecified, ingest, search, classification, clustering, internal_ingest, internal_search };

/// "ingest", ...; nothing for words that a request may not use.
std::optional<InputType> input_type_of(std::string_view word);
/// The word for it; empty for the internal kinds.
std::string_view word_of(InputType type);

/// Texts (a picture is one too, as a data URL or base64), and why. The texts are the caller's.
struct InferenceInput {
  std::vector<std::string_view> texts;
  InputType type = InputType::unspecified;
  int hops = 0;             ///< inference calls that it is made within: Caller::hops
  http::Headers ids = {};   ///< Caller::ids
  bool one_vector = false;  ///< the texts are parts of one input

  std::size_t vectors() const { return one_vector ? 1 : texts.size(); }
};

/// The JSON array of the inputs: strings; or one content with all of them as its parts, as Sightline's API and
/// Cohere's read it: `[{"content":[{"type":"text",...},{"type":"image_url",...}]}]`.
std::string inputs_json(const InferenceInput& input);

/// Cuts each text at its end to what Elasticsearch takes for so many tokens: three UTF-16 units each. What
/// begins as a picture does stays whole: half of one is none.
void cut_to_tokens(InferenceInput& input, int max_tokens);
/// Cuts each text to half its length. False, and nothing is cut, if one of them begins as a
/// picture does.
bool cut_in_half(InferenceInput& input);

}  // namespace sightline::elastic
