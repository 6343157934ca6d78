// One document on its way through a pipeline.
#include <algorithm>
#include <utility>

#include "server/elastic/ingest/foreign_processor.h"
#include "server/elastic/ingest/pipeline.h"

namespace sightline::elastic {
namespace {

using Value = rapidjson::Value;
using List = std::vector<Processor>;
using Done = std::function<void(std::optional<IngestFailure>)>;

constexpr std::size_t k_most_nested = 100;  // as Elasticsearch's es.ingest.max_pipelines
constexpr const char* k_failure_message = "on_failure_message";
constexpr const char* k_failure_type = "on_failure_processor_type";
constexpr const char* k_failure_tag = "on_failure_processor_tag";
constexpr const char* k_failure_pipeline = "on_failure_pipeline";

const std::string& root_reason(const ElasticError& error) {
  if (!error.causes.empty()) return root_reason(error.causes.front());
  return error.cause_type.empty() ? error.reason : error.cause_reason;
}

void put_failure(IngestDocument& document, const IngestFailure& failure) {
  const auto put = [&](const char* name, std::string_view text) {
    document.set(std::string("_ingest.") + name, text.empty() ? Value() : document.string_value(text));
  };
  put(k_failure_message, root_reason(failure.error));
  put(k_failure_type, failure.type);
  put(k_failure_tag, failure.tag);
  put(k_failure_pipeline, failure.pipeline);
}

void remove_failure(IngestDocument& document) {
  for (const char* name : {k_failure_message, k_failure_type, k_failure_tag, k_failure_pipeline})
    document.mutable_ingest_metadata().RemoveMember(name);
}

/// What Elasticsearch tells as the type of a processor that failed: a condition stands around it.
std::string told_type(const Processor& processor) {
  const bool is_bare = !processor.condition.empty() && processor.on_failure.empty();
  return is_bare ? "conditional" : processor.type;
}

/// True if a failure of its step may be that of a processor inside it, after others have changed the
/// document.
bool has_inner_steps(const Processor& processor) {
  return processor.type == "pipeline" || processor.type == "foreach";
}

/// One pipeline of the run of a document. It lives as long as a call of it is open.
class PipelineRun : public std::enable_shared_from_this<PipelineRun> {
 public:
  /// `outer`: the pipelines that this one is called from. `is_rescued`: one of them goes on after a failure
  /// of this one.
  PipelineRun(std::shared_ptr<const Pipeline> pipeline, IngestDocument& document,
              std::shared_ptr<PipelineHost> host, std::vector<std::string> outer, bool is_rescued)
      : pipeline_(std::move(pipeline)),
        document_(document),
        host_(std::move(host)),
        outer_(std::move(outer)),
        is_rescued_(is_rescued || !pipeline_->on_failure.empty()) {}

  void run(const Done& done) {
    document_.set("_ingest.pipeline", document_.string_value(pipeline_->id));
    const auto end = [self = shared_from_this(), done](std::optional<IngestFailure> failure) {
      self->leave();
      done(std::move(failure));
    };
    run_list(pipeline_->processors, 0,
             [self = shared_from_this(), end](std::optional<IngestFailure> failure) {
               const auto& rescue = self->pipeline_->on_failure;
               if (!failure || rescue.empty()) return end(std::move(failure));
               self->run_rescue(rescue, *failure, end);
             });
  }

 private:
  /// Runs `list` from `next` on. It loops while steps end at once, and is entered again when an answer comes.
  void run_list(const List& list, std::size_t next, const Done& done) {
    for (; next < list.size() && !document_.dropped && !document_.terminated; ++next) {
      const Processor& processor = list[next];
      if (const auto name = name_to_look_up(processor)) {
        return host_->look_up_pipeline(
            *name, [self = shared_from_this(), &list, next, done] { self->run_list(list, next, done); });
      }
      const std::size_t end = end_of_cluster_part(list, next);
      if (end > next) return run_cluster_part(list, next, end, done);
      if (!processor.condition.empty()) return run_if(list, next, done);
      if (const auto* step = std::get_if<DocumentStep>(&processor.step)) {
        if (Refusal refusal = (*step)(document_))
          return after_failure(list, next, told(*refusal, processor), done);
        continue;
      }
      return run_step(list, next, done);
    }
    done({});
  }

