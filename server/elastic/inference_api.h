// `/_inference`: endpoints, and inference by hand.
#pragma once

#include "server/elastic/definitions.h"
#include "server/elastic/inference/inference_executor.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic {

/// Endpoints of service `custom` and task `text_embedding`, made, shown, called and deleted as Elasticsearch
/// does it.
///
/// PUT measures: the endpoint is called with `["how big"]`, and the length of the first vector becomes its
/// `dimensions`, whatever the body says; `similarity` becomes dot_product if the body has none. An endpoint
/// that cannot be called is not made. Thread safety: handlers may run on any thread; they block.
class InferenceApi {
 public:
  InferenceApi(Definitions& definitions, InferenceExecutor& executor)
      : definitions_(definitions), executor_(executor) {}

  void add_routes(rest::Router& router);

 private:
  http::Response put(const http::Request& request, const std::string& task_type, const std::string& id);
  http::Response get(const http::Request& request, const std::string& task_type, const std::string& id);
  http::Response remove(const http::Request& request, const std::string& task_type, const std::string& id);
  http::Response infer(const http::Request& request, const std::string& task_type, const std::string& id);

  Answer<Endpoint> measured(Endpoint endpoint, std::chrono::milliseconds timeout);
  /// The endpoint, if it is there and of that task. An empty task is any.
  Answer<std::shared_ptr<const Endpoint>> existing(const Caller& caller, const std::string& task_type,
                                                   const std::string& id);
  Answer<std::vector<std::string>> pipelines_using(const Caller& caller, const std::string& id);

  Definitions& definitions_;
  InferenceExecutor& executor_;
};

/// A time as Elasticsearch writes it: "30s", "500ms", "2m". Errors: illegal_argument_exception naming the
/// setting.
Answer<std::chrono::milliseconds> parse_time_value(std::string_view text, std::string_view setting);

}  // namespace sightline::elastic
