// The REST API of the embedded store, one group of routes per file.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/json/builder.h"
#include "server/elastic/embedded/request_parameters.h"
#include "server/elastic/embedded/store_core.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic {

/// Adds routes whose handlers are plain functions of the store. Both must outlive the routes.
struct AddRoute {
  rest::Router& router;
  StoreCore& store;

  template <class Parameters>
  using Handler = http::Response (*)(StoreCore&, const http::Request&, const rest::PathParameters&, const Parameters&);
  /// The same as Router::add, for each of `patterns`.
  template <class Parameters>
  void operator()(std::initializer_list<http::Method> methods, std::initializer_list<std::string_view> patterns,
                  const rest::ParameterTable<Parameters>& table, Handler<Parameters> handler) const {
    for (const std::string_view pattern : patterns) {
      router.add<Parameters>(
          methods, pattern, table,
          [&core = store, handler](const http::Request& request, const rest::PathParameters& path,
                                   const Parameters& parameters) { return handler(core, request, path, parameters); });
    }
  }
};

/// Adds all routes of the store.
void add_routes(rest::Router& router, StoreCore& store);
/// Indices, mappings, settings, aliases, refresh.
void add_index_routes(rest::Router& router, StoreCore& store);
/// Single documents: _doc, _create, _source, _update, _mget.
void add_document_routes(rest::Router& router, StoreCore& store);
/// _bulk.
void add_bulk_routes(rest::Router& router, StoreCore& store);
/// GET /, cluster health, _cat, _license, _nodes/http.
void add_cluster_routes(rest::Router& router, StoreCore& store);
/// _search, _count, _msearch, scrolls and points in time: search/search_handler.cpp.
void add_search_routes(rest::Router& router, StoreCore& store);

http::Response json_answer(std::string body, int status = 200);
http::Response acknowledged();

/// The members of a write's answer, from `_index` to `_primary_term`, and the new source of an update.
void write_result(json::Builder& out, const struct WriteResult& result, bool forced_refresh, int copies);

}  // namespace sightline::elastic
