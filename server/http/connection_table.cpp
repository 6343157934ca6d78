#include "server/http/connection_table.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

namespace sightline::http {
namespace {

/// How little is lost by closing the connection: the lowest first. Empty: it must stay.
std::optional<int> worth(const Connection& connection) {
  using Phase = Connection::Phase;
  const bool delayed = connection.phase == Phase::handling && connection.head_answer;
  if (connection.phase == Phase::lingering || delayed) return 0;
  if (connection.phase != Phase::receiving) return {};
  if (connection.parser.idle()) return 1;
  return connection.parser.state() == RequestParser::State::body ? 3 : 2;
}

/// Since when the client could have been done: a head that trickles in does not get younger.
Connection::Clock::time_point unmoved_since(const Connection& connection) {
  const bool in_head = !connection.parser.idle() && connection.parser.state() == RequestParser::State::head;
  return in_head ? connection.request_began : connection.last_progress;
}

}  // namespace

void ConnectionTable::add(Pointer connection) {
  ++open_;
  ++of_network_[connection->network];
  connection->counted = true;
  const int descriptor = connection->descriptor;
  by_descriptor_[descriptor] = std::move(connection);
}

void ConnectionTable::retire(Connection& connection) {
  if (!std::exchange(connection.counted, false)) return;
  --open_;
  const auto network = of_network_.find(connection.network);
  if (--network->second == 0) of_network_.erase(network);
}

ConnectionTable::Pointer ConnectionTable::find(int descriptor) const {
  const auto found = by_descriptor_.find(descriptor);
  return found == by_descriptor_.end() ? nullptr : found->second;
}

ConnectionTable::Pointer ConnectionTable::remove(int descriptor) {
  const auto found = by_descriptor_.find(descriptor);
  if (found == by_descriptor_.end()) return nullptr;
  Pointer connection = std::move(found->second);
  by_descriptor_.erase(found);
  retire(*connection);
  return connection;
}

std::size_t ConnectionTable::of_network(const std::string& network) const {
  const auto found = of_network_.find(network);
  return found == of_network_.end() ? 0 : found->second;
}

std::vector<ConnectionTable::Pointer> ConnectionTable::least_needed(std::size_t count,
                                                                    const std::string* network) const {
  struct Candidate {
    int worth;
    Connection::Clock::time_point since;
    const Pointer* connection;
    bool operator<(const Candidate& other) const { return std::tie(worth, since) < std::tie(other.worth, other.since); }
  };
  std::unordered_map<std::string_view, std::vector<Candidate>> by_network;
  const std::vector<Candidate>* most = nullptr;
  for (const auto& [descriptor, connection] : by_descriptor_) {
    if (network != nullptr && connection->network != *network) continue;
    const auto value = worth(*connection);
    if (!value) continue;
    auto& candidates = by_network[connection->network];
    candidates.push_back({*value, unmoved_since(*connection), &connection});
    if (most == nullptr || candidates.size() > most->size()) most = &candidates;
  }
  std::vector<Pointer> chosen;
  if (most == nullptr) return chosen;
  auto candidates = *most;
  count = std::min(count, candidates.size());
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(count), candidates.end());
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(*candidates[i].connection);
  return chosen;
}

}  // namespace sightline::http
