// One document on its way through a pipeline.
#include <algorithm>
#include <exception>
#include <mutex>
#include <utility>

#include "base/cancellation.h"
#include "base/request_trace.h"
#include "server/elastic/pipelines/foreign_processor.h"
#include "server/elastic/pipelines/pipeline.h"

namespace sightline::elastic {
namespace {

using Value = rapidjson::Value;
using List = std::vector<Processor>;

constexpr std::size_t k_steps_of_lookup = 100;  // a request to the store
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
    document.set(std::string("_ingest.") + name,
                 text.empty() ? Value() : document.string_value(text.substr(0, k_longest_name)));
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

/// The run of one document: lists of processors that are open, the innermost last, and what the innermost
/// waits for.
///
/// Flow: 1. `work` runs steps, one after the other and in a loop, until one has to wait for an answer.
/// However
///          long and deep a pipeline is, and wherever its answers arrive, no more of the stack is taken.
///       2. The answer arrives, on any thread, perhaps before the step that asked for it has returned: then
///          the loop that runs already takes it; else the host lets the loop go on.
///       3. The step's outcome decides what runs next; the end of the outermost list is told to `done`.
/// Nothing is thrown out of it: a fault ends the document with an error.
class PipelineRun : public std::enable_shared_from_this<PipelineRun> {
 public:
  PipelineRun(IngestDocument& document, std::shared_ptr<PipelineHost> host, std::function<void(Refusal)> done)
      : document_(document), host_(std::move(host)), done_(std::move(done)) {}

  void start(std::shared_ptr<const Pipeline> pipeline) {
    document_.allow_steps(host_->max_steps());
    arrived_ = std::move(pipeline);
    is_working_ = true;
    work();
  }

 private:
  using FoundPipeline = std::shared_ptr<const Pipeline>;

  /// A list of processors that is being run.
  struct Frame {
    enum class Kind { pipeline, rescue_of_pipeline, rescue_of_processor };
    Kind kind;
    FoundPipeline pipeline;  ///< that the list stands in
    const List* list;
    bool is_rescued;     ///< something outside goes on after a failure of this
    std::size_t at = 0;  ///< the processor that runs, or is the next
  };

  // ---- what steps wait for

  struct LookedUp {};
  struct StepRan {
    std::optional<IngestFailure> failure;
  };
  struct PartRan {
    std::size_t end;  ///< behind the processors that ran
    std::optional<IngestFailure> failure;
  };
  using Arrival =
      std::variant<FoundPipeline, LookedUp, StepRan, PartRan, Answer<Embeddings>, Answer<bool> /* an `if` */>;

  void arrive(Arrival arrival) {
    {
      std::lock_guard lock(mutex_);
      arrived_ = std::move(arrival);
      if (is_working_) return;
      is_working_ = true;
    }
    host_->go_on([self = shared_from_this()] { self->work(); });
  }

  std::optional<Arrival> next_arrival() {
    std::lock_guard lock(mutex_);
    is_working_ = arrived_.has_value();
    return std::exchange(arrived_, std::nullopt);
  }

  void work() noexcept {
    const CancellationScope scope(cancellation_);
    const TraceScope stages(trace_);
    try {
      while (auto arrival = next_arrival()) {
        bool goes_on = std::visit([this](auto& answer) { return settle(answer); }, *arrival);
        while (goes_on && !frames_.empty()) {
          check_cancelled();
          document_.tidy();
          goes_on = run_next();
        }
      }
    } catch (const std::exception& exception) {
      end_by_fault(exception.what());
    }
  }

  // As the loop's steps below.

  bool settle(FoundPipeline& pipeline) { return open(std::move(pipeline), false); }
  bool settle(LookedUp&) { return true; }
  bool settle(StepRan& ran) { return after(Over::step, std::move(ran.failure)); }
  bool settle(PartRan& ran) {
    if (ran.failure) {
      complete(*ran.failure);
      return after(Over::list, std::move(ran.failure));
    }
    frames_.back().at = ran.end;
    return true;
  }
  bool settle(Answer<Embeddings>& vectors) {
    if (!vectors) return refuse(vectors.error());
    return after_step(std::get<InferenceStep>(current().step).write(document_, *vectors));
  }
  bool settle(Answer<bool>& holds) {
    if (holds) return *holds ? run_step() : skip();
    // The condition stands around the processor, its ignore_failure and on_failure.
    return after(Over::list, IngestFailure{holds.error(), "conditional", current().tag, frames_.back().pipeline->id});
  }

  // ---- the loop's steps. False: an answer has to come first.

  bool run_next() {
    const Frame& frame = frames_.back();
    if (frame.at >= frame.list->size() || document_.dropped || document_.terminated) {
      return after(Over::list, {});
    }
    document_.count_steps(1);
    if (document_.is_out_of_steps()) return end_by_steps();
    if (const auto name = name_to_look_up()) {
      document_.count_steps(k_steps_of_lookup);
      host_->look_up_pipeline(*name, [self = shared_from_this()] { self->arrive(LookedUp()); });
      return false;
    }
    if (const std::size_t end = end_of_cluster_part(); end > frame.at) {
      run_cluster_part(end);
      return false;
    }
    return current().condition.empty() ? run_step() : run_condition();
  }

