// Which handler answers a request: routes as Elasticsearch lists them.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/elastic/elastic_error.h"
#include "server/http/message.h"

namespace sightline::elastic::rest {

/// What a route's pattern found in the path, by name: for `/{index}/_doc/{id}` "index" and "id",
/// percent-decoded.
class PathParameters {
 public:
  void add(std::string_view name, std::string value) { values_.emplace_back(name, std::move(value)); }
  /// Empty if the pattern has no such part.
  const std::string& get(std::string_view name) const;

 private:
  std::vector<std::pair<std::string_view, std::string>> values_;
};

/// A table of routes. Patterns are parts with a slash before each; `{name}` takes one part of any text, and
/// fixed parts win over it.
///
/// `handle` answers requests that no route takes as Elasticsearch does: 400 `no handler found for uri`, 405
/// with `Allow` for a path known under other methods, 200 with `Allow` for OPTIONS, and 400 `contains
/// unrecognized parameter` for a query parameter that the route does not list. HEAD finds its own route or
/// else that of GET. Thread safety: `handle` and `try_handle` may be called from any thread once all routes
/// are added.
class Router {
 public:
  /// Answers nothing where the request turns out not to be this table's after all (an id that another part
  /// keeps): then it is as if no route had taken it.
  using Handler = std::function<std::optional<http::Response>(const http::Request&, const PathParameters&)>;

  /// `parameters`: names of the query parameters the route takes, separated by blanks, besides those that
  /// every request may have (pretty, human, error_trace, filter_path, format).
  void add(std::initializer_list<http::Method> methods, std::string_view pattern, std::string_view parameters,
           Handler handler);
  /// The same for a handler that checks the parameters itself, by `unknown_parameters`: once it knows that
  /// the request is its own, since another part may take others.
  void add(std::initializer_list<http::Method> methods, std::string_view pattern, Handler handler);

  http::Response handle(const http::Request& request) const;
  /// The same, but nothing if no route takes this path and method, or its handler leaves it: for a part that
  /// leaves all else to another.
  std::optional<http::Response> try_handle(const http::Request& request) const;

 private:
  struct Route {
    std::vector<http::Method> methods;
    std::vector<std::string> parts;
    std::optional<std::string> parameters;
    Handler handler;
  };
  /// The route for a method, and all methods of the pattern that fits the path best.
  struct Found {
    const Route* route = nullptr;
    std::vector<http::Method> methods = {};
  };
  Found find(const std::vector<std::string>& parts, http::Method method) const;
  std::optional<http::Response> call(const Route& route, const http::Request& request,
                                     std::vector<std::string> parts) const;

  std::vector<Route> routes_;
};

/// 400 `contains unrecognized parameter` if there is one besides `known`, names separated by blanks, and
/// those that every request may have.
Refusal unknown_parameters(const http::Request& request, std::string_view known);

/// The last value of a query parameter, which is the one that Elasticsearch takes.
std::optional<std::string> query_parameter(const http::Request& request, std::string_view name);

/// A boolean query parameter as Elasticsearch reads it: absent gives `otherwise`, `""` and "true" true,
/// "false" false, else an error.
Answer<bool> query_flag(const http::Request& request, std::string_view name, bool otherwise);

}  // namespace sightline::elastic::rest
