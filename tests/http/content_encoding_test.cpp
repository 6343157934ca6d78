#include "server/http/content_encoding.h"

#include <doctest/doctest.h>

#include "server/http/server.h"
#include "tests/http/gzipped.h"
#include "tests/http/raw_client.h"

using namespace sightline;
using namespace sightline::http;

TEST_CASE("gzip is undone, one member or several, up to the limit to the byte") {
  std::string plain;
  for (int i = 0; i < 100'000; ++i) plain += std::to_string(i);
  CHECK(*gzip_decode(gzipped(plain), plain.size()) == plain);
  CHECK(gzip_decode(gzipped(plain), plain.size() - 1).error().code == ErrorCode::too_large);
  CHECK(*gzip_decode(gzipped("ab") + gzipped("") + gzipped("cd"), 4) == "abcd");
  CHECK(gzip_decode(gzipped("ab") + gzipped("cd"), 3).error().code == ErrorCode::too_large);
  CHECK(gzip_decode(gzipped(""), 0)->empty());
}

TEST_CASE("what is not whole gzip is refused wherever it breaks") {
  const std::string packed = gzipped("some text that is long enough to be cut anywhere");
  for (std::size_t size = 0; size < packed.size(); ++size) {
    const auto plain = gzip_decode(packed.substr(0, size), 1000);
    REQUIRE_FALSE(plain.ok());
    REQUIRE(plain.error().code == ErrorCode::invalid_argument);
  }
  std::string damaged = packed;
  damaged[damaged.size() - 6] ^= 1;  // the checksum
  CHECK_FALSE(gzip_decode(damaged, 1000).ok());
  CHECK_FALSE(gzip_decode(packed + "rest", 1000).ok());
  CHECK_FALSE(gzip_decode("plain text", 1000).ok());
}

TEST_CASE("the handler sees the plain body, and none of the packing") {
  Server::Options options;
  options.max_body_bytes = 1u << 20;
  const auto server = Server::start(options, [](Request&& request, Reply reply) {
    const bool plain = !request.headers.get("Content-Encoding") &&
                       request.headers.get("Content-Length") == std::to_string(request.body.size());
    reply.send({200, {}, "text/plain", plain ? request.body : "packed"});
  });
  REQUIRE(server.ok());
  RawClient client((*server)->port());
  const auto post = [&](const std::string& body, const std::string& encoding) {
    return client.ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
                      "\r\nContent-Encoding: " + encoding + "\r\n\r\n" + body);
  };
  CHECK(post(gzipped("hello"), "gzip").body == "hello");
  CHECK(post(gzipped("hello"), "X-GZip").body == "hello");
  CHECK(post("hello", "identity").body == "hello");
  const std::string large(100'000, 'x');  // by way of the thread that unpacks
  CHECK(post(large, "").body == large);
  CHECK(post(large, "identity").body == large);
  CHECK(post(large, ",").status == 415);
  CHECK(post("hello", "gzip").status == 400);
  const std::string bomb = gzipped(std::string(16u << 20, '\0'));
  REQUIRE(bomb.size() < options.max_body_bytes);
  CHECK(post(bomb, "gzip").status == 413);
  const auto unknown = post("hello", "br");
  CHECK(unknown.status == 415);
  CHECK(unknown.has("Accept-Encoding: gzip, identity\r\n"));
  CHECK(post(gzipped(gzipped("hello")), "gzip, gzip").status == 415);
}
