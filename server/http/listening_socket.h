// The socket that clients connect to.
#pragma once

#include <cstdint>
#include <netinet/in.h>
#include <string>

#include "base/result.h"

namespace sightline::http {

/// A host as URLs have it: an IPv6 address in brackets.
std::string url_host(const std::string& host);
/// A host and port as URLs have them: "127.0.0.1:80", "[::1]:80".
std::string place_of(const std::string& host, std::uint16_t port);
/// An address as the system reads it: without the brackets of IPv6.
std::string bare_host(const std::string& host);
/// unavailable: why nothing listens there, and what to do.
Error cannot_listen(const std::string& host, std::uint16_t port, const std::string& why);
/// Whether a server could listen there now. Errors: unavailable.
Status check_port(const std::string& host, std::uint16_t port);

/// Listens on a host and port, and accepts without blocking.
class ListeningSocket {
 public:
  /// `port` 0: any free one. Errors: unavailable, with the system's message.
  static Result<ListeningSocket> open(const std::string& host, std::uint16_t port);
  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&& other) noexcept;
  ~ListeningSocket();

  int descriptor() const { return descriptor_; }
  std::uint16_t port() const;

  enum class Outcome {
    accepted,
    none_waiting,
    exhausted,  ///< the process or the system is out of descriptors or memory; the client stays in the queue
  };
  /// `descriptor` then belongs to the caller: non-blocking, closed on exec, without Nagle's delay.
  Outcome accept(int& descriptor, sockaddr_storage& peer);

 private:
  explicit ListeningSocket(int descriptor) : descriptor_(descriptor) {}

  int descriptor_ = -1;
};

}  // namespace sightline::http
