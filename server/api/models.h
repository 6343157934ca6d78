// Lists the models.
#pragma once

#include "server/api/dispatch.h"

namespace sightline::api {

/// GET /v1/models: {"object":"list","data":[...]}, OpenAI's members first, then ours.
void list_models(const Context& context, ExchangePtr exchange);

/// GET /v1/models/{model}: one of them.
void show_model(const Context& context, ExchangePtr exchange);

}  // namespace sightline::api
