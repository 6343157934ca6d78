// A TCP connection on which a test sends and receives exact bytes.
#pragma once

#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>

namespace sightline::http {

/// Closes its socket in order when it is destroyed. Waits 10 s at most, so that a test can fail but not hang.
class RawConnection {
 public:
  explicit RawConnection(int descriptor) : descriptor_(descriptor) {
    const timeval limit{10, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  RawConnection(RawConnection&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)),
        last_count_(other.last_count_),
        received_(std::move(other.received_)) {}
  RawConnection& operator=(RawConnection&&) = delete;
  ~RawConnection() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  int descriptor() const { return descriptor_; }

  /// False if the connection was closed before all was taken.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  /// Ends the connection at once, by a reset.
  void reset() {
    const linger now{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(std::exchange(descriptor_, -1));
  }

 protected:
  /// False at the end of the connection, after a reset, and when nothing came in time: `last_count_` and errno say which.
  bool read_more() {
    char buffer[65536];
    last_count_ = ::recv(descriptor_, buffer, sizeof buffer, 0);
    if (last_count_ <= 0) return false;
    received_.append(buffer, static_cast<std::size_t>(last_count_));
    return true;
  }

  int descriptor_;
  ssize_t last_count_ = 0;
  std::string received_;  ///< and not used yet
};

}  // namespace sightline::http
