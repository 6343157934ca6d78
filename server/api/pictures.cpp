#include "server/api/pictures.h"

#include <utility>

namespace sightline::api {
namespace {

/// What a document holds is anybody's: whatever it is, a browser takes it for a picture and for nothing else.
void guard(http::Headers& headers) {
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("Content-Security-Policy", "default-src 'none'; sandbox");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
}

}  // namespace

void answer_picture(pictures::PictureService& service, ExchangePtr exchange) {
  pictures::Client client;
  client.send = [exchange](http::Response response) {
    guard(response.headers);
    exchange->reply(std::move(response));
  };
  client.fail = [exchange](const pictures::Refusal& refusal) {
    http::Headers headers;
    guard(headers);
    headers.set("Cache-Control", "no-store");
    // Of the cluster. Not Basic: a browser would ask its user for each picture of a page.
    if (refusal.status == 401) headers.set("WWW-Authenticate", "ApiKey");
    exchange->fail(refusal.status, refusal.code, refusal.message, std::move(headers));
  };
  client.cancellation = exchange->request.cancellation;
  service.answer(exchange->wildcards[0], exchange->wildcards[1], exchange->request, std::move(client));
}

}  // namespace sightline::api
