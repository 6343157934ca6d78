// How tests speak to a front.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "server/elastic/definitions/definition_index.h"
#include "server/elastic/inference/inference_executor.h"
#include "server/elastic/outcome.h"

namespace sightline::elastic {

/// Waits between attempts are as short as they can be.
inline InferenceExecutor::Options without_chance() {
  InferenceExecutor::Options options;
  options.retry.random = [] { return 0.0; };
  return options;
}

/// Requests to `Bench::front`. What it leaves is asked of `Bench::store`, as a server does it.
template <class Bench>
struct FrontCalls {
  http::Response call(http::Method method, const std::string& target, const std::string& body = {},
                      const Caller& caller = {}) {
    auto& bench = static_cast<Bench&>(*this);
    const auto mark = target.find('?');
    Outcome outcome = bench.front.decide(store_request(caller, method, target.substr(0, mark),
                                                       mark == std::string::npos ? "" : target.substr(mark + 1), body));
    if (auto* response = std::get_if<http::Response>(&outcome)) return std::move(*response);
    return bench.store.handle(std::get<http::Request>(outcome));
  }
  http::Response get(const std::string& target) { return call(http::Method::get, target); }
  http::Response put(const std::string& target, const std::string& body) {
    return call(http::Method::put, target, body);
  }
  http::Response post(const std::string& target, const std::string& body) {
    return call(http::Method::post, target, body);
  }
  http::Response remove(const std::string& target) { return call(http::Method::delete_, target); }
};

}  // namespace sightline::elastic