  /// The step alone: whether it shall run has been settled.
  void run_step(const List& list, std::size_t at, const Done& done) {
    const Processor& processor = list[at];
    const auto settle = [self = shared_from_this(), &list, at, done](std::optional<IngestFailure> failure) {
      if (!failure) return self->run_list(list, at + 1, done);
      self->after_failure(list, at, std::move(*failure), done);
    };
    const auto settle_refusal = [self = shared_from_this(), &processor, settle](Refusal refusal) {
      settle(refusal ? std::optional(self->told(std::move(*refusal), processor)) : std::nullopt);
    };
    if (const auto* step = std::get_if<DocumentStep>(&processor.step))
      return settle_refusal((*step)(document_));
    if (const auto* step = std::get_if<InferenceStep>(&processor.step)) {
      if (runs_in_cluster(processor)) return run_alone_in_cluster(processor, settle);
      return run_inference(*step, settle_refusal);
    }
    if (const auto* step = std::get_if<PipelineStep>(&processor.step))
      return run_inner(processor, *step, settle, settle_refusal);
    if (host_->has_cluster()) return run_alone_in_cluster(processor, settle);
    settle_refusal(std::get<ForeignStep>(processor.step).refusal);
  }

  void run_inference(const InferenceStep& step, const std::function<void(Refusal)>& done) {
    auto texts = step.inputs(document_);
    if (!texts) return done(texts.error());
    if (texts->empty()) return done({});
    host_->infer(step.model_id, std::move(*texts),
                 [self = shared_from_this(), &step, done](Answer<Embeddings> vectors) {
                   done(vectors ? step.write(self->document_, *vectors) : Refusal(vectors.error()));
                 });
  }

  void run_inner(const Processor& processor, const PipelineStep& step, const Done& done,
                 const std::function<void(Refusal)>& refuse) {
    const std::string name = step.name.render(document_);
    const auto found = host_->pipeline(name);
    if (!found || !*found) {
      return refuse(found ? found->error()
                          : ElasticError{500, "exception", "pipeline [" + name + "] is lost"});
    }
    if (!**found) {
      if (host_->has_cluster()) return run_alone_in_cluster(processor, done);
      if (step.ignore_missing) return done({});
      return refuse(ElasticError{500, "illegal_state_exception",
                                 "Pipeline processor configured for non-existent pipeline [" + name + "]"});
    }
    if ((**found)->processors.empty()) return done({});  // as Elasticsearch: not even a cycle
    auto outer = outer_;
    outer.push_back(pipeline_->id);
    if (std::find(outer.begin(), outer.end(), name) != outer.end())
      return refuse(ElasticError{500, "graph_structure_exception", "Cycle detected for pipeline: " + name});
    if (outer.size() >= k_most_nested) {
      return refuse(ElasticError{500, "graph_structure_exception",
                                 "Too many nested pipelines. Cannot have more than " +
                                     std::to_string(k_most_nested) + " nested pipelines"});
    }
    const bool is_rescued = is_rescued_ || processor.ignore_failure || !processor.on_failure.empty();
    std::make_shared<PipelineRun>(**found, document_, host_, std::move(outer), is_rescued)->run(done);
  }

  // ---- conditions and the cluster

  void run_if(const List& list, std::size_t at, const Done& done) {
    const Processor& processor = list[at];
    if (!host_->has_cluster()) return done(told(condition_refusal(processor), processor));
    host_->evaluate(
        processor.condition, document_, [self = shared_from_this(), &list, at, done](Answer<bool> holds) {
          if (!holds) {
            // The condition stands around the processor, its ignore_failure and on_failure.
            return done(IngestFailure{holds.error(), "conditional", list[at].tag, self->pipeline_->id});
          }
          if (*holds) return self->run_step(list, at, done);
          self->run_list(list, at + 1, done);
        });
  }

  /// A pipeline whose name has to be looked up before it is known who runs the processor.
  std::optional<std::string> name_to_look_up(const Processor& processor) {
    const auto* step = std::get_if<PipelineStep>(&processor.step);
    if (!step) return {};
    std::string name = step->name.render(document_);
    if (host_->pipeline(name)) return {};
    return name;
  }

