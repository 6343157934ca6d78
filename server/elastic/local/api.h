// The REST API of the local store, a group of routes a file.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "server/elastic/local/store_core.h"
#include "server/elastic/rest/router.h"

namespace sightline::elastic {

/// Adds routes whose handlers are plain functions of the store.
class AddRoute {
 public:
  using Handler = http::Response (*)(StoreCore&, const http::Request&, const rest::PathParameters&);

  /// Both must outlive the routes.
  AddRoute(rest::Router& router, StoreCore& store) : router_(router), store_(store) {}
  /// As Router::add.
  void operator()(std::initializer_list<http::Method> methods, std::string_view pattern,
                  std::string_view parameters, Handler handler) const;

 private:
  rest::Router& router_;
  StoreCore& store_;
};

/// Indices, mappings, settings, aliases, refresh.
void add_index_routes(rest::Router& router, StoreCore& store);
/// Single documents: _doc, _create, _source, _update, _mget.
void add_document_routes(rest::Router& router, StoreCore& store);
/// _bulk.
void add_bulk_routes(rest::Router& router, StoreCore& store);
/// GET /, cluster health, _cat.
void add_cluster_routes(rest::Router& router, StoreCore& store);
/// _search, _count, _msearch, _analyze: done by the search side.
void add_search_routes(rest::Router& router, StoreCore& store);

http::Response json_answer(std::string body, int status = 200);
http::Response acknowledged();
/// `"_shards":{"total":2,"successful":1,"failed":0}` of a write to one copy of `total`.
std::string write_shards_json(int total);
/// `"name":`
void append_key(std::string& out, std::string_view name);

/// The `refresh` parameter: true if the answer is to say `forced_refresh`. Errors: an unknown value.
Answer<bool> forces_refresh(const http::Request& request);
/// True if searches shall see the write when it is answered: forced, or `refresh=wait_for`, for which we do
/// not wait.
bool wants_refresh(const http::Request& request);
/// Refuses parameters that would change a write and are not done here: routing, versions; and pipelines that
/// the front has not run.
Refusal check_write_parameters(const http::Request& request);
/// The `_source` parameter of updates: true if their answers are to show the new source. Errors: filters.
Answer<bool> updates_show_source(const http::Request& request);
/// The members of a write's answer, from `_index` to `_primary_term`, without braces.
std::string write_members(const struct WriteResult& result, bool forced_refresh, int copies);

}  // namespace sightline::elastic
