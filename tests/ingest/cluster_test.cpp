#include "ingest/cluster.h"

#include <doctest/doctest.h>
#include <map>

#include "server/http/server.h"

using namespace sightline;
using namespace sightline::ingest;

namespace {

using Fields = std::vector<std::string>;

/// What a pipeline does to fields, if the cluster has these pipelines.
Cluster::PipelineFields fields_of(const std::map<std::string, std::string>& pipelines, const std::string& pipeline) {
  auto server = http::Server::start({}, [&](http::Request&& request, http::Reply reply) {
    const auto found = pipelines.find(request.path.substr(request.path.rfind('/') + 1));
    http::Response response;
    response.status = found == pipelines.end() ? 404 : 200;
    response.body =
        found == pipelines.end() ? "{}" : "{\"" + found->first + "\":{\"processors\":[" + found->second + "]}}";
    reply.send(std::move(response));
  });
  REQUIRE(server.ok());
  ClusterSettings settings;
  settings.url = "http://127.0.0.1:" + std::to_string((*server)->port());
  const auto cluster = Cluster::connect(settings);
  REQUIRE(cluster.ok());
  const auto fields = (*cluster)->pipeline_fields({pipeline});
  REQUIRE(fields.ok());
  (*server)->stop();
  return *fields;
}

/// The fields that the loader takes for the pipeline's own.
Fields inferred(const std::map<std::string, std::string>& pipelines, const std::string& pipeline) {
  return fields_of(pipelines, pipeline).inferred;
}

}  // namespace

TEST_CASE("a user and a password in the URL are sent as such, and no message shows them") {
  std::string sent;
  auto server = http::Server::start({}, [&](http::Request&& request, http::Reply reply) {
    sent = std::string(request.headers.get("Authorization").value_or(""));
    reply.send({404, {}, "application/json", "{}"});
  });
  REQUIRE(server.ok());
  const std::string port = std::to_string((*server)->port());
  ClusterSettings settings;
  settings.url = "http://elastic:hunter%402@127.0.0.1:" + port + "/";
  CHECK((*Cluster::connect(settings))->index_state("x").ok());
  CHECK(sent == "Basic ZWxhc3RpYzpodW50ZXJAMg==");  // elastic:hunter@2
  settings.url = "http://elastic:#h?@127.0.0.1:" + port;
  CHECK((*Cluster::connect(settings))->index_state("x").ok());
  CHECK(sent == "Basic ZWxhc3RpYzojaD8=");  // elastic:#h?
  for (const char* url : {"http://elastic:hun/ter2@127.0.0.1", "elastic:hun/ter2@127.0.0.1"}) {
    settings.url = url;
    const auto refused = Cluster::connect(settings);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message.find("(--elasticsearch, ELASTICSEARCH_URL) has an @ after the host") !=
          std::string::npos);
    CHECK(refused.error().message.find("hun") == std::string::npos);
  }
  settings.url = "http://elastic:hunter%402@127.0.0.1:" + port + "/";
  settings.api_key = "key";
  CHECK((*Cluster::connect(settings))->index_state("x").ok());
  CHECK(sent == "ApiKey key");
  (*server)->stop();
  const auto failed = (*Cluster::connect(settings))->index_state("x");
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().message.find("http://127.0.0.1:" + port) != std::string::npos);
  CHECK(failed.error().message.find("hunter") == std::string::npos);
}

TEST_CASE("the fields that a pipeline removes are found, single ones and lists, also in pipelines that it calls") {
  const Cluster::PipelineFields fields =
      fields_of({{"p", R"({"remove":{"field":"new","ignore_missing":true}},{"pipeline":{"name":"q"}})"},
                 {"q", R"({"remove":{"field":["image_data","kitchen_data"]}},{"set":{"field":"remove","value":"x"}})"}},
                "p");
  CHECK(fields.removed == Fields{"new", "image_data", "kitchen_data"});
  CHECK(fields.inferred == Fields());
}

TEST_CASE("what a pipeline's inference processors write is found, also in pipelines that it calls") {
  CHECK(inferred({{"p", R"({"set":{"field":"a","value":1}})"}}, "p") == Fields());
  CHECK(inferred({}, "p") == Fields());
  CHECK(inferred({{"p", R"({"pipeline":{"name":"q"}})"},
                  {"q", R"({"inference":{"model_id":"m","input_output":{"input_field":"i","output_field":"v"}}})"}},
                 "p") == Fields{"v", "model_id"});
}

TEST_CASE("each input of an inference processor is known with the field that its vector ends up in") {
  const auto fields =
      fields_of({{"p", R"({"inference":{"model_id":"m","input_output":[{"input_field":"i","output_field":"new.v"},
                                                             {"input_field":"k","output_field":"kv"}]}},
                {"rename":{"field":"new.v","target_field":"v"}},
                {"inference":{"model_id":"m","input_output":{"input_field":"i","output_field":"w"}}})"}},
                "p");
  std::string found;
  for (const auto& inference : fields.inferences)
    found += std::to_string(inference.processor) + inference.input + ">" + inference.output + " ";
  CHECK(found == "0i>v 0k>kv 1i>w ");
}

TEST_CASE("so is what a vector is renamed to, and what was made beside it") {
  const std::string made =
      R"({"inference":{"model_id":"m","input_output":[{"input_field":"i","output_field":"new.v"}]}},
      {"rename":{"field":"new.made_by_{{new.model_id}}","target_field":"model_fingerprint","override":true}},
      {"rename":{"field":"new.v","target_field":"image_embedding","override":true}},
      {"rename":{"field":"old_name","target_field":"name"}})";
  CHECK(inferred({{"p", made}}, "p") == Fields{"new.v", "model_fingerprint", "image_embedding", "model_id"});
}

TEST_CASE("a missing privilege is distinguished from a cluster that is not ready") {
  int status = 200;
  auto server = http::Server::start({}, [&](http::Request&&, http::Reply reply) {
    reply.send({status, {}, "application/json", R"({"error":{"reason":"no"}})"});
  });
  REQUIRE(server.ok());
  ClusterSettings settings;
  settings.url = "http://127.0.0.1:" + std::to_string((*server)->port());
  const auto cluster = Cluster::connect(settings);
  REQUIRE(cluster.ok());
  for (const int refusal : {403, 404}) {
    status = refusal;
    const auto mapping = (*cluster)->mapping("x");
    REQUIRE_FALSE(mapping.ok());
    CHECK(mapping.error().code == ErrorCode::not_found);
    CHECK_FALSE(may_pass(mapping.error()));
  }
  for (const int not_ready : {408, 429, 500, 502, 503, 504}) {
    status = not_ready;
    CHECK(may_pass((*cluster)->mapping("x").error()));
    CHECK(may_pass((*cluster)->pipeline_fields({"p"}).error()));
  }
  status = 401;
  CHECK((*cluster)->mapping("x").error().code == ErrorCode::invalid_argument);
  (*server)->stop();
  CHECK(may_pass((*cluster)->mapping("x").error()));
  CHECK_FALSE(is_not_ready((*cluster)->mapping("x").error()));
}

TEST_CASE("a cluster that gives no answer in time is not ready") {
  CHECK(is_not_ready({ErrorCode::deadline_exceeded, "no answer within the request's time"}));
  CHECK(is_not_ready({ErrorCode::unavailable, "503"}));
  CHECK_FALSE(is_not_ready({ErrorCode::unreachable, "connection refused"}));
  CHECK_FALSE(is_not_ready({ErrorCode::not_found, "403"}));
}
