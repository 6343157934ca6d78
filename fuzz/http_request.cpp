// The bytes of one connection: successive requests, and gzip bodies.
#include "fuzz/target.h"
#include "server/http/content_encoding.h"
#include "server/http/request_parser.h"

using namespace sightline;

namespace {

constexpr std::size_t k_max_header_bytes = 4096, k_max_body_bytes = 8192;

/// The parser's result for a stream that arrives in pieces of `piece` bytes.
std::string read_stream(std::string_view stream, std::size_t piece) {
  http::RequestParser parser({k_max_header_bytes, k_max_body_bytes});
  std::string read;
  while (!stream.empty()) {
    std::string_view arrived = stream.substr(0, piece);
    stream.remove_prefix(arrived.size());
    while (!arrived.empty()) {
      const std::size_t before = arrived.size();
      const auto state = parser.feed(arrived);
      fuzz::require(parser.held_bytes() <= k_max_header_bytes + k_max_body_bytes + 64, "memory within the limits");
      if (state == http::RequestParser::State::failed) {
        fuzz::require(parser.status() >= 400 && parser.status() < 600 && !parser.message().empty(),
                      "a failure is an answer");
        return read + std::to_string(parser.status());
      }
      if (state == http::RequestParser::State::complete) {
        http::Request request = parser.take();
        request.path_parts();
        request.query_parameters();
        read += std::string(http::to_string(request.method)) + " " + request.path + "?" + request.query + "\n";
        for (const auto& [name, value] : request.headers.all()) {
          fuzz::require(name.find_first_of("\r\n:") == name.npos && value.find_first_of("\r\n") == value.npos,
                        "one field a line");
          read += name + ":" + value + "\n";
        }
        read += request.body + "\n";
        const std::string sent = request.body;
        const Status decoded = http::decode_body(request, k_max_body_bytes);
        fuzz::require(request.body.size() <= k_max_body_bytes, "a body within the limit");
        fuzz::require(decoded.ok() || request.body == sent || !request.body.empty() || sent.empty(),
                      "a body that is refused is kept");
      } else {
        fuzz::require(arrived.size() < before, "the parser goes on");
      }
    }
  }
  return read;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto stream = fuzz::text_of(data, size);
  const std::string whole = read_stream(stream, stream.size() + 1);
  for (const std::size_t piece : {1, 7}) {
    fuzz::require(read_stream(stream, piece) == whole, "pieces change nothing");
  }
  return 0;
}
