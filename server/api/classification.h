// Zero-shot classification: which of some labels fits a picture, or a text.
#pragma once

#include "server/api/dispatch.h"

namespace sightline::api {

// A prompt template (`a photo of a {}`) makes a text of each label, and the model a vector of each text; the
// probabilities are the softmax over the labels of the model's logit scale times the cosines (Radford et al.
// 2021, 3.1). A model without a logit scale is refused.
//
// Labels: `labels`, an array of 2 to k_max_labels strings, or `label_set`, the name of a set that the
// operator gave with --labels. `prompt_template`: default the set's own, else k_default_prompt_template.

/// POST /_inference/completion/{model}
///
/// Request:  input (see read_contents), task_settings with labels as above; modality and truncate if wanted.
/// Answer:   {"completion":[{"result":"house"}]}: the most likely label of each input.
void elastic_completion(const Context& context, ExchangePtr exchange);

/// POST /v1/classify
///
/// Request:  model, input (see read_contents), labels as above; input_type, modality, truncate if wanted.
/// Answer:   {"object":"list","model":...,"data":[{"object":"classification","index":0,"label":"house",
///           "probabilities":[{"label":"house","probability":0.9}, ...]}],"usage":{...}}: all labels, the
///           most likely first, equals in their order.
void classify(const Context& context, ExchangePtr exchange);

}  // namespace sightline::api
