// Requests for the store made from those of clients.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/http/message.h"

namespace sightline::elastic::rest {

/// The query with some parameters set anew, in place of those of that name, or taken out (no value). The
/// others stay as they were written.
std::string with_parameters(
    const std::string& query,
    std::initializer_list<std::pair<std::string_view, std::optional<std::string_view>>> changes);

/// Also in the field Content-Length, where the request has it.
void replace_body(http::Request& request, std::string body);

/// A request without a body, whose parameter `source` is one: with it as its body. Nothing for others.
std::optional<http::Request> source_as_body(const http::Request& request);

/// Takes out of the request what shapes its answer (filter_path, pretty, Accept-Encoding, ...): for an answer that is
/// read here.
void take_out_shaping(http::Request& request);

/// The request without its body, to be sent in several pieces whose answers are read here and put together:
/// what shapes the client's answer (filter_path, pretty, Accept-Encoding, ...) is taken out.
http::Request head_for_pieces(const http::Request& request);

}  // namespace sightline::elastic::rest
