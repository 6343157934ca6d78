#include "server/options.h"

#include <cstdlib>
#include <doctest/doctest.h>

#include "tests/base/temporary_folder.h"

namespace sightline {
namespace {

using Parsed = std::variant<ServerOptions, int>;

Parsed parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "sightline-server");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

ServerOptions good(std::vector<std::string> arguments) {
  Parsed parsed = parse(std::move(arguments));
  REQUIRE(std::holds_alternative<ServerOptions>(parsed));
  return std::get<ServerOptions>(std::move(parsed));
}

/// Sets an environment variable for one test.
struct Variable {
  Variable(const char* variable, const char* value) : name(variable) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name); }
  const char* name;
};

TEST_CASE("what clients may cost is for both ports, and each is an option") {
  const ServerOptions options = good({"--model",
                                      "clip=/models/clip",
                                      "--max-connections",
                                      "77",
                                      "--max-connections-per-address",
                                      "7",
                                      "--header-timeout",
                                      "3s",
                                      "--receive-timeout",
                                      "4s",
                                      "--send-timeout",
                                      "5s",
                                      "--idle-timeout",
                                      "1m",
                                      "--min-transfer-rate",
                                      "1kB",
                                      "--max-request-buffer",
                                      "300MB",
                                      "--max-request-buffer-per-address",
                                      "150MB",
                                      "--max-answer-buffer",
                                      "200MB",
                                      "--max-answer-buffer-per-address",
                                      "50MB",
                                      "--allowed-hosts",
                                      "a.example,*.b.example",
                                      "--allowed-origins",
                                      "https://app.example"});
  const auto& clients = options.clients;
  CHECK(clients.max_connections == 77);
  CHECK(clients.max_connections_per_address == 7);
  CHECK(clients.header_timeout == std::chrono::seconds(3));
  CHECK(clients.receive_timeout == std::chrono::seconds(4));
  CHECK(clients.send_timeout == std::chrono::seconds(5));
  CHECK(clients.idle_timeout == std::chrono::minutes(1));
  CHECK(clients.min_transfer_rate == 1024);
  CHECK(clients.max_buffered_bytes == 300u << 20);
  CHECK(clients.max_buffered_bytes_per_client == 150u << 20);
  CHECK(clients.max_answer_bytes == 200u << 20);
  CHECK(clients.max_answer_bytes_per_client == 50u << 20);
  CHECK(clients.allowed_hosts == std::vector<std::string>{"a.example", "*.b.example"});
  CHECK(clients.allowed_origins == std::vector<std::string>{"https://app.example"});
}

TEST_CASE("defaults are those of the header") {
  const ServerOptions options = good({"--model", "clip=/models/clip"});
  CHECK(options.host == "127.0.0.1");
  CHECK(options.port == 8080);
  CHECK_FALSE(options.embedded_elasticsearch);
  CHECK(options.max_image_bytes == 20u << 20);
  CHECK(options.query_timeout == std::chrono::seconds(10));
  CHECK(options.threads >= 1);
  REQUIRE(options.models.size() == 1);
  CHECK(options.models[0].name == "clip");
  CHECK(options.models[0].embedder.folder == "/models/clip");
  CHECK(options.models[0].embedder.threads == options.threads);
}

TEST_CASE("memory for vectors that are kept is an option for texts and for pictures, and may be none") {
  const ServerOptions usual = good({"--model", "clip=/models/clip"});
  CHECK(usual.vector_cache.text_bytes == 16u << 20);
  CHECK(usual.vector_cache.picture_bytes == 64u << 20);
  const Variable variable("SIGHTLINE_VECTOR_CACHE_PICTURES", "0MB");
  const ServerOptions set = good({"--model", "clip=/models/clip", "--vector-cache-texts", "1GB"});
  CHECK(set.vector_cache.text_bytes == 1u << 30);
  CHECK(set.vector_cache.picture_bytes == 0);
}

TEST_CASE("label files are read at the start, and what is wrong with one ends it") {
  const TemporaryFolder folder;
  const std::string rooms = folder.write("rooms.txt", "kitchen\nbath\n"), bad = folder.write("bad.txt", "one");
  const ServerOptions options = good({"--model", "a=/a", "--labels", "rooms=" + rooms});
  CHECK(options.labels.at("rooms").labels == std::vector<std::string>{"kitchen", "bath"});
  for (const std::string& wrong : {rooms, "x=" + bad, "x=" + rooms + ".none", std::string("=")}) {
    CHECK(std::get<int>(parse({"--model", "a=/a", "--labels", wrong})) == 2);
  }
  CHECK(std::get<int>(parse({"--model", "a=/a", "--labels", "x=" + rooms, "--labels", "x=" + rooms})) == 2);
}

