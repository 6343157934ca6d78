// What Elasticsearch says about broken JSON.
#pragma once

#include <cstddef>
#include <rapidjson/error/error.h>
#include <string_view>

#include "server/elastic/elastic_error.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic::rest {

/// x_content_parse_exception around json_parse_exception, both with the position. `read` holds the tokens
/// before the mistake.
ElasticError json_syntax_error(std::string_view text, const JsonTape& read, std::size_t offset,
                               rapidjson::ParseErrorCode code);
ElasticError json_duplicate_key(std::string_view text, const JsonToken& key);
ElasticError json_too_deep(std::string_view text, std::size_t offset);

}  // namespace sightline::elastic::rest