  bool runs_in_cluster(const Processor& processor) {
    if (!host_->has_cluster()) return false;
    if (const auto* step = std::get_if<InferenceStep>(&processor.step))
      return host_->leaves_model(step->model_id);
    if (const auto* step = std::get_if<PipelineStep>(&processor.step)) {
      const auto found = host_->pipeline(step->name.render(document_));
      return found && *found && !**found;
    }
    // A condition takes a call in any case, and then the cluster may as well do the rest.
    return std::holds_alternative<ForeignStep>(processor.step) || !processor.condition.empty();
  }

  /// Behind the last of the processors from `next` on that go to the cluster in one call, whole.
  std::size_t end_of_cluster_part(const List& list, std::size_t next) {
    std::size_t end = next;
    for (; end < list.size(); ++end) {
      const Processor& processor = list[end];
      if (processor.type == "terminate" || processor.needs_rescue_here()) break;
      const auto* inner = std::get_if<PipelineStep>(&processor.step);
      // What a name made of fields is, is not known before the processors in front of it have run.
      if (inner && end > next && !inner->name.plain_text()) break;
      if (!runs_in_cluster(processor)) break;
    }
    return end;
  }

  void run_cluster_part(const List& list, std::size_t begin, std::size_t end, const Done& done) {
    std::string processors;
    for (std::size_t i = begin; i < end; ++i)
      processors += (i > begin ? "," : "[") + foreign_json(list[i], document_, false);
    const bool trace =
        is_rescued_ && (end - begin > 1 || has_inner_steps(list[begin]) || !list[begin].on_failure.empty());
    host_->run_in_cluster(
        processors + "]", document_, trace,
        [self = shared_from_this(), &list, begin, end, done](std::optional<IngestFailure> failure) {
          if (!failure) return self->run_list(list, end, done);
          self->complete(*failure, list[begin]);
          done(std::move(failure));
        });
  }

  void run_alone_in_cluster(const Processor& processor, const Done& done) {
    host_->run_in_cluster(
        "[" + foreign_json(processor, document_, true) + "]", document_, has_inner_steps(processor),
        [self = shared_from_this(), &processor, done](std::optional<IngestFailure> failure) {
          if (failure) self->complete(*failure, processor);
          done(std::move(failure));
        });
  }

  // ---- failures

  IngestFailure told(ElasticError error, const Processor& processor) const {
    return {std::move(error), told_type(processor), processor.tag, pipeline_->id};
  }

  /// Fills in what the cluster did not tell.
  void complete(IngestFailure& failure, const Processor& processor) const {
    if (failure.type.empty()) {
      failure.type = told_type(processor);
      failure.tag = processor.tag;
    }
    if (failure.pipeline.empty()) failure.pipeline = pipeline_->id;
  }

  void after_failure(const List& list, std::size_t at, IngestFailure failure, const Done& done) {
    const Processor& processor = list[at];
    if (processor.ignore_failure) return run_list(list, at + 1, done);
    if (processor.on_failure.empty()) return done(std::move(failure));
    run_rescue(processor.on_failure, failure,
               [self = shared_from_this(), &list, at, done](std::optional<IngestFailure> second) {
                 if (second) return done(std::move(second));
                 self->run_list(list, at + 1, done);
               });
  }

  void run_rescue(const List& rescue, const IngestFailure& failure, const Done& done) {
    put_failure(document_, failure);
    run_list(rescue, 0, [self = shared_from_this(), done](std::optional<IngestFailure> second) {
      remove_failure(self->document_);
      done(std::move(second));
    });
  }

  void leave() {
    document_.terminated = false;
    if (outer_.empty()) {
      document_.mutable_ingest_metadata().RemoveMember("pipeline");
    } else {
      document_.set("_ingest.pipeline", document_.string_value(outer_.back()));
    }
  }

  const std::shared_ptr<const Pipeline> pipeline_;
  IngestDocument& document_;
  const std::shared_ptr<PipelineHost> host_;
  const std::vector<std::string> outer_;
  const bool is_rescued_;
};

}  // namespace

void run_pipeline(std::shared_ptr<const Pipeline> pipeline, IngestDocument& document,
                  std::shared_ptr<PipelineHost> host, std::function<void(Refusal)> done) {
  std::make_shared<PipelineRun>(std::move(pipeline), document, std::move(host), std::vector<std::string>(),
                                false)
      ->run([done = std::move(done)](std::optional<IngestFailure> failure) {
        done(failure ? Refusal(std::move(failure->error)) : Refusal());
      });
}

}  // namespace sightline::elastic
