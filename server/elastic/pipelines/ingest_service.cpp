#include "server/elastic/pipelines/ingest_service.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "base/cancellation.h"
#include "base/json/document.h"
#include "base/request_trace.h"
#include "server/elastic/rest/json_tape.h"
#include "server/http/network_wait.h"

namespace sightline::elastic {
namespace {

using Found = Answer<std::shared_ptr<const Pipeline>>;

/// Pipelines and models that are looked up before a request's documents run. Any others are looked up when a document
/// gets to them, which counts as steps of it.
constexpr std::size_t k_most_ahead = 1'000;

/// What the runs of a request's documents have to do on the request's own thread, after they have waited.
/// Thread safety: `post` and `end` from any thread.
class Turns {
 public:
  using Work = std::function<void()>;  // does not throw

  void post(Work work) {
    const std::lock_guard lock(mutex_);
    works_.push_back(std::move(work));
    changed_.notify_one();
  }
  /// No more is to come.
  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_one();
  }
  void run_to_end(const http::NetworkWait& wait) {
    while (const Work work = next(wait)) work();
  }

 private:
  Work next(const http::NetworkWait& wait) {
    std::unique_lock lock(mutex_);
    const auto has_next = [this] { return ended_ || !works_.empty(); };
    if (!has_next()) {
      lock.unlock();
      const http::NetworkWait::Lent lent(wait);
      lock.lock();
      changed_.wait(lock, has_next);
      lock.unlock();  // before the place is taken again, which may last
    }
    if (!lock.owns_lock()) lock.lock();
    if (works_.empty()) return {};
    Work work = std::move(works_.front());
    works_.pop_front();
    return work;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> works_;
  bool ended_ = false;
};

/// Does the work of the turns, when it goes, until nobody holds a share of it. A share is let go of whatever
/// happens to its holder, so that this ends also where memory runs out on some thread.
class Shares {
 public:
  Shares(std::shared_ptr<Turns> turns, const http::NetworkWait& wait)
      : turns_(std::move(turns)), wait_(wait), last_(std::make_shared<Last>(turns_)) {}
  ~Shares() {
    last_.reset();
    turns_->run_to_end(wait_);
  }
  Shares(const Shares&) = delete;
  Shares& operator=(const Shares&) = delete;

  std::shared_ptr<const void> share() const { return last_; }

 private:
  struct Last {
    explicit Last(std::shared_ptr<Turns> turns_of) : turns(std::move(turns_of)) {}
    ~Last() { turns->end(); }
    const std::shared_ptr<Turns> turns;
  };
  const std::shared_ptr<Turns> turns_;
  const http::NetworkWait& wait_;
  std::shared_ptr<Last> last_;
};

ElasticError missing_pipeline(const std::string& id) {
  return illegal_argument("pipeline with id [" + id + "] does not exist");
}

/// A pipeline that the cluster was to run, and has not, is told as one that a write names.
Refusal as_missing(Refusal refusal, const std::string& id) {
  const bool is_missing = refusal && refusal->type == "illegal_state_exception" &&
                          refusal->reason == "Pipeline processor configured for non-existent pipeline [" + id + "]";
  return is_missing ? missing_pipeline(id) : std::move(refusal);
}

/// The result of `call`, which blocks on the store, or why it could not be made.
template <class T, class Call>
T contained(bool may_run, Call call) {
  if (!may_run) return T(ElasticError{503, "node_closed_exception", "the server is stopping"});
  try {
    check_cancelled();
    return call();
  } catch (const WorkCancelled& cancelled) {
    // On a thread of the pool: the request's own thread ends with this, too.
    return T(ElasticError{503, "node_closed_exception", cancelled.what()});
  } catch (const std::exception& exception) {
    return T(ElasticError{500, "exception", std::string("internal error of Sightline: ") + exception.what()});
  }
}

/// Runs what the cluster keeps under that name.
std::shared_ptr<const Pipeline> pipeline_of_cluster(const std::string& id) {
  std::string config = R"({"processors":[{"pipeline":{"name":)";
  rest::append_json_string(config, id);
  rapidjson::Document parsed;
  json::read_document(config + "}}]}", parsed);
  return *Pipeline::parse("_sightline_" + id, std::move(parsed));
}

}  // namespace

ElasticError unknown_model(const std::string& id) {
  return {404, "status_exception", "[" + id + "] is not an inference service model or a deployed ml model"};
}

/// The surroundings of the documents of one request: who asks, and what has been looked up for him. Thread
/// safety: all members may be called from any thread.
class IngestService::Host : public PipelineHost, public std::enable_shared_from_this<IngestService::Host> {
 public:
  Host(IngestService& service, Caller caller)
      : service_(service), caller_(std::move(caller)), cancellation_(current_cancellation()), trace_(current_trace()) {}

