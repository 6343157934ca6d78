// GET /pictures/{index}/{id}: the picture of a document.
#pragma once

#include "server/api/exchange.h"
#include "server/web/pictures/picture_service.h"

namespace sightline::api {

/// The exchange's wildcards are the index and the id.
void answer_picture(pictures::PictureService& service, ExchangePtr exchange);

}  // namespace sightline::api
