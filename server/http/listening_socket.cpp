#include "server/http/listening_socket.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace sightline::http {
namespace {

constexpr int k_backlog = 1024;

/// -1, and errno, if the address cannot be listened on.
int listen_on(const addrinfo& address) {
  const int descriptor =
      ::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol);
  if (descriptor < 0) return -1;
  const int one = 1;
  if (::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
      ::bind(descriptor, address.ai_addr, address.ai_addrlen) == 0 && ::listen(descriptor, k_backlog) == 0) {
    return descriptor;
  }
  const int why = errno;
  ::close(descriptor);
  errno = why;
  return -1;
}

}  // namespace

std::string url_host(const std::string& host) {
  const bool ipv6 = host.find(':') != std::string::npos && host.front() != '[';
  return ipv6 ? "[" + host + "]" : host;
}

std::string place_of(const std::string& host, std::uint16_t port) {
  return url_host(host) + ":" + std::to_string(port);
}

std::string bare_host(const std::string& host) {
  return host.size() > 1 && host.front() == '[' ? host.substr(1, host.size() - 2) : host;
}

Error cannot_listen(const std::string& host, std::uint16_t port, const std::string& why) {
  return {ErrorCode::unavailable, "cannot listen on " + place_of(host, port) + ": " + why +
                                      "; choose another port or address, or stop the program that uses it"};
}

Status check_port(const std::string& host, std::uint16_t port) {
  const auto opened = ListeningSocket::open(bare_host(host), port);
  return opened ? Status() : cannot_listen(host, port, opened.error().message);
}

Result<ListeningSocket> ListeningSocket::open(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (status != 0) return Error{ErrorCode::unavailable, ::gai_strerror(status)};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  // IPv4 first: "localhost" is both, and clients that know one of them know that one.
  for (const bool ipv4 : {true, false}) {
    for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
      if ((address->ai_family == AF_INET) != ipv4) continue;
      const int descriptor = listen_on(*address);
      if (descriptor >= 0) return ListeningSocket(descriptor);
    }
  }
  return Error{ErrorCode::unavailable, std::strerror(errno)};
}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

ListeningSocket& ListeningSocket::operator=(ListeningSocket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

ListeningSocket::~ListeningSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::uint16_t ListeningSocket::port() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

ListeningSocket::Outcome ListeningSocket::accept(int& descriptor, sockaddr_storage& peer) {
  for (;;) {
    socklen_t size = sizeof peer;
    descriptor = ::accept4(descriptor_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor >= 0) {
      const int one = 1;
      ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      return Outcome::accepted;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Outcome::none_waiting;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // The system takes a descriptor before it looks whether anybody is there.
      pollfd waiting{descriptor_, POLLIN, 0};
      return ::poll(&waiting, 1, 0) > 0 ? Outcome::exhausted : Outcome::none_waiting;
    }
    // Anything else is about one client, who has left or never quite came (accept(2)): on to the next.
    if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK) return Outcome::exhausted;
  }
}

}  // namespace sightline::http
