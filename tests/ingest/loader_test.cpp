#include "ingest/loader.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include "server/http/server.h"
#include "tests/base/temporary_folder.h"

using namespace sightline;
using namespace sightline::ingest;

namespace {

/// Answers `_bulk` and `_mget` as a cluster would, with refusals on demand; keeps what it was given.
class ScriptedCluster {
 public:
  ScriptedCluster() {
    auto started = http::Server::start(
        {}, [this](http::Request&& request, http::Reply reply) { reply.send(answer(request)); });
    REQUIRE(started.ok());
    server_ = std::move(*started);
  }
  ~ScriptedCluster() { server_->stop(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }

  std::mutex mutex;
  std::map<std::string, std::string> stored;  ///< _id -> source
  std::map<std::string, int> refusals;        ///< image_name -> times to answer 429
  std::map<std::string, std::string> bad;     ///< image_name -> reason of a 400
  std::size_t max_documents = 1000;           ///< a bulk of more is answered 413
  int failures_of_all = 0;                    ///< bulks to be answered 503
  std::vector<std::size_t> bulk_sizes;

 private:
  http::Response answer(const http::Request& request) {
    const std::lock_guard lock(mutex);
    http::Response response;
    if (request.path.ends_with("_mget")) {
      rapidjson::Document body;
      body.Parse(request.body.data(), request.body.size());
      for (const auto& id : body["ids"].GetArray()) {
        response.body += std::string(response.body.empty() ? "" : ",") + "{\"_id\":\"" + id.GetString() +
                         "\",\"found\":" + (stored.contains(id.GetString()) ? "true" : "false") + "}";
      }
      response.body = "{\"docs\":[" + response.body + "]}";
      return response;
    }
    const auto lines = static_cast<std::size_t>(std::count(request.body.begin(), request.body.end(), '\n'));
    bulk_sizes.push_back(lines / 2);
    if (failures_of_all > 0) {
      --failures_of_all;
      return {503, {}, "text/plain", "starting"};
    }
    if (lines / 2 > max_documents) return {413, {}, "text/plain", "too large"};
    std::istringstream in(request.body);
    std::string action, source, items;
    while (std::getline(in, action) && std::getline(in, source)) {
      rapidjson::Document parsed, acted;
      parsed.Parse(source.data(), source.size());
      acted.Parse(action.data(), action.size());
      const std::string name = parsed["image_name"].GetString(), id = acted["index"]["_id"].GetString();
      std::string result = "\"status\":201";
      if (refusals[name] > 0) {
        --refusals[name];
        result = R"("status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue full"})";
      } else if (bad.contains(name)) {
        result = R"("status":400,"error":{"type":"status_exception","reason":")" + bad[name] + "\"}";
      } else {
        stored[id] = source;
      }
      items += std::string(items.empty() ? "" : ",") + "{\"index\":{\"_id\":\"" + id + "\"," + result + "}}";
    }
    response.body = "{\"errors\":true,\"took\":1,\"items\":[" + items + "]}";
    return response;
  }
  std::unique_ptr<http::Server> server_;
};

struct Fixture {
  Fixture() {
    ClusterSettings settings;
    settings.url = elasticsearch.url();
    auto connected = Cluster::connect(settings);
    REQUIRE(connected.ok());
    cluster = std::move(*connected);
    options.index = "clip-images";
    options.first_pause = std::chrono::milliseconds(1);
    options.longest_pause = std::chrono::milliseconds(4);
  }
  void write(int count) {
    for (int i = 0; i < count; ++i)
      folder.write(std::to_string(100 + i) + ".jpg", "picture " + std::to_string(i));
  }
  Tally load() {
    const auto found = find_pictures(folder.path());
    REQUIRE(found.ok());
    loader.emplace(*cluster, options);
    Progress progress(stderr, /*quiet=*/true);
    return loader->load(found->pictures, {}, progress, stop);
  }

  ScriptedCluster elasticsearch;
  std::unique_ptr<Cluster> cluster;
  TemporaryFolder folder;
  Loader::Options options;
  std::optional<Loader> loader;
  std::atomic<bool> stop{false};
};

}  // namespace

