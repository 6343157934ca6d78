#include "server/elastic/embedded/embedded_store.h"

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "base/request_trace.h"
#include "server/elastic/embedded/api.h"
#include "server/elastic/rest/rest_layer.h"
#include "server/http/answer_budget.h"

namespace sightline::elastic {
namespace {

constexpr std::chrono::seconds k_watch_interval{1};

class EmbeddedStore : public Store {
 public:
  explicit EmbeddedStore(std::unique_ptr<StoreCore> core) : core_(std::move(core)) {
    add_routes(router_, *core_);
    watch_ = std::jthread([this](const std::stop_token& stop) {
      std::mutex mutex;
      std::condition_variable_any stopped;
      std::unique_lock<std::mutex> lock(mutex);
      while (!stopped.wait_for(lock, stop, k_watch_interval, [&] { return stop.stop_requested(); })) core_->check();
    });
  }

  std::string problem() override { return core_->problem(); }

  http::Response handle(const http::Request& request) override {
    const StageSpan stage(current_trace(), Stage::store);
    try {
      return router_.handle(request);
    } catch (const StorageFailed& failed) {
      return storage_error(failed.error).response();
    } catch (const AnswerTooLarge&) {
      return rest::answer_too_large(core_->limits().max_answer_bytes).response();
    } catch (const http::AnswersFull&) {
      return rest::error_response(429, http::k_answers_full);
    }
  }

 private:
  std::unique_ptr<StoreCore> core_;
  rest::Router router_;
  std::jthread watch_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_embedded_store(const std::filesystem::path& folder, StoreCore::Now now,
                                                   const Limits& limits, Warn warn) {
  auto core = StoreCore::open(folder, std::move(now), limits, std::move(warn));
  if (!core) return core.error();
  return std::unique_ptr<Store>(std::make_unique<EmbeddedStore>(*std::move(core)));
}

Status check_store_folder(const std::filesystem::path& folder, const Warn& warn) {
  try {
    const StoreFiles claimed(folder, warn);
    return {};
  } catch (StorageFailed& failed) {
    return std::move(failed.error);
  }
}

void add_routes(rest::Router& router, StoreCore& store) {
  add_cluster_routes(router, store);
  add_index_routes(router, store);
  add_document_routes(router, store);
  add_bulk_routes(router, store);
  add_search_routes(router, store);
}

http::Response json_answer(std::string body, int status) {
  return {.status = status, .headers = {}, .body = std::move(body)};
}

http::Response acknowledged() {
  return json_answer("{\"acknowledged\":true}");
}

}  // namespace sightline::elastic
