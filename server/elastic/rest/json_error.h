// What Elasticsearch says about broken JSON.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/json/reader.h"
#include "server/elastic/elastic_error.h"
#include "server/elastic/rest/json_tape.h"

namespace sightline::elastic::rest {

/// x_content_parse_exception, or x_content_e_o_f_exception where the text ends too soon, with the position.
ElasticError json_syntax_error(std::string_view text, const json::Fault& fault);
ElasticError json_duplicate_key(std::string_view text, const JsonToken& key);

}  // namespace sightline::elastic::rest