TEST_CASE("every picture is stored once, in bulks of the allowed number of documents") {
  Fixture fixture;
  fixture.write(25);
  fixture.folder.write("z-copy.jpg", "picture 3");
  fixture.options.max_bulk_documents = 10;
  const Tally tally = fixture.load();
  CHECK(tally.indexed == 25);
  CHECK(tally.duplicates == 1);
  CHECK(tally.failed == 0);
  CHECK(fixture.elasticsearch.stored.size() == 25);
  CHECK(*std::max_element(fixture.elasticsearch.bulk_sizes.begin(), fixture.elasticsearch.bulk_sizes.end()) ==
        10);
}

TEST_CASE("bulks are cut by bytes, and a document over the cut goes alone") {
  Fixture fixture;
  fixture.write(3);
  fixture.folder.write("big.jpg", std::string(5000, 'x'));
  fixture.options.max_bulk_bytes = 350;
  CHECK(fixture.load().indexed == 4);
  CHECK(fixture.elasticsearch.bulk_sizes.size() >= 3);
}

TEST_CASE("a refused document is sent again, and only it") {
  Fixture fixture;
  fixture.write(5);
  fixture.elasticsearch.refusals["102.jpg"] = 3;
  const Tally tally = fixture.load();
  CHECK(tally.indexed == 5);
  CHECK(tally.retried == 3);
  CHECK(fixture.elasticsearch.bulk_sizes == std::vector<std::size_t>{5, 1, 1, 1});
}

TEST_CASE("a document that fails for what it is fails alone, once, with its reason") {
  Fixture fixture;
  fixture.write(5);
  fixture.elasticsearch.bad["101.jpg"] = "input 0: JPEG ends after 9 bytes";
  const Tally tally = fixture.load();
  CHECK(tally.indexed == 4);
  REQUIRE(fixture.loader->failures().size() == 1);
  CHECK(fixture.loader->failures()[0].name == "101.jpg");
  CHECK(fixture.loader->failures()[0].attempts == 1);
  CHECK(fixture.loader->failures()[0].reason == "input 0: JPEG ends after 9 bytes");
}

TEST_CASE("a document refused too often is given up") {
  Fixture fixture;
  fixture.write(2);
  fixture.options.max_attempts = 3;
  fixture.elasticsearch.refusals["100.jpg"] = 1000;
  CHECK(fixture.load().failed == 1);
  CHECK(fixture.loader->failures()[0].attempts == 3);
  CHECK(fixture.loader->failures()[0].status == 429);
}

TEST_CASE("a bulk that is too large for the cluster is halved until it fits") {
  Fixture fixture;
  fixture.write(9);
  fixture.elasticsearch.max_documents = 2;
  CHECK(fixture.load().indexed == 9);
  CHECK(fixture.elasticsearch.stored.size() == 9);
}

TEST_CASE("a cluster that is not ready is asked again") {
  Fixture fixture;
  fixture.write(4);
  fixture.elasticsearch.failures_of_all = 2;
  CHECK(fixture.load().indexed == 4);
}

TEST_CASE("a cluster that is gone is reported for every picture") {
  Fixture fixture;
  fixture.write(3);
  ClusterSettings nowhere;
  nowhere.url = "http://127.0.0.1:1";
  fixture.cluster = std::move(Cluster::connect(nowhere).value());
  fixture.options.max_attempts = 2;
  CHECK(fixture.load().failed == 3);
  CHECK(fixture.loader->failures().front().reason.find("connection failed") != std::string::npos);
}

TEST_CASE("with resume only what the index lacks is sent, and nothing at all the second time") {
  Fixture fixture;
  fixture.write(6);
  CHECK(fixture.load().indexed == 6);
  fixture.folder.write("new.jpg", "new");
  fixture.options.resume = true;
  fixture.elasticsearch.bulk_sizes.clear();
  Tally tally = fixture.load();
  CHECK(tally.indexed == 1);
  CHECK(tally.skipped == 6);
  CHECK(fixture.elasticsearch.bulk_sizes == std::vector<std::size_t>{1});
  tally = fixture.load();
  CHECK(tally.skipped == 7);
  CHECK(fixture.elasticsearch.bulk_sizes == std::vector<std::size_t>{1});
}

TEST_CASE("stopping sends nothing more and loses nothing in flight") {
  Fixture fixture;
  fixture.write(3);
  fixture.stop = true;
  CHECK(fixture.load().done() == 0);
  CHECK(fixture.elasticsearch.bulk_sizes.empty());
}
