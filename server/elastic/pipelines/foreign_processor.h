// Processors that a cluster runs in place of this server.
#pragma once

#include <string>

#include "server/elastic/pipelines/ingest_document.h"
#include "server/elastic/pipelines/processor.h"

namespace sightline::elastic {

/// `{"grok":{...}}` for the cluster. What the cluster cannot know of a run that began here is filled in:
/// `{{_ingest.timestamp}}`, `{{_ingest.pipeline}}` and `{{_ingest.on_failure_...}}`, except in the
/// processor's own `on_failure` list, which sees a failure of the cluster's. With `step_only` its `if`,
/// `ignore_failure` and `on_failure` are left out, because they are seen to here.
std::string foreign_json(const Processor& processor, const IngestDocument& document, bool step_only);

/// `processors` (a JSON list, not empty) after `set` processors that make of `_ingest` there what processors have made
/// of it here.
std::string with_ingest_metadata(const std::string& processors, const IngestDocument& document);

/// All that goes to the cluster of a pipeline with these lists, as one list for it to check.
std::string cluster_parts(const std::vector<Processor>& processors, const std::vector<Processor>& on_failure);

/// Refuses what a cluster could not do as Elasticsearch does if it had only a part of the pipeline.
/// `rescues`: the processors are an `on_failure` list that runs here.
Refusal refuse_unsplittable(const std::vector<Processor>& processors, bool rescues);

}  // namespace sightline::elastic
