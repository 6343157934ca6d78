#include "server/elastic/ingest/ingest_service.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>

namespace sightline::elastic {
namespace {

using Endpoints = std::map<std::string, Answer<std::shared_ptr<const Endpoint>>>;

/// Counts documents that are done. Shared, so that the last one may still hold it when the waiting thread
/// goes on.
class Countdown {
 public:
  explicit Countdown(std::size_t count) : left_(count) {}

  void count_down() {
    std::lock_guard lock(mutex_);
    if (--left_ == 0) done_.notify_all();
  }

  void wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return left_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  std::size_t left_;
};

}  // namespace

ElasticError unknown_model(const std::string& id) {
  return {404, "status_exception", "[" + id + "] is not an inference service model or a deployed ml model"};
}

void IngestService::run(const Caller& caller, std::vector<IngestTask>& tasks) {
  // Everything that may block is looked up here, on the request's own thread: the rest runs where inference
  // answers arrive.
  std::map<std::string, Answer<std::shared_ptr<const Pipeline>>> pipelines;
  auto endpoints = std::make_shared<Endpoints>();
  const auto look_up_models = [&](const Pipeline& pipeline) {
    for (const auto& id : pipeline.model_ids()) {
      if (!endpoints->contains(id)) endpoints->emplace(id, definitions_.endpoint(caller, id));
    }
  };
  for (auto& task : tasks) {
    if (!task.pipeline) {
      auto found = pipelines.find(task.pipeline_id);
      if (found == pipelines.end()) {
        found = pipelines.emplace(task.pipeline_id, definitions_.pipeline(caller, task.pipeline_id)).first;
        if (found->second && *found->second) look_up_models(**found->second);
      }
      if (!found->second) {
        task.failure = found->second.error();
      } else if (!*found->second) {
        task.failure = illegal_argument("pipeline with id [" + task.pipeline_id + "] does not exist");
      } else {
        task.pipeline = *found->second;
      }
    } else {
      look_up_models(*task.pipeline);
    }
  }

  const InferenceCall call = [this, endpoints](const std::string& id, std::vector<std::string_view> texts,
                                               auto callback) {
    const auto& endpoint = endpoints->at(id);
    if (!endpoint) return callback(endpoint.error());
    if (!*endpoint) return callback(unknown_model(id));
    executor_.infer(*endpoint, {std::move(texts), InputType::internal_ingest}, std::chrono::milliseconds(0),
                    std::move(callback));
  };
  const auto countdown = std::make_shared<Countdown>(tasks.size() + 1);
  for (auto& task : tasks) {
    if (task.failure) {
      countdown->count_down();
      continue;
    }
    run_pipeline(task.pipeline, *task.document, call, [&task, countdown](Refusal refusal) {
      task.failure = std::move(refusal);
      countdown->count_down();
    });
  }
  countdown->count_down();  // its own share: nobody waits on an empty list
  countdown->wait();
}

}  // namespace sightline::elastic
