#include "server/api/openapi.h"

namespace sightline::api {
namespace {

constexpr std::string_view k_head =
    R"({"openapi":"3.1.0","info":{"title":"Sightline","version":")" SIGHTLINE_VERSION
    R"(","summary":"Image and text embeddings through APIs that Elasticsearch and its clients use."},)"
    R"("security":[{},{"key":[]}],"paths":)";

}  // namespace

void show_openapi(const Context& /*context*/, ExchangePtr exchange) {
  std::string body(k_head);
  body.append(k_openapi_paths).append(",\"components\":{\"schemas\":").append(k_openapi_schemas);
  // The other kinds of components follow as members of the same object.
  body.append(",").append(k_openapi_shared.substr(k_openapi_shared.find('{') + 1)).append("}");
  exchange->reply_json(std::move(body));
}

void show_docs(const Context& /*context*/, ExchangePtr exchange) {
  http::Response response;
  response.content_type = "text/html; charset=utf-8";
  // The page is one file: whatever else a browser might be made to load or send is refused.
  response.headers.set("Content-Security-Policy",
                       "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                       "connect-src 'self'; base-uri 'none'; form-action 'none'");
  response.body = k_docs_page;
  exchange->reply(std::move(response));
}

}  // namespace sightline::api
