// What Elasticsearch says about broken JSON.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/json/reader.h"
#include "server/elastic/elastic_error.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic::rest {

/// x_content_parse_exception around json_parse_exception, both with the position. `read` holds the tokens
/// before the mistake.
ElasticError json_syntax_error(std::string_view text, const JsonTape& read, const json::Fault& fault);
ElasticError json_duplicate_key(std::string_view text, const JsonToken& key);

}  // namespace sightline::elastic::rest
