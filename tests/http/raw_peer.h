// A server that answers exactly the bytes it is told to, and breaks off where it is told to.
#pragma once

#include <arpa/inet.h>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include "tests/http/raw_connection.h"

namespace sightline::http {

/// A connection that a RawPeer accepted.
class PeerConnection : public RawConnection {
 public:
  using RawConnection::RawConnection;

  /// One request with the body that its Content-Length tells; empty if the client ended the connection.
  std::string request() {
    std::size_t head = 0;
    while ((head = received_.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more()) return {};
    }
    const auto field = received_.find("Content-Length: ");
    const std::size_t length = field < head ? std::strtoull(received_.c_str() + field + 16, nullptr, 10) : 0;
    while (received_.size() < head + 4 + length) {
      if (!read_more()) return {};
    }
    std::string all = received_.substr(0, head + 4 + length);
    received_.erase(0, all.size());
    return all;
  }
  /// True once the client has ended the connection.
  bool sees_end() {
    while (read_more()) {
    }
    return last_count_ == 0 || errno == ECONNRESET;
  }
  /// The same of now, whatever still waits to be read.
  bool has_ended() const {
    pollfd state{descriptor_, POLLRDHUP, 0};
    return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
  }
};

/// Serves its connections one after the other, on a thread of its own.
class RawPeer {
 public:
  explicit RawPeer(std::function<void(PeerConnection&)> serve_one)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(listener_, 64);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, serve_one = std::move(serve_one)] {
      // OpenSSL writes to connections that their clients have closed.
      sigset_t broken_pipe;
      sigemptyset(&broken_pipe);
      sigaddset(&broken_pipe, SIGPIPE);
      pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
      for (;;) {
        const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (descriptor < 0) return;
        PeerConnection connection(descriptor);
        serve_one(connection);
      }
    });
  }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;
  /// Waits for the connection at hand; its client must have ended by then.
  ~RawPeer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::uint16_t port() const { return port_; }

 private:
  const int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace sightline::http