TEST_CASE("each model's texts are truncated to its own limit") {
  const ServerOptions options = good({"--model", "clip=/a", "--model", "jina=/b", "--max-tokens", "jina=2048"});
  CHECK(options.models[0].embedder.max_tokens == 0);
  CHECK(options.models[1].embedder.max_tokens == 2048);
  for (const char* wrong : {"jina", "jina=", "=5", "jina=0", "jina=-1", "jina=12x", "jina=99999999999", "other=9"}) {
    INFO(wrong);
    CHECK(std::get<int>(parse({"--model", "jina=/b", "--max-tokens", wrong})) == 2);
  }
  CHECK(std::get<int>(parse({"--model", "j=/b", "--max-tokens", "j=9", "--max-tokens", "j=9"})) == 2);
}

TEST_CASE("a model's texts are embedded by another folder, named once and for a model that exists") {
  const ServerOptions options = good({"--model", "clip=/a", "--model", "jina=/b", "--text-tower", "clip=/t=x"});
  CHECK(options.models[0].embedder.folder == "/a");
  CHECK(options.models[0].embedder.text_folder == "/t=x");
  CHECK(options.models[1].embedder.text_folder.empty());
  for (const char* wrong : {"clip", "clip=", "=/t", "other=/t"}) {
    INFO(wrong);
    CHECK(std::get<int>(parse({"--model", "clip=/a", "--text-tower", wrong})) == 2);
  }
  CHECK(std::get<int>(parse({"--model", "clip=/a", "--text-tower", "clip=/t", "--text-tower", "clip=/t"})) == 2);
  const Variable towers("SIGHTLINE_TEXT_TOWER", "a=/x,b=/y");
  const ServerOptions from_environment = good({"--model", "a=/a", "--model", "b=/b"});
  CHECK(from_environment.models[0].embedder.text_folder == "/x");
  CHECK(from_environment.models[1].embedder.text_folder == "/y");
}

TEST_CASE("flags set what they name, units included, for every model") {
  const ServerOptions options = good({"--model", "a=/a", "--model", "b=/b=c", "--port", "0", "--max-image-bytes", "5MB",
                                      "--query-timeout", "1500ms", "--document-timeout", "1m", "--exif-orientation",
                                      "--dtype", "bfloat16", "--threads", "3", "--embedded-elasticsearch"});
  CHECK(options.port == 0);
  CHECK(options.embedded_elasticsearch);
  CHECK(options.query_timeout == std::chrono::milliseconds(1500));
  CHECK(options.document_timeout == std::chrono::minutes(1));
  REQUIRE(options.models.size() == 2);
  CHECK(options.models[1].embedder.folder == "/b=c");
  for (const auto& model : options.models) {
    CHECK(model.embedder.max_image_bytes == 5u << 20);
    CHECK(model.embedder.apply_exif_orientation);
    CHECK(model.embedder.dtype == "bfloat16");
    CHECK(model.embedder.threads == 3);
  }
}

TEST_CASE("a dtype is of one model, or of all that have none of their own") {
  const ServerOptions options = good({"--model", "a=/a", "--model", "b=/b", "--model", "c/d=/c", "--dtype", "b=int8",
                                      "--dtype", "bfloat16", "--dtype", "c/d=float32"});
  REQUIRE(options.models.size() == 3);
  CHECK(options.models[0].embedder.dtype == "bfloat16");
  CHECK(options.models[1].embedder.dtype == "int8");
  CHECK(options.models[2].embedder.dtype == "float32");
  CHECK(good({"--model", "a=/a", "--dtype", "a=int8"}).models[0].embedder.dtype == "int8");
  CHECK(good({"--model", "a=/a"}).models[0].embedder.dtype == "float32");
  const Variable dtype("SIGHTLINE_DTYPE", "b=int8,bfloat16");
  const ServerOptions from_environment = good({"--model", "a=/a", "--model", "b=/b"});
  CHECK(from_environment.models[0].embedder.dtype == "bfloat16");
  CHECK(from_environment.models[1].embedder.dtype == "int8");
}

