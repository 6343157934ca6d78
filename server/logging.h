// The server's log: one line per event on standard error, as text or as JSON. A separate thread writes the
// lines (log_writer.h): nothing ever waits for their reader.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/request_trace.h"
#include "server/api/exchange.h"

namespace sightline {

/// `format`: "text" or "json"; `level`: "debug", "info", "warning" or "error". To be called once, before
/// other threads log. `max_waiting_bytes`: of lines not yet written; more are dropped. Throws
/// std::system_error if no thread can be started.
void set_up_logging(const std::string& format, const std::string& level, std::size_t max_waiting_bytes);

/// Waits until all lines so far are written. False: that took longer than `within`, or nothing is set up.
bool flush_log(std::chrono::milliseconds within);

/// Lines dropped since the start, because they were not read fast enough or could not be written.
std::uint64_t dropped_log_lines();

/// The line for one answered request. Requests to /health and /metrics are logged at level debug.
void log_access(const api::AccessEntry& entry);

/// The line for a request that took long, with its stages; at level warning.
void log_slow_request(const RequestSummary& request);

}  // namespace sightline
