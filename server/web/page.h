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
/// It is compressed with gzip if the client accepts that, and 304 without a body if the client has it (If-None-Match).
/// Browsers check each time whether theirs is current (`no-cache`), so that a new server never runs with
/// an old page. Its Content-Security-Policy allows the page to load and send only from and to this server.
std::optional<http::Response> page_file_answer(const http::Request& request, std::string_view path);

}  // namespace sightline::web
