// The connections of one event loop.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/http/connection.h"

namespace sightline::http {

/// Belongs to the loop's thread.
class ConnectionTable {
 public:
  using Pointer = std::shared_ptr<Connection>;

  void add(Pointer connection);
  /// Null if there is none.
  Pointer find(int descriptor) const;
  /// It is being closed and is no longer counted.
  void retire(Connection& connection);
  /// The connection that was there; null if there was none.
  Pointer remove(int descriptor);
  /// Connections that are not being closed.
  std::size_t size() const { return open_; }
  std::size_t of_network(const std::string& network) const;
  const std::unordered_map<int, Pointer>& all() const { return by_descriptor_; }

  /// Up to `count` connections to close to make room for others: those that only wait to be closed,
  /// then idle ones, then those with half a head, then those with half a body; within each kind the one
  /// inactive for longest. Never one whose request is being handled or answered. With a `network` only its own; else
  /// those of the network with the most of them, so that one client with many loses before many with one.
  std::vector<Pointer> least_needed(std::size_t count, const std::string* network = nullptr) const;

 private:
  std::unordered_map<int, Pointer> by_descriptor_;
  std::size_t open_ = 0;
  std::unordered_map<std::string, std::size_t> of_network_;
};

}  // namespace sightline::http
