// `/_inference`: endpoints, and inference by hand.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/elastic/inference/endpoints.h"
#include "server/elastic/inference/inference_executor.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic {

/// Endpoints of task `text_embedding`, made, shown, called and deleted as Elasticsearch does it.
///
/// PUT measures: the endpoint is called with `["how big"]`, and the length of the first vector becomes its
/// `dimensions`, whatever the body says (but for services that ask for a length); `similarity` becomes the
/// service's default if the body has none. An endpoint that cannot be called is not made.
///
/// Where the store runs inference itself, new endpoints are made there, and so is every request for an
/// endpoint that is not stored here; the list shows both. Thread safety: all members may be called from any
/// thread; they block.
class InferenceApi {
 public:
  /// Names of the pipelines that call an endpoint: it is not deleted while there are any.
  using PipelinesUsing = std::function<Answer<std::vector<std::string>>(const Caller&, const std::string& id)>;

  InferenceApi(Store& store, NativeInference& native, Endpoints& endpoints, InferenceExecutor& executor,
               PipelinesUsing pipelines_using)
      : store_(store),
        native_(native),
        endpoints_(endpoints),
        executor_(executor),
        pipelines_using_(std::move(pipelines_using)) {}

  void add_routes(rest::Router& router);

  /// 400 if the request makes an index, a mapping or a template with a `semantic_text` or `semantic` field that the store
  /// cannot fill: it names an endpoint stored here, or the store runs no inference. Reads no body that does not
  /// hold the word.
  Refusal refuse_semantic_text(const http::Request& request);

 private:
  /// Nothing: the request is the store's.
  using Handled = std::optional<http::Response>;
  Handled put(const http::Request& request, const std::string& task_type, const std::string& id);
  Handled update(const http::Request& request, const std::string& task_type, const std::string& id);
  Handled get(const http::Request& request, const std::string& task_type, const std::string& id);
  Handled list(const http::Request& request, const std::string& task_type);
  Handled remove(const http::Request& request, const std::string& task_type, const std::string& id);
  Handled infer(const http::Request& request, const std::string& task_type, const std::string& id);

  Answer<Endpoint> measured(const Caller& caller, Endpoint endpoint, std::chrono::milliseconds timeout);
  /// The endpoint's stored settings with those of `body` in their place. Errors: those of the body and of
  /// measuring.
  Answer<Endpoint> updated(const Caller& caller, const Endpoint& endpoint, const rapidjson::Value& body,
                           std::chrono::milliseconds timeout);
  /// The endpoints of the store, as JSON without the brackets, without those of `ours`.
  Answer<std::string> native_endpoints(const Caller& caller, const std::string& task_type,
                                       const std::vector<std::string>& ours);

  Store& store_;
  NativeInference& native_;
  Endpoints& endpoints_;
  InferenceExecutor& executor_;
  PipelinesUsing pipelines_using_;
};

}  // namespace sightline::elastic
