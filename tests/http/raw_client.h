// A client that sends exactly the bytes it is told to, for requests that no HTTP library would make.
#pragma once

#include <arpa/inet.h>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "tests/http/raw_connection.h"

namespace sightline::http {

struct RawResponse {
  int status = 0;  ///< 0: the connection ended, or nothing came in time
  std::string head;
  std::string body;

  bool has(std::string_view text) const { return head.find(text) != std::string::npos; }
};

/// A connection to the loopback.
class RawClient : public RawConnection {
 public:
  /// `from`: an address of the loopback network, for a server that tells clients apart by their addresses.
  explicit RawClient(std::uint16_t port, int receive_buffer_bytes = 0, const char* from = "127.0.0.1")
      : RawConnection(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer_bytes > 0) {
      ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, from, &address.sin_addr);
    ::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  bool connected() const { return connected_; }

  /// Reads one response; `of_head`: one without a body, whatever its Content-Length says. Of a body that
  /// breaks off, what came is there, and the status is 0.
  RawResponse receive(bool of_head = false) {
    RawResponse response;
    std::size_t end = 0;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more()) return response;
    }
    response.head = received_.substr(0, end + 2);
    received_.erase(0, end + 4);
    response.status = std::atoi(response.head.c_str() + 9);
    const auto field = response.head.find("Content-Length: ");
    bool whole = true;
    if (of_head) {
    } else if (response.has("Transfer-Encoding: chunked\r\n")) {
      whole = take_chunks(response.body);
    } else if (field != std::string::npos) {
      whole = take(std::strtoull(response.head.c_str() + field + 16, nullptr, 10), response.body);
    }
    if (!whole) response.status = 0;
    return response;
  }

  /// All that comes until the connection ends; `orderly` tells an end from a reset.
  std::string receive_rest(bool& orderly) {
    while (read_more()) {
    }
    orderly = last_count_ == 0;
    return std::exchange(received_, {});
  }

  RawResponse ask(std::string_view request, bool of_head = false) {
    send(request);
    return receive(of_head);
  }

  /// True if the server closes the connection, in order or by a reset, without another byte.
  bool sees_end() {
    char byte = 0;
    if (!received_.empty()) return false;
    const auto count = ::recv(descriptor_, &byte, 1, 0);
    return count == 0 || (count < 0 && errno == ECONNRESET);
  }

 private:
  bool take(std::size_t bytes, std::string& body) {
    while (received_.size() < bytes && read_more()) {
    }
    body += received_.substr(0, bytes);
    const bool whole = received_.size() >= bytes;
    received_.erase(0, bytes);
    return whole;
  }
  bool take_chunks(std::string& body) {
    for (;;) {
      std::size_t line = 0;
      while ((line = received_.find("\r\n")) == std::string::npos) {
        if (!read_more()) return false;
      }
      const std::size_t bytes = std::strtoull(received_.c_str(), nullptr, 16);
      received_.erase(0, line + 2);
      std::string end;
      if (!take(bytes, body) || !take(2, end) || end != "\r\n") return false;
      if (bytes == 0) return true;
    }
  }

  bool connected_ = false;
};

}  // namespace sightline::http
