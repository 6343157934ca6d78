// What is behind the front of an Elasticsearch port.
#pragma once

#include "server/elastic/front.h"
#include "server/elastic/inference/native_inference.h"
#include "server/elastic/store.h"
#include "server/http/server.h"

namespace sightline::elastic {

/// An embedded store or a cluster: what answers the front's requests, and those that the front does not handle.
/// Thread safety: all members may be called from any thread.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Store& store() = 0;
  virtual NativeInference& native() = 0;
  /// Answers a request, now or later; blocks as long as `front` does.
  virtual void handle(Front& front, http::Request request, http::Reply reply) = 0;
  /// The same as one whole answer.
  virtual http::Response ask(Front& front, http::Request request) = 0;
  /// Checks that what is behind it answers, and warns if it does not. Blocks until it has, or
  /// until `shut_down`.
  virtual void look_behind() {}
  /// Ends what `store` still waits for, and waits for nothing any more. For stopping the server.
  virtual void shut_down() {}
};

}  // namespace sightline::elastic
