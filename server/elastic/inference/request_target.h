// Where inference requests go: what of a URL and of headers can be sent.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sightline::elastic {

/// Why a URL cannot be called, nearly in the words of java.net.URI: "Illegal character in path at index 3".
/// Nothing if it can: http or https, with a host. The URL is not part of the words, as it may hold secrets.
std::optional<std::string> url_fault(std::string_view url);

/// "scheme://host:port" of a URL, with the user if it has one.
std::string_view server_of(std::string_view url);

/// Why a header cannot be sent: a value that breaks the line could smuggle another header in. Nothing if it
/// can. Only the name is part of the words.
std::optional<std::string> header_fault(std::string_view name, std::string_view value);

}  // namespace sightline::elastic
