#include "server/elastic/ingest/pipeline.h"

#include <algorithm>
#include <utility>

#include "server/elastic/ingest/property_reader.h"

namespace sightline::elastic {
namespace {

using Value = rapidjson::Value;

constexpr const char* k_failure_message = "on_failure_message";
constexpr const char* k_failure_type = "on_failure_processor_type";
constexpr const char* k_failure_tag = "on_failure_processor_tag";

/// What failed: the innermost processor is the one that is told.
struct Failure {
  ElasticError error;
  const Processor* processor = nullptr;
};

const std::string& root_reason(const ElasticError& error) {
  if (!error.causes.empty()) return root_reason(error.causes.front());
  return error.cause_type.empty() ? error.reason : error.cause_reason;
}

void put_failure(IngestDocument& document, const Failure& failure) {
  const auto put = [&](const char* name, std::string_view text) {
    document.set(std::string("_ingest.") + name, text.empty() ? Value() : document.string_value(text));
  };
  put(k_failure_message, root_reason(failure.error));
  put(k_failure_type, failure.processor->type);
  put(k_failure_tag, failure.processor->tag);
}

void remove_failure(IngestDocument& document) {
  for (const char* name : {k_failure_message, k_failure_type, k_failure_tag})
    document.mutable_ingest_metadata().RemoveMember(name);
}

/// One document in one pipeline. It lives as long as a call of it is open.
class PipelineRun : public std::enable_shared_from_this<PipelineRun> {
 public:
  PipelineRun(std::shared_ptr<const Pipeline> pipeline, IngestDocument& document, InferenceCall infer)
      : pipeline_(std::move(pipeline)), document_(document), infer_(std::move(infer)) {}

  void run(std::function<void(Refusal)> done) {
    run_list(pipeline_->processors, 0,
             [self = shared_from_this(), done = std::move(done)](std::optional<Failure> failure) {
               if (!failure) return done({});
               const auto& rescue = self->pipeline_->on_failure;
               if (rescue.empty()) return done(std::move(failure->error));
               self->run_rescue(rescue, *failure, [done](std::optional<Failure> second) {
                 done(second ? Refusal(std::move(second->error)) : Refusal());
               });
             });
  }

 private:
  using Done = std::function<void(std::optional<Failure>)>;

  /// Runs `list` from `next` on. It loops while steps end at once, and is entered again when an inference
  /// answer comes.
  void run_list(const std::vector<Processor>& list, std::size_t next, Done done) {
    for (; next < list.size() && !document_.dropped; ++next) {
      const Processor& processor = list[next];
      if (const auto* inference = std::get_if<InferenceStep>(&processor.step)) {
        return run_inference(processor, *inference,
                             [self = shared_from_this(), &list, next, done](Refusal refusal) {
                               if (!refusal) return self->run_list(list, next + 1, done);
                               self->after_failure(list, next, {std::move(*refusal), &list[next]}, done);
                             });
      }
      if (Refusal refusal = std::get<DocumentStep>(processor.step)(document_)) {
        return after_failure(list, next, {std::move(*refusal), &processor}, done);
      }
    }
    done({});
  }

  void run_inference(const Processor&, const InferenceStep& step, std::function<void(Refusal)> done) {
    auto texts = step.inputs(document_);
    if (!texts) return done(texts.error());
    if (texts->empty()) return done({});
    infer_(step.model_id, std::move(*texts),
           [self = shared_from_this(), &step, done](Answer<Embeddings> vectors) {
             done(vectors ? step.write(self->document_, *vectors) : Refusal(vectors.error()));
           });
  }

  void after_failure(const std::vector<Processor>& list, std::size_t at, Failure failure, const Done& done) {
    const Processor& processor = list[at];
    if (processor.ignore_failure) return run_list(list, at + 1, done);
    if (processor.on_failure.empty()) return done(std::move(failure));
    run_rescue(processor.on_failure, failure,
               [self = shared_from_this(), &list, at, done](std::optional<Failure> second) {
                 if (second) return done(std::move(second));
                 self->run_list(list, at + 1, done);
               });
  }

  void run_rescue(const std::vector<Processor>& rescue, const Failure& failure, Done done) {
    put_failure(document_, failure);
    run_list(rescue, 0, [self = shared_from_this(), done = std::move(done)](std::optional<Failure> second) {
      remove_failure(self->document_);
      done(std::move(second));
    });
  }

  const std::shared_ptr<const Pipeline> pipeline_;
  IngestDocument& document_;
  const InferenceCall infer_;
};

void gather_model_ids(const std::vector<Processor>& processors, std::vector<std::string>& ids) {
  for (const auto& processor : processors) {
    if (const auto* step = std::get_if<InferenceStep>(&processor.step)) {
      if (std::find(ids.begin(), ids.end(), step->model_id) == ids.end()) ids.push_back(step->model_id);
    }
    gather_model_ids(processor.on_failure, ids);
  }
}

}  // namespace

Answer<std::shared_ptr<const Pipeline>> Pipeline::parse(std::string id, rapidjson::Document config) {
  if (!config.IsObject()) return property_error({}, "a pipeline must be a JSON object");
  auto pipeline = std::make_shared<Pipeline>();
  pipeline->id = std::move(id);
  pipeline->config = std::move(config);
  PropertyReader reader(pipeline->config);
  reader.optional_string("description");
  for (const char* name : {"version", "_meta", "deprecated", "field_access_pattern"}) reader.take(name);
  if (!reader.take("processors")) reader.refuse("processors", "required property is missing");
  const auto* list = reader.optional_list("processors");
  const auto* on_failure = reader.optional_list("on_failure");
  if (reader.failed()) return *reader.refusal();
  auto processors = parse_processors(*list);
  if (!processors) return processors.error();
  pipeline->processors = std::move(*processors);
  if (on_failure) {
    if (on_failure->Empty()) {
      return property_error({},
                            "pipeline [" + pipeline->id + "] cannot have an empty on_failure option defined");
    }
    auto rescue = parse_processors(*on_failure);
    if (!rescue) return rescue.error();
    pipeline->on_failure = std::move(*rescue);
  }
  if (const auto left = reader.left_over(); !left.empty()) {
    return property_error({}, "pipeline [" + pipeline->id +
                                  "] doesn't support one or more provided configuration parameters " + left);
  }
  return std::shared_ptr<const Pipeline>(std::move(pipeline));
}

std::vector<std::string> Pipeline::model_ids() const {
  std::vector<std::string> ids;
  gather_model_ids(processors, ids);
  gather_model_ids(on_failure, ids);
  return ids;
}

void run_pipeline(std::shared_ptr<const Pipeline> pipeline, IngestDocument& document, InferenceCall infer,
                  std::function<void(Refusal)> done) {
  std::make_shared<PipelineRun>(std::move(pipeline), document, std::move(infer))->run(std::move(done));
}

}  // namespace sightline::elastic