  /// Looks a pipeline up, and all that it needs, unless that has been done. Blocks.
  Found look_up(const std::string& name) {
    look_up_levels({name}, k_most_ahead);
    return *pipeline(name);
  }

  void look_up_needs(const Pipeline& pipeline) {
    look_up_models(pipeline);
    look_up_levels(pipeline.pipeline_names(), k_most_ahead);
  }

  /// A model that the documents wait for; empty: none.
  std::string awaited_model() {
    const std::lock_guard lock(mutex_);
    return models_.empty() ? std::string() : models_.begin()->first;
  }
  const std::shared_ptr<Turns>& turns() const { return turns_; }

  // ---- PipelineHost

  std::size_t max_steps() const override { return service_.max_steps_; }

  void go_on(std::function<void()> work) override { turns_->post(std::move(work)); }

  void infer(const std::string& model_id, std::vector<std::string_view> texts,
             std::function<void(Answer<Embeddings>)> answer) override {
    const Answer<std::shared_ptr<const Endpoint>> endpoint = model(model_id).endpoint;
    if (!endpoint) return answer(endpoint.error());
    if (!*endpoint) return answer(unknown_model(model_id));
    service_.executor_.infer(*endpoint, {std::move(texts), InputType::internal_ingest, caller_.hops, caller_.ids()},
                             std::chrono::milliseconds(0), std::move(answer));
  }

  std::optional<Found> pipeline(const std::string& name) override {
    std::lock_guard lock(mutex_);
    const auto found = pipelines_.find(name);
    return found == pipelines_.end() ? std::nullopt : std::optional(found->second);
  }

  void look_up_pipeline(const std::string& name, std::function<void()> found) override {
    post([self = shared_from_this(), name, found = std::move(found)](bool may_run) {
      const auto result = contained<Found>(may_run, [&] {
        self->look_up_levels({name}, 1);
        return *self->pipeline(name);
      });
      {
        std::lock_guard lock(self->mutex_);
        self->pipelines_.emplace(name, result);
      }
      found();
    });
  }

  bool has_cluster() const override { return service_.cluster_.exist(); }
  bool leaves_model(const std::string& model_id) override { return model(model_id).is_clusters; }

  void run_in_cluster(std::string processors, IngestDocument& document, bool trace,
                      std::function<void(std::optional<IngestFailure>)> done) override {
    post([self = shared_from_this(), processors = std::move(processors), &document, trace,
          done = std::move(done)](bool may_run) {
      using Result = Answer<std::optional<IngestFailure>>;
      auto result = contained<Result>(
          may_run, [&]() -> Result { return self->service_.cluster_.run(self->caller_, processors, document, trace); });
      done(result ? std::move(*result) : IngestFailure{result.error(), {}, {}, {}});
    });
  }

  void evaluate(const std::string& condition, const IngestDocument& document,
                std::function<void(Answer<bool>)> done) override {
    post([self = shared_from_this(), condition, &document, done = std::move(done)](bool may_run) {
      done(contained<Answer<bool>>(may_run,
                                   [&] { return self->service_.cluster_.holds(self->caller_, condition, document); }));
    });
  }

 private:
  struct Model {
    Answer<std::shared_ptr<const Endpoint>> endpoint;
    bool is_clusters = false;
  };

  /// Looks up `names`, then the pipelines that these call, and so on: `most` pipelines, and no deeper than pipelines
  /// may be nested. A loop, since stored pipelines form chains of any length. A pipeline is entered after its models,
  /// because another document may use it as soon as it is there.
  void look_up_levels(std::vector<std::string> names, std::size_t most) {
    for (std::size_t level = 0; level < k_most_nested && !names.empty(); ++level) {
      std::vector<std::string> inner;
      for (const auto& name : names) {
        check_cancelled();
        if (pipeline(name)) continue;
        if (most == 0) return;
        --most;
        const Found found = service_.pipelines_.get(caller_, name);
        if (found && *found) {
          most -= std::min(most, look_up_models(**found));
          for (auto& called : (*found)->pipeline_names()) {
            if (inner.size() < most) inner.push_back(std::move(called));
          }
        }
        const std::lock_guard lock(mutex_);
        pipelines_.emplace(name, found);
      }
      names = std::move(inner);
    }
  }

