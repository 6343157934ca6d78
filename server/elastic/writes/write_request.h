// Requests for the store made from those of clients.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/http/message.h"

namespace sightline::elastic {

/// The query with some parameters set anew, in place of those of that name, or taken out (no value). The
/// others stay as they were written.
std::string with_parameters(
    const std::string& query,
    std::initializer_list<std::pair<std::string_view, std::optional<std::string_view>>> changes);

/// The request without its body, to be sent in several pieces whose answers are read here and put together:
/// what shapes the client's answer (filter_path, pretty, Accept-Encoding, ...) is taken out.
http::Request head_for_pieces(const http::Request& request);

}  // namespace sightline::elastic
