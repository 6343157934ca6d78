// Elasticsearch's services for one vendor's API each: an API key, JSON, and errors that are worded alike.
#pragma once

#include <initializer_list>

#include "server/elastic/inference/endpoint.h"

namespace sightline::elastic {

/// A POST with `Authorization: Bearer {api_key}`. Answers that cannot be read are asked for again, as
/// Elasticsearch does with these services.
class VendorService : public Service {
 public:
  Answer<http::ClientRequest> target(const Endpoint& endpoint) const override;
  ServiceAnswer read(const http::Response& response, const Endpoint& endpoint) const override;

 protected:
  virtual std::string_view title() const = 0;  ///< "OpenAI", as messages have it
  virtual void add_headers(http::Headers&) const {}
  virtual Answer<Embeddings> vectors_in(const rapidjson::Value& answer) const = 0;
  /// What an answer with another status than 2xx is.
  virtual Failure failure_of(const http::Response& response, const Endpoint& endpoint) const = 0;
};

/// `url` of service settings. Adds to the faults what cannot be called.
std::optional<std::string> read_url(SettingsReader& settings, ValidationFaults& faults, bool required);
/// `api_key` of service settings, into the endpoint's secrets. Errors: a request has none.
Refusal read_api_key(Endpoint& endpoint, SettingsReader& settings, ValidationFaults& faults, SettingsSource source);
void write_api_key(json::Builder& out, const Endpoint& endpoint);

/// The text at `path`, member by member, of an error's JSON; empty if there is none.
std::string error_message(std::string_view body, std::initializer_list<const char*> path);

}  // namespace sightline::elastic
