// The web page over HTTP.
#pragma once

#include <optional>
#include <string_view>

#include "server/http/message.h"

namespace sightline::web {

/// True if the request is a browser's that opens an address, rather than a program's: `Accept` names text/html.
bool wants_page(const http::Request& request);

/// The answer with the page's file of that path ("index.html", "modules/main.js"), for a GET or a HEAD; nullopt:
/// there is none.
///
/// It is packed with gzip if the client takes that, and 304 without a body if the client has it (If-None-Match).
/// Browsers ask each time whether theirs is still the right one (`no-cache`), so that a new server never runs with
/// an old page. What the page may load and send is this server's alone: its Content-Security-Policy says so.
std::optional<http::Response> page_file_answer(const http::Request& request, std::string_view path);

}  // namespace sightline::web
