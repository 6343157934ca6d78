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
#include "server/elastic/rest/parameter_table.h"
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

  /// `parameters`: those that the route takes besides the ones that every request may have (pretty, human,
  /// error_trace, filter_path, format). They are read into a Target before the handler is called with it, so
  /// that none is taken and not read. The handler may throw Refused. The table must outlive the router.
  template <class Target>
  void add(std::initializer_list<http::Method> methods, std::string_view pattern,
           const ParameterTable<Target>& parameters,
           std::function<std::optional<http::Response>(const http::Request&, const PathParameters&, const Target&)>
               handler) {
    add_route(methods, pattern, &parameters,
              [&parameters, handler = std::move(handler)](const http::Request& request,
                                                          const PathParameters& path) -> std::optional<http::Response> {
                try {
                  Target target{};
                  parameters.read(request, target);
                  return handler(request, path, target);
                } catch (const Refused& refused) {
                  return refused.error.response();
                }
              });
  }
  /// The same for a handler that checks the parameters itself, by `unknown_parameters`: once it knows that
  /// the request is its own, since another part may take others.
  void add(std::initializer_list<http::Method> methods, std::string_view pattern, Handler handler);

  /// A route as docs and tests list it.
  struct RouteInfo {
    std::vector<http::Method> methods;
    std::string pattern;
    const ParameterTableBase* parameters;  ///< null: its handler checks them itself
  };
  std::vector<RouteInfo> routes() const;

  http::Response handle(const http::Request& request) const;
  /// The same, but nothing if no route takes this path and method, or its handler leaves it: for a part that
  /// leaves all else to another.
  std::optional<http::Response> try_handle(const http::Request& request) const;

 private:
  void add_route(std::initializer_list<http::Method> methods, std::string_view pattern,
                 const ParameterTableBase* parameters, Handler handler);
  struct Route {
    std::vector<http::Method> methods;
    std::vector<std::string> parts;
    const ParameterTableBase* parameters;
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

/// A flag as Elasticsearch reads it: `""` and "true" true, "false" false, else an error.
Answer<bool> flag_from(std::string_view name, const std::string& text);

/// A boolean query parameter as Elasticsearch reads it: absent gives `otherwise`, `""` and "true" true,
/// "false" false, else an error.
Answer<bool> query_flag(const http::Request& request, std::string_view name, bool otherwise);

}  // namespace sightline::elastic::rest
