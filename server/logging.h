// The server's log: one line an event on standard error, as text or as JSON.
#pragma once

#include <string>

#include "server/api/exchange.h"

namespace sightline {

/// `format`: "text" or "json"; `level`: "debug", "info", "warning" or "error". To be called once, before
/// threads start.
void set_up_logging(const std::string& format, const std::string& level);

/// The line for one answered request. Requests to /health and /metrics are logged at level debug.
void log_access(const api::AccessEntry& entry);

}  // namespace sightline
