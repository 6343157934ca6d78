#include "server/http/content_encoding.h"

#include <algorithm>
#include <memory>
#include <zlib.h>

#include "base/cancellation.h"
#include "server/http/buffer_budget.h"

namespace sightline::http {
namespace {

constexpr int k_gzip_only = 16 + MAX_WBITS;  // zlib.h, inflateInit2: a gzip header is required
constexpr std::size_t k_piece_bytes = 64u << 10;

Error broken(const char* why) {
  return {ErrorCode::invalid_argument,
          std::string("the gzip request body ") + why + "; retry, or send it without Content-Encoding"};
}

}  // namespace

Result<std::string> gzip_decode(std::string_view packed, std::size_t max_bytes, const Room& room) {
  const std::size_t packed_bytes = packed.size();
  z_stream stream{};
  if (inflateInit2(&stream, k_gzip_only) != Z_OK) return Error{ErrorCode::internal, "zlib could not start"};
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> closer(&stream, &inflateEnd);

  std::string plain;
  const auto piece = std::make_unique<char[]>(k_piece_bytes);
  int status = Z_OK;
  while (true) {
    check_cancelled();
    if (stream.avail_in == 0 && !packed.empty()) {
      const auto count = std::min<std::size_t>(packed.size(), 1u << 30);  // avail_in has 32 bits
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
      stream.avail_in = static_cast<uInt>(count);
      packed.remove_prefix(count);
    }
    stream.next_out = reinterpret_cast<Bytef*>(piece.get());
    stream.avail_out = static_cast<uInt>(k_piece_bytes);
    status = inflate(&stream, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) return broken("is damaged");
    const std::size_t count = k_piece_bytes - stream.avail_out;
    if (count > max_bytes - plain.size()) {
      return Error{ErrorCode::too_large, "the gzip request body decompresses to more than " +
                                             std::to_string(max_bytes) + " bytes, the limit; send it in smaller parts"};
    }
    if (plain.capacity() - plain.size() < count) {
      const std::size_t wanted = std::min(std::max(plain.size() + count, 2 * plain.capacity()), max_bytes);
      if (room && !room(packed_bytes + wanted)) {
        return Error{ErrorCode::overloaded, k_bodies_full};
      }
      plain.reserve(wanted);
    }
    plain.append(piece.get(), count);
    const bool at_end = stream.avail_in == 0 && packed.empty();
    if (status == Z_STREAM_END) {
      if (at_end) return plain;
      if (inflateReset(&stream) != Z_OK) return broken("is damaged");
    } else if (count == 0 && at_end) {
      return broken("ends too early");
    }
  }
}

Status decode_body(Request& request, std::size_t max_bytes, const Room& room) {
  std::string encoding;
  for (const auto& [name, value] : request.headers.all()) {
    // Several fields mean a list, as one field with commas does.
    if (equal_ignoring_case(name, "Content-Encoding")) encoding += (encoding.empty() ? "" : ", ") + value;
  }
  if (!encoding.empty() && !equal_ignoring_case(encoding, "identity")) {
    if (!equal_ignoring_case(encoding, "gzip") && !equal_ignoring_case(encoding, "x-gzip")) {
      return Error{ErrorCode::unsupported,
                   "Content-Encoding " + encoding.substr(0, 64) + " is not supported; send gzip, or no encoding"};
    }
    auto plain = gzip_decode(request.body, max_bytes, room);
    if (!plain) return plain.error();
    request.body = *std::move(plain);
  }
  request.headers.remove("Content-Encoding");
  if (request.headers.get("Content-Length")) {
    request.headers.set("Content-Length", std::to_string(request.body.size()));
  }
  return {};
}

}  // namespace sightline::http
