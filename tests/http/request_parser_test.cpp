#include "server/http/request_parser.h"

#include <doctest/doctest.h>
#include <random>

using namespace sightline::http;
using State = RequestParser::State;

namespace {

const std::string k_get = "GET / HTTP/1.1\r\nHost: h\r\n";
const std::string k_post = "POST /p HTTP/1.1\r\nHost: h\r\n";

/// The status with which `text` is refused; 0 if it is not.
int refusal(std::string_view text, RequestParser::Limits limits = {}) {
  RequestParser parser(limits);
  return parser.feed(text) == State::failed ? parser.status() : 0;
}

}  // namespace

TEST_CASE("what two readers could understand differently is refused") {
  const std::string chunked = k_post + "Transfer-Encoding: chunked\r\n\r\n";
  const std::string nul("\0", 1);
  const std::pair<const char*, std::string> cases[] = {
      {"two lengths", k_post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
      {"two different lengths", k_post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
      {"a list of lengths", k_post + "Content-Length: 3, 3\r\n\r\nabc"},
      {"a signed length", k_post + "Content-Length: +3\r\n\r\nabc"},
      {"a negative length", k_post + "Content-Length: -3\r\n\r\nabc"},
      {"a hexadecimal length", k_post + "Content-Length: 0x3\r\n\r\nabc"},
      {"an empty length", k_post + "Content-Length: \r\n\r\n"},
      {"length and chunks", k_post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"two transfer encodings", k_post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {"a chain of encodings", k_post + "Transfer-Encoding: gzip, chunked\r\n\r\n"},
      {"identity", k_post + "Transfer-Encoding: identity\r\n\r\n"},
      {"a disguised encoding", k_post + "Transfer-Encoding: \vchunked\r\n\r\n"},
      {"chunks over HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"blank before the colon", k_post + "Content-Length : 3\r\n\r\nabc"},
      {"a folded line", k_get + "A: 1\r\n b\r\n\r\n"},
      {"a line that begins with a blank", "GET / HTTP/1.1\r\n Host: h\r\n\r\n"},
      {"a line without a colon", k_get + "nonsense\r\n\r\n"},
      {"a field without a name", k_get + ": x\r\n\r\n"},
      {"LF alone", "GET / HTTP/1.1\nHost: h\n\n"},
      {"LF alone within the head", k_get + "A: b\nC: d\r\n\r\n"},
      {"CR in a value", k_get + "A: b\rC: d\r\n\r\n"},
      {"NUL in a value", k_get + "A: b" + nul + "\r\n\r\n"},
      {"NUL in the path", "GET /" + nul + " HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"a tab in the request line", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"a blank in the path", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"no path", "GET  HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"a path that is none", "GET a HTTP/1.1\r\nHost: h\r\n\r\n"},
      {"no version", "GET /\r\n\r\n"},
      {"no version but a blank", "GET / x\r\nHost: h\r\n\r\n"},
      {"no Host", "GET / HTTP/1.1\r\n\r\n"},
      {"two Hosts", k_get + "Host: i\r\n\r\n"},
      {"a TLS greeting", "\x16\x03\x01\x02\r\n\r\n"},
      {"no chunk size", chunked + "\r\n"},
      {"a chunk size that is none", chunked + "g\r\n"},
      {"a chunk size with 0x", chunked + "0x3\r\nabc\r\n"},
      {"a signed chunk size", chunked + "+3\r\nabc\r\n"},
      {"a negative chunk size", chunked + "-3\r\nabc\r\n"},
      {"a chunk size of 17 digits", chunked + "00000000000000003\r\nabc\r\n"},
      {"blank before the chunk size", chunked + " 3\r\nabc\r\n"},
      {"LF alone after the chunk size", chunked + "3\nabc\r\n0\r\n\r\n"},
      {"a chunk longer than its size", chunked + "3\r\nabcd\r\n"},
      {"LF alone after a chunk", chunked + "3\r\nabc\n0\r\n\r\n"},
      {"an endless chunk extension", chunked + "3;" + std::string(1000, 'x')},
  };
  for (const auto& [what, text] : cases) CHECK_MESSAGE(refusal(text) == 400, what);
}

TEST_CASE("methods, versions and expectations that are not served have their own status") {
  CHECK(refusal("BREW / HTTP/1.1\r\nHost: h\r\n\r\n") == 405);
  CHECK(refusal("get / HTTP/1.1\r\nHost: h\r\n\r\n") == 405);
  CHECK(refusal("GET / HTTP/2.0\r\nHost: h\r\n\r\n") == 505);
  CHECK(refusal("PRI * HTTP/2.0\r\n\r\n") == 505);
  CHECK(refusal(k_get + "Expect: x\r\n\r\n") == 417);
}

TEST_CASE("limits hold to the byte, and before memory is taken") {
  const RequestParser::Limits limits{1024, 10};
  const std::string begin = k_get + "A: ";
  const std::string fits = begin + std::string(1024 - begin.size() - 4, 'x') + "\r\n\r\n";
  CHECK(refusal(fits, limits) == 0);
  CHECK(refusal(begin + std::string(1024 - begin.size() - 3, 'x') + "\r\n\r\n", limits) == 431);
  CHECK(refusal("GET /" + std::string(5000, 'x'), limits) == 431);
  CHECK(refusal(k_post + "Content-Length: 10\r\n\r\n0123456789", limits) == 0);
  CHECK(refusal(k_post + "Content-Length: 11\r\n\r\n", limits) == 413);
  CHECK(refusal(k_post + "Content-Length: 99999999999999999999999999\r\n\r\n", limits) == 413);
  const std::string chunked = k_post + "Transfer-Encoding: chunked\r\n\r\n";
  CHECK(refusal(chunked + "5\r\n01234\r\n5\r\n01234\r\n0\r\n\r\n", limits) == 0);
  CHECK(refusal(chunked + "5\r\n01234\r\n6\r\n", limits) == 413);
  CHECK(refusal(chunked + "ffffffffffffffff\r\n", limits) == 413);
  CHECK(refusal(chunked + "0\r\nA: " + std::string(2000, 'x'), limits) == 431);

  std::string fields;
  for (int i = 0; i < 300; ++i) fields += "A: b\r\n";
  CHECK(refusal(k_get + fields + "\r\n") == 431);

  RequestParser parser({1024, std::size_t{1} << 40});
  const std::string text = k_post + "Content-Length: 1099511627776\r\n\r\nabc";
  std::string_view input = text;
  CHECK(parser.feed(input) == State::body);
  CHECK(parser.body_bytes() == 3);
}

TEST_CASE("a request means the same in whatever pieces it comes, and leaves what lies behind it") {
  const std::string texts[] = {
      "\r\n" + k_post + "Content-Length: 3\r\nX:  a b\t\r\n\r\nabc",
      k_post + "Transfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: 1\r\n\r\n",
  };
  for (const auto& text : texts) {
    for (std::size_t first = 0; first <= text.size(); ++first) {
      for (const std::size_t step : {std::size_t{1}, std::size_t{7}, text.size()}) {
        RequestParser parser({});
        std::string_view all(text);
        std::string_view head = all.substr(0, first);
        parser.feed(head);
        REQUIRE(head.empty());
        for (std::size_t at = first; at < text.size(); at += step) {
          std::string_view piece = all.substr(at, step);
          parser.feed(piece);
          REQUIRE(piece.empty());
        }
        REQUIRE(parser.state() == State::complete);
        const auto request = parser.take();
        REQUIRE(request.method == Method::post);
        REQUIRE(request.path == "/p");
        REQUIRE(request.body == "abc");
        REQUIRE(request.headers.get("x").value_or("a b") == "a b");
        REQUIRE_FALSE(request.headers.get("T"));
        REQUIRE(parser.idle());
      }
    }
    RequestParser parser({});
    const std::string two = text + "GET /next";
    std::string_view input = two;
    CHECK(parser.feed(input) == State::complete);
    CHECK(input == "GET /next");
  }
}

TEST_CASE("targets may be paths, queries alone, absolute URLs, or * for OPTIONS") {
  const auto target = [](const std::string& line) {
    RequestParser parser({});
    const std::string text = line + " HTTP/1.1\r\nHost: h\r\n\r\n";
    std::string_view input = text;
    if (parser.feed(input) != State::complete) return std::string("refused");
    const auto request = parser.take();
    return request.path + " " + request.query;
  };
  CHECK(target("GET /a?b=c?d") == "/a b=c?d");
  CHECK(target("GET /\xC3\xA4") == "/\xC3\xA4 ");
  CHECK(target("GET http://host:1/a?b") == "/a b");
  CHECK(target("GET http://host") == "/ ");
  CHECK(target("GET http://host?q") == "/ q");
  CHECK(target("OPTIONS *") == "* ");
  CHECK(target("GET *") == "refused");
  CHECK(target("GET ftp://host/") == "refused");
}

TEST_CASE("broken requests are judged alike in one piece and in many") {
  const std::string seeds[] = {
      k_get + "A: b\r\nConnection: close\r\n\r\n",
      k_post + "Content-Length: 12\r\nExpect: 100-continue\r\n\r\nhello, world",
      k_post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\na;x\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
  };
  const std::string alphabet("\r\n\0 \t:;,0123456789abcdefxHTP/.-+", 33);
  std::minstd_rand random(7);
  const auto below = [&](std::size_t end) { return static_cast<std::size_t>(random()) % end; };
  int failed = 0;
  int complete = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = seeds[below(3)];
    for (std::size_t n = below(3); n > 0; --n) {
      const char byte = alphabet[below(alphabet.size())];
      const std::size_t at = below(text.size());
      switch (below(3)) {
        case 0:
          text[at] = byte;
          break;
        case 1:
          text.insert(at, 1, byte);
          break;
        default:
          text.erase(at, 1);
          break;
      }
    }
    RequestParser whole({2048, 64});
    std::string_view rest_of_whole = text;
    whole.feed(rest_of_whole);
    RequestParser pieces({2048, 64});
    std::size_t used = 0;
    while (used < text.size() && (pieces.state() == State::head || pieces.state() == State::body)) {
      const std::size_t size = 1 + below(9);
      std::string_view piece = std::string_view(text).substr(used, size);
      const std::size_t before = piece.size();
      pieces.feed(piece);
      used += before - piece.size();
    }
    REQUIRE_MESSAGE(pieces.state() == whole.state(), text);
    REQUIRE_MESSAGE(pieces.status() == whole.status(), text);
    failed += whole.state() == State::failed;
    if (whole.state() == State::complete) {
      ++complete;
      REQUIRE_MESSAGE(used == text.size() - rest_of_whole.size(), text);
      const auto a = whole.take();
      const auto b = pieces.take();
      REQUIRE(a.path == b.path);
      REQUIRE(a.body == b.body);
      REQUIRE(a.headers.all() == b.headers.all());
    }
  }
  CHECK(failed > 2'000);
  CHECK(complete > 2'000);
}