  /// The step alone: whether it shall run has been settled.
  bool run_step() {
    const Processor& processor = current();
    if (const auto* step = std::get_if<DocumentStep>(&processor.step)) return after_step((*step)(document_));
    if (const auto* step = std::get_if<InferenceStep>(&processor.step))
      return runs_in_cluster(processor) ? run_alone_in_cluster() : run_inference(*step);
    if (const auto* step = std::get_if<PipelineStep>(&processor.step)) return run_inner(*step);
    if (host_->has_cluster()) return run_alone_in_cluster();
    return refuse(std::get<ForeignStep>(processor.step).refusal);
  }

  bool run_inference(const InferenceStep& step) {
    auto texts = step.inputs(document_);
    if (!texts) return refuse(texts.error());
    if (texts->empty()) return skip();
    host_->infer(step.model_id, std::move(*texts),
                 [self = shared_from_this()](Answer<Embeddings> vectors) { self->arrive(std::move(vectors)); });
    return false;
  }

  bool run_inner(const PipelineStep& step) {
    const auto made = step.name.name(document_);
    if (!made) return refuse(made.error());
    const std::string& name = *made;
    const auto found = host_->pipeline(name);
    if (!found || !*found)
      return refuse(found ? found->error() : ElasticError{500, "exception", "pipeline [" + name + "] is lost"});
    if (!**found) {
      if (host_->has_cluster()) return run_alone_in_cluster();
      if (step.ignore_missing) return skip();
      return refuse(ElasticError{500, "illegal_state_exception",
                                 "Pipeline processor configured for non-existent pipeline [" + name + "]"});
    }
    if ((**found)->processors.empty()) return skip();  // as Elasticsearch: not even a cycle
    document_.count_members(frames_.size());
    std::size_t open_pipelines = 0;
    for (const Frame& frame : frames_) {
      if (frame.kind == Frame::Kind::rescue_of_processor) continue;
      ++open_pipelines;
      if (frame.pipeline->id == name)
        return refuse(ElasticError{500, "graph_structure_exception", "Cycle detected for pipeline: " + name});
    }
    if (open_pipelines >= k_most_nested) {
      return refuse(ElasticError{
          500, "graph_structure_exception",
          "Too many nested pipelines. Cannot have more than " + std::to_string(k_most_nested) + " nested pipelines"});
    }
    const Processor& processor = current();
    const bool is_rescued = frames_.back().is_rescued || processor.ignore_failure || !processor.on_failure.empty();
    return open(**found, is_rescued);
  }

  // ---- conditions and the cluster

  bool run_condition() {
    const Processor& processor = current();
    if (!host_->has_cluster()) return after(Over::list, told(condition_refusal(processor)));
    host_->evaluate(processor.condition, document_,
                    [self = shared_from_this()](Answer<bool> holds) { self->arrive(std::move(holds)); });
    return false;
  }

  /// A pipeline whose name has to be looked up before it is known who runs the processor.
  std::optional<std::string> name_to_look_up() {
    const auto* step = std::get_if<PipelineStep>(&current().step);
    if (!step) return {};
    auto name = step->name.name(document_);
    if (!name || host_->pipeline(*name)) return {};
    return *std::move(name);
  }

  bool runs_in_cluster(const Processor& processor) {
    if (!host_->has_cluster()) return false;
    if (const auto* step = std::get_if<InferenceStep>(&processor.step)) return host_->leaves_model(step->model_id);
    if (const auto* step = std::get_if<PipelineStep>(&processor.step)) {
      const auto name = step->name.name(document_);
      const auto found = name ? host_->pipeline(*name) : std::nullopt;
      return found && *found && !**found;
    }
    // A condition takes a call in any case, and then the cluster may as well do the rest.
    return std::holds_alternative<ForeignStep>(processor.step) || !processor.condition.empty();
  }

  /// Behind the last of the processors from the next on that go to the cluster in one call, whole.
  std::size_t end_of_cluster_part() {
    const List& list = *frames_.back().list;
    const std::size_t begin = frames_.back().at;
    std::size_t end = begin;
    for (; end < list.size(); ++end) {
      const Processor& processor = list[end];
      if (processor.type == "terminate" || processor.needs_rescue_here()) break;
      const auto* inner = std::get_if<PipelineStep>(&processor.step);
      // What a name made of fields is, is not known before the processors in front of it have run.
      if (inner && end > begin && !inner->name.plain_text()) break;
      if (!runs_in_cluster(processor)) break;
    }
    return end;
  }

  void run_cluster_part(std::size_t end) {
    const auto& [kind, pipeline, list, is_rescued, begin] = frames_.back();
    std::string processors;
    for (std::size_t i = begin; i < end; ++i)
      processors += (i > begin ? "," : "[") + foreign_json((*list)[i], document_, false);
    const Processor& first = (*list)[begin];
    const bool trace = is_rescued && (end - begin > 1 || has_inner_steps(first) || !first.on_failure.empty());
    host_->run_in_cluster(processors + "]", document_, trace,
                          [self = shared_from_this(), end](std::optional<IngestFailure> failure) {
                            self->arrive(PartRan{end, std::move(failure)});
                          });
  }

