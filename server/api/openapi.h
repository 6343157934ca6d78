// The OpenAPI description of this interface, and a page that shows it.
#pragma once

#include <string>
#include <string_view>

#include "server/api/dispatch.h"

namespace sightline::api {

/// GET /openapi.json: OpenAPI 3.1 of all routes.
void show_openapi(const Context& context, ExchangePtr exchange);

/// GET /docs: reads /openapi.json in the browser; loads nothing from elsewhere.
void show_docs(const Context& context, ExchangePtr exchange);

// The files of server/api/openapi, built in.
extern const std::string_view k_openapi_paths, k_openapi_schemas, k_openapi_shared, k_docs_page;

}  // namespace sightline::api