  /// How many there are.
  std::size_t look_up_models(const Pipeline& pipeline) {
    const auto ids = pipeline.model_ids();
    for (const auto& id : ids) {
      check_cancelled();
      {
        std::lock_guard lock(mutex_);
        if (models_.contains(id)) continue;
      }
      Model model{service_.endpoints_.get(caller_, id)};
      model.is_clusters =
          has_cluster() && model.endpoint && !*model.endpoint && service_.cluster_.run_inference(caller_);
      std::lock_guard lock(mutex_);
      models_.emplace(id, std::move(model));
    }
    return ids.size();
  }

  Model model(const std::string& id) {
    std::lock_guard lock(mutex_);
    const auto found = models_.find(id);
    return found == models_.end() ? Model{std::shared_ptr<const Endpoint>()} : found->second;
  }

  /// As StepPool::post, in the scope of the request.
  void post(StepPool::Task task) {
    service_.pool_.post([work = cancellation_, trace = trace_, task = std::move(task)](bool may_run) {
      const CancellationScope scope(work);
      const TraceScope stages(trace);
      task(may_run);
    });
  }

  IngestService& service_;
  const Caller caller_;
  const std::shared_ptr<Cancellation> cancellation_;
  const std::shared_ptr<RequestTrace> trace_;
  const std::shared_ptr<Turns> turns_ = std::make_shared<Turns>();
  std::mutex mutex_;
  std::map<std::string, Found> pipelines_;
  std::map<std::string, Model> models_;
};

Answer<bool> IngestService::runs_model(const Caller& caller, const std::string& model_id) {
  if (!cluster_.exist()) return true;
  const auto endpoint = endpoints_.get(caller, model_id);
  if (!endpoint) return endpoint.error();
  if (*endpoint) return true;
  if (cluster_.run_inference(caller)) return false;
  const auto deployed = cluster_.know_model(caller, model_id);
  return deployed ? Answer<bool>(!*deployed) : deployed;
}

void IngestService::run(const Caller& caller, std::vector<IngestTask>& tasks) {
  // What can be is looked up here, on the request's own thread: the rest runs where answers arrive.
  const auto host = std::make_shared<Host>(*this, caller);
  std::set<const Pipeline*> known;
  for (auto& task : tasks) {
    check_cancelled();
    if (task.pipeline) {
      if (known.insert(task.pipeline.get()).second) host->look_up_needs(*task.pipeline);
      continue;
    }
    const Found found = host->look_up(task.pipeline_id);
    if (!found) {
      task.failure = found.error();
    } else if (*found) {
      task.pipeline = *found;
    } else if (cluster_.exist()) {
      task.pipeline = pipeline_of_cluster(task.pipeline_id);
    } else {
      task.failure = missing_pipeline(task.pipeline_id);
    }
  }
  std::vector<IngestTask*> running;
  for (auto& task : tasks) {
    if (task.failure) continue;
    task.document->bound(bounds_);
    running.push_back(&task);
    // The error if the pipeline does not finish; later there may be no memory to build one.
    task.failure = ElasticError{500, "exception",
                                "internal error of Sightline: the pipeline [" + task.pipeline_id +
                                    "] did not finish; the document was not written"};
  }
  const std::string model = host->awaited_model();
  const http::NetworkWait wait(model);
  if (!wait.granted() && (cluster_.exist() || !model.empty())) {
    for (auto* task : running) task->failure = too_many_waiting();
    return;
  }
  {
    const Shares shares(host->turns(), wait);
    for (auto* task : running) {
      run_pipeline(task->pipeline, *task->document, host,
                   [task, share = shares.share()](Refusal refusal) { task->failure = std::move(refusal); });
    }
  }
  check_cancelled();
  for (auto* task : running) task->failure = as_missing(std::move(task->failure), task->pipeline_id);
}

}  // namespace sightline::elastic
