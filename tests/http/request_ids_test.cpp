#include "server/http/request_ids.h"

#include <doctest/doctest.h>
#include <string>

using namespace sightline::http;

namespace {

constexpr const char* k_parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

Headers with(const std::string& name, const std::string& value) {
  Headers headers;
  headers.add(name, value);
  return headers;
}

}  // namespace

TEST_CASE("a traceparent is taken only in the form that W3C Trace Context gives it") {
  CHECK(traceparent_of(with("Traceparent", k_parent)) == k_parent);
  CHECK(trace_id_of(with("traceparent", k_parent)) == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(trace_id_of(with("traceparent", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")).size() == 32);
  for (const char* wrong : {
           "",
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
           "00-4bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b7-01xx",
           "0\n-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
       }) {
    CAPTURE(wrong);
    CHECK_FALSE(traceparent_of(with("traceparent", wrong)));
    CHECK(trace_id_of(with("traceparent", wrong)).empty());
  }
  Headers twice = with("traceparent", k_parent);
  twice.add("traceparent", k_parent);
  CHECK_FALSE(traceparent_of(twice));
}

TEST_CASE("an opaque id is taken only if it may be in any log line") {
  CHECK(opaque_id_of(with("x-opaque-id", "kibana:app;1")) == "kibana:app;1");
  CHECK(opaque_id_of(with("X-Opaque-Id", std::string(200, 'a'))));
  for (const std::string& wrong :
       {std::string(), std::string(201, 'a'), std::string("a b"), std::string("a\"b"), std::string("a\\b"),
        std::string("a\nb"), std::string("\xc3\xa4"), std::string("a\0b", 3), std::string("\x7f")}) {
    CAPTURE(wrong);
    CHECK_FALSE(opaque_id_of(with("X-Opaque-Id", wrong)));
  }
}

TEST_CASE("only valid ids are forwarded, and a tracestate only with its traceparent") {
  Headers sent = with("X-Opaque-Id", "task-1");
  sent.add("tracestate", "vendor=1");
  sent.add("Authorization", "Bearer secret");
  CHECK(forwarded_ids(sent).all().size() == 1);
  CHECK(forwarded_ids(sent).get("X-Opaque-Id") == "task-1");
  sent.add("traceparent", k_parent);
  CHECK(forwarded_ids(sent).all().size() == 3);
  CHECK(forwarded_ids(sent).get("tracestate") == "vendor=1");
  sent.set("tracestate", std::string(513, 'a'));
  CHECK_FALSE(forwarded_ids(sent).get("tracestate"));
  sent.set("tracestate", "a\r\nEvil: 1");
  CHECK_FALSE(forwarded_ids(sent).get("tracestate"));
  sent.set("X-Opaque-Id", "a b");
  CHECK_FALSE(forwarded_ids(sent).get("X-Opaque-Id"));
}
