// Where a cluster is, and what is sent again.
#include "server/elastic/gateway/cluster.h"

#include <doctest/doctest.h>

#include "tests/base/manual_timer.h"

using namespace sightline;
using namespace sightline::elastic;
using std::chrono::milliseconds;

namespace {

struct Bench {
  Bench() {
    Cluster::Options options;
    options.url = "https://es.example:9200/";
    options.warn = [this](const std::string& text) { warnings.push_back(text); };
    cluster = *Cluster::create(options, timer);
  }
  bool again(ErrorCode code, http::Method method, int attempts = 1, milliseconds spent = milliseconds(0)) {
    return cluster->wait_before_retry({code, ""}, method, attempts, spent).has_value();
  }
  ManualTimer timer;
  std::vector<std::string> warnings;
  std::shared_ptr<Cluster> cluster;
};

}  // namespace

TEST_CASE("URLs of clusters are checked, and lose the slash at their end") {
  CHECK(*checked_cluster_url("http://localhost:9200") == "http://localhost:9200");
  CHECK(*checked_cluster_url("https://es.example/elastic/") == "https://es.example/elastic");
  CHECK(*checked_cluster_url("https://[::1]:9200//") == "https://[::1]:9200");
  for (const char* wrong :
       {"", "localhost:9200", "ftp://es", "http://", "https:///x", "http://es:", "http://es:99999", "http://es:9x",
        "http://es?x=1", "http://es/#a", "http://e s", "http://:9200", "http://[::1", "http://es\n:9200"}) {
    CHECK_MESSAGE(!checked_cluster_url(wrong).ok(), wrong);
  }
}

TEST_CASE("credentials in the URL are refused and not repeated") {
  const auto refused = checked_cluster_url("https://elastic:hush@es.example:9200");
  REQUIRE(!refused.ok());
  CHECK(refused.error().message.find("user and password") != std::string::npos);
  CHECK(refused.error().message.find("hush") == std::string::npos);
}

TEST_CASE("only what never left, and what only reads, is sent again, and not for long") {
  Bench bench;
  CHECK(bench.again(ErrorCode::unreachable, http::Method::post));
  CHECK(bench.again(ErrorCode::unavailable, http::Method::get));
  CHECK(bench.again(ErrorCode::unavailable, http::Method::head));
  CHECK(!bench.again(ErrorCode::unavailable, http::Method::post));
  CHECK(!bench.again(ErrorCode::unavailable, http::Method::put));
  CHECK(!bench.again(ErrorCode::unavailable, http::Method::delete_));
  CHECK(!bench.again(ErrorCode::deadline_exceeded, http::Method::get));
  CHECK(!bench.again(ErrorCode::too_large, http::Method::get));
  CHECK(!bench.again(ErrorCode::cancelled, http::Method::get));
  CHECK(bench.again(ErrorCode::unreachable, http::Method::post, 2));
  CHECK(!bench.again(ErrorCode::unreachable, http::Method::post, 3));
  CHECK(!bench.again(ErrorCode::unreachable, http::Method::get, 1, milliseconds(5'000)));
}

TEST_CASE("failures are warned of once a minute, with the number of those unsaid") {
  Bench bench;
  const Error down{ErrorCode::unreachable, "connection refused"};
  for (int i = 0; i < 5; ++i) CHECK(bench.cluster->failure(down).status == 503);
  REQUIRE(bench.warnings.size() == 1);
  CHECK(bench.warnings[0].find("https://es.example:9200") != std::string::npos);
  bench.timer.advance(milliseconds(60'000));
  CHECK(bench.cluster->failure({ErrorCode::unavailable, "broke"}).status == 502);
  REQUIRE(bench.warnings.size() == 2);
  CHECK(bench.warnings[1].find("4 more failures") != std::string::npos);
  CHECK(bench.cluster->failure({ErrorCode::deadline_exceeded, "late"}).status == 504);
}

TEST_CASE("a raw number sign in a path does not cut the request short") {
  Bench bench;
  http::Request request;
  request.path = "/a#b/_doc/1";
  request.query = "routing=%232";
  CHECK(bench.cluster->request_for(request).url == "https://es.example:9200/a%23b/_doc/1?routing=%232");
}

TEST_CASE("parameters behind a number sign are not forwarded, as Elasticsearch would not read them") {
  Bench bench;
  http::Request request;
  request.path = "/*";
  request.query = "filter_path=a#&expand_wildcards=all";
  CHECK(bench.cluster->request_for(request).url == "https://es.example:9200/*?filter_path=a");
}