TEST_CASE("environment variables stand in for flags, and flags win") {
  const Variable model("SIGHTLINE_MODEL", "a=/a,b=/b");
  const Variable port("SIGHTLINE_PORT", "9001");
  const Variable format("SIGHTLINE_LOG_FORMAT", "json");
  const Variable elastic("SIGHTLINE_EMBEDDED_ELASTICSEARCH", "true");
  const Variable limit("SIGHTLINE_MAX_BODY_BYTES", "1kB");
  const ServerOptions options = good({"--port", "9002"});
  CHECK(options.models.size() == 2);
  CHECK(options.port == 9002);
  CHECK(options.log_format == "json");
  CHECK(options.embedded_elasticsearch);
  CHECK(options.max_body_bytes == 1024);
}

TEST_CASE("keys may have a usual rate, and a hanging model a limit") {
  const ServerOptions usual = good({"--model", "a=/a"});
  CHECK(usual.rate_limit == 0);
  CHECK(usual.watchdog_limit == std::chrono::minutes(5));
  const ServerOptions set =
      good({"--model", "a=/a", "--api-key-file", "keys", "--rate-limit", "0.5", "--watchdog-limit", "0ms"});
  CHECK(set.rate_limit == 0.5);
  CHECK(set.watchdog_limit == std::chrono::milliseconds(0));
  CHECK(good({"--model", "a=/a", "--port", "9200"}).port == 9200);  // there is one port only
}

TEST_CASE("what makes no sense ends the program with 2") {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {},
           {"--model", "clip"},
           {"--model", "=/models/clip"},
           {"--model", "clip="},
           {"--model", "a=/a", "--port", "70000"},
           {"--model", "a=/a", "--port", "-1"},
           {"--model", "a=/a", "--log-format", "xml"},
           {"--model", "a=/a", "--dtype", "int4"},
           {"--model", "a=/a", "--dtype", "b=int8"},
           {"--model", "a=/a", "--dtype", "a=int4"},
           {"--model", "a=/a", "--dtype", "a="},
           {"--model", "a=/a", "--dtype", "a=int8", "--dtype", "a=bfloat16"},
           {"--model", "a=/a", "--dtype", "int8", "--dtype", "bfloat16"},
           {"--model", "a=/a", "--max-image-bytes", "20XB"},
           {"--model", "a=/a", "--query-timeout", "10"},
           {"--model", "a=/a", "--query-timeout", "-10s"},
           {"--model", "a=/a", "--rate-limit", "5"},
           {"--model", "a=/a", "--rate-limit", "-1", "--api-key-file", "keys"},
           {"--model", "a=/a", "--rate-limit", "fast", "--api-key-file", "keys"},
           {"--model", "a=/a", "--endpoint-addresses", "10.0.0.0/33"},
           {"--model", "a=/a", "--endpoint-addresses", "10.0.0.1,somewhere"},
           {"--model", "a=/a", "--embedded-elasticsearch", "--port", "9200"},
           {"--model", "a=/a", "--max-inputs", "0"},
           {"--model", "a=/a", "--no-such-option"},
           {"--model", "a=/a", "stray"},
       }) {
    const Parsed parsed = parse(arguments);
    REQUIRE(std::holds_alternative<int>(parsed));
    CHECK(std::get<int>(parsed) == 2);
  }
  CHECK(std::get<int>(parse({"--help"})) == 0);
  CHECK(std::get<int>(parse({"--version"})) == 0);
}

TEST_CASE("pictures by URL are off, and their addresses and CAs need the option that allows them") {
  CHECK_FALSE(good({"--model", "clip=/models/clip"}).allow_picture_urls);
  const ServerOptions options = good({"--model", "clip=/models/clip", "--allow-picture-urls", "--picture-url-addresses",
                                      "10.0.0.0/8,127.0.0.1:80", "--picture-url-timeout", "2s",
                                      "--picture-url-concurrency", "8", "--picture-url-concurrency-per-host", "2"});
  CHECK(options.allow_picture_urls);
  CHECK(options.picture_url_addresses == std::vector<std::string>{"10.0.0.0/8", "127.0.0.1:80"});
  CHECK(options.picture_url_timeout == std::chrono::seconds(2));
  CHECK(options.picture_url_concurrency == 8);
  CHECK(options.picture_url_concurrency_per_host == 2);
  for (const char* option : {"--picture-url-addresses", "--picture-url-ca-file"})
    CHECK(std::get<int>(parse({"--model", "clip=/models/clip", option, "10.0.0.1"})) == 2);
}

}  // namespace
}  // namespace sightline