  bool run_alone_in_cluster() {
    const Processor& processor = current();
    host_->run_in_cluster("[" + foreign_json(processor, document_, true) + "]", document_, has_inner_steps(processor),
                          [self = shared_from_this()](std::optional<IngestFailure> failure) {
                            self->arrive(StepRan{std::move(failure)});
                          });
    return false;
  }

  // ---- what comes after a step, and after a list. All return true, for the loop to go on.

  const Processor& current() const { return (*frames_.back().list)[frames_.back().at]; }

  bool open(FoundPipeline pipeline, bool is_rescued) {
    document_.set("_ingest.pipeline", document_.string_value(pipeline->id));
    const List* list = &pipeline->processors;
    is_rescued = is_rescued || !pipeline->on_failure.empty();
    frames_.push_back({Frame::Kind::pipeline, std::move(pipeline), list, is_rescued});
    return true;
  }

  bool skip() { return after(Over::step, {}); }
  bool refuse(ElasticError error) { return after(Over::step, told(std::move(error))); }
  bool after_step(Refusal refusal) { return refusal ? refuse(*std::move(refusal)) : skip(); }

  enum class Over { step, list };

  /// Finds what runs next after `over`: a failure may end one list after the other.
  bool after(Over over, std::optional<IngestFailure> failure) {
    if (document_.is_out_of_steps()) return end_by_steps();
    while (true) {
      Frame& frame = frames_.back();
      if (over == Over::step) {
        const Processor& processor = current();
        if (failure) complete(*failure);
        if (!failure || processor.ignore_failure) {
          ++frame.at;
          return true;
        }
        if (!processor.on_failure.empty()) return open_rescue(processor, *failure);
        over = Over::list;
      } else if (frame.kind == Frame::Kind::rescue_of_processor) {
        remove_failure(document_);
        frames_.pop_back();
        // The failure of a rescue is not the processor's, to be ignored or rescued again.
        over = failure ? Over::list : Over::step;
      } else if (failure && frame.kind == Frame::Kind::pipeline && !frame.pipeline->on_failure.empty()) {
        put_failure(document_, *failure);
        frame.kind = Frame::Kind::rescue_of_pipeline;
        frame.list = &frame.pipeline->on_failure;
        frame.at = 0;
        return true;
      } else {
        if (frame.kind == Frame::Kind::rescue_of_pipeline) remove_failure(document_);
        leave();
        over = Over::step;
        if (frames_.empty()) return end(failure ? Refusal(std::move(failure->error)) : Refusal());
      }
    }
  }

  bool open_rescue(const Processor& processor, const IngestFailure& failure) {
    put_failure(document_, failure);
    Frame rescue = frames_.back();
    rescue.kind = Frame::Kind::rescue_of_processor;
    rescue.list = &processor.on_failure;
    rescue.at = 0;
    frames_.push_back(std::move(rescue));
    return true;
  }

  void leave() {
    frames_.pop_back();
    document_.terminated = false;
    if (frames_.empty()) {
      document_.mutable_ingest_metadata().RemoveMember("pipeline");
    } else {
      document_.set("_ingest.pipeline", document_.string_value(frames_.back().pipeline->id));
    }
  }

  /// The document is not touched any more.
  bool end(Refusal refusal) {
    if (const auto done = std::exchange(done_, nullptr)) done(std::move(refusal));
    return true;
  }

  bool end_by_steps() {
    frames_.clear();
    return end(too_many_steps(host_->max_steps()));
  }

  void end_by_fault(const char* what) noexcept {
    frames_.clear();
    try {
      end(ElasticError{500, "exception", std::string("internal error of Sightline: ") + what});
    } catch (...) {
      done_ = nullptr;  // who waits sees it go
    }
  }

  // ---- failures

  IngestFailure told(ElasticError error) const {
    return {std::move(error), told_type(current()), current().tag, frames_.back().pipeline->id};
  }

  /// Fills in what the cluster did not tell.
  void complete(IngestFailure& failure) const {
    if (failure.type.empty()) {
      failure.type = told_type(current());
      failure.tag = current().tag;
    }
    if (failure.pipeline.empty()) failure.pipeline = frames_.back().pipeline->id;
  }

  IngestDocument& document_;
  const std::shared_ptr<Cancellation> cancellation_ = current_cancellation();  // of the request
  const std::shared_ptr<RequestTrace> trace_ = current_trace();                // likewise
  const std::shared_ptr<PipelineHost> host_;
  std::function<void(Refusal)> done_;
  std::vector<Frame> frames_;  // the loop's
  std::mutex mutex_;
  std::optional<Arrival> arrived_;
  bool is_working_ = false;
};

}  // namespace

void run_pipeline(std::shared_ptr<const Pipeline> pipeline, IngestDocument& document,
                  std::shared_ptr<PipelineHost> host, std::function<void(Refusal)> done) {
  std::make_shared<PipelineRun>(document, std::move(host), std::move(done))->start(std::move(pipeline));
}

}  // namespace sightline::elastic
