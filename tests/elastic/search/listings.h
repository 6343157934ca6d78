// Seven listings in an embedded store, to search in.
#pragma once

#include <atomic>
#include <chrono>
#include <doctest/doctest.h>
#include <memory>
#include <rapidjson/document.h>
#include <string>
#include <string_view>
#include <vector>

#include "server/elastic/embedded/embedded_store.h"
#include "server/http/message.h"
#include "tests/base/temporary_folder.h"

/// An embedded store in a folder of its own, spoken to as the rest layer speaks to it.
class StoreBench {
 public:
  StoreBench() { open(); }

  /// Closes the store and opens it again.
  void reopen() {
    store_.reset();
    open();
  }

  struct Answer {
    int status = 0;
    std::string text;
    rapidjson::Document json;

    const rapidjson::Value& hits() const { return json["hits"]["hits"]; }
    std::int64_t total() const { return json["hits"]["total"]["value"].GetInt64(); }
    std::vector<std::string> ids() const {
      REQUIRE_MESSAGE(status == 200, text);
      std::vector<std::string> out;
      for (const auto& hit : hits().GetArray()) out.emplace_back(hit["_id"].GetString());
      return out;
    }
    double score(rapidjson::SizeType hit) const { return hits()[hit]["_score"].GetDouble(); }
    std::string reason() const { return json["error"]["root_cause"][0]["reason"].GetString(); }
    std::string type() const { return json["error"]["type"].GetString(); }
  };

  Answer request(sightline::http::Method method, std::string path, std::string body, std::string query = {}) {
    sightline::http::Request request;
    request.method = method;
    request.path = std::move(path);
    request.query = std::move(query);
    request.headers.set("Content-Type", "application/json");
    request.body = std::move(body);
    sightline::http::Response response = store_->handle(request);
    Answer answer;
    answer.status = response.status;
    answer.text = std::move(response.body);
    answer.json.Parse(answer.text.data(), answer.text.size());
    REQUIRE_FALSE(answer.json.HasParseError());
    return answer;
  }
  void put(const std::string& path, std::string body) {
    const Answer answer = request(sightline::http::Method::put, path, std::move(body));
    REQUIRE_MESSAGE((answer.status == 200 || answer.status == 201), answer.text);
  }
  void remove(const std::string& path) { REQUIRE(request(sightline::http::Method::delete_, path, "").status == 200); }
  Answer search(std::string body, const std::string& index = "l", std::string query = {}) {
    return request(sightline::http::Method::post, "/" + index + "/_search", std::move(body), std::move(query));
  }

 private:
  void open() {
    auto store = sightline::elastic::open_embedded_store(folder_.path(), [this] {
      // A refresh interval goes by each time the clock is read: every search finds a refresh due.
      return std::chrono::steady_clock::time_point(std::chrono::seconds(++seconds_));
    });
    REQUIRE_MESSAGE(store.ok(), (store.ok() ? "" : store.error().message));
    store_ = *std::move(store);
  }
  sightline::TemporaryFolder folder_;
  std::atomic<int> seconds_{0};
  std::unique_ptr<sightline::elastic::Store> store_;
};

/// The bench with an index `l` of seven listings. The scores that tests expect of it are what
/// Elasticsearch 9.2.0 answered for the same documents.
class Listings : public StoreBench {
 public:
  Listings() {
    put("/l",
        R"({"mappings":{"properties":{"title":{"type":"text"},"city":{"type":"keyword"},"price":{"type":"long"},
      "area":{"type":"float"},"garden":{"type":"boolean"},"listed":{"type":"date"},
      "v":{"type":"dense_vector","dims":4,"similarity":"cosine","index_options":{"type":"hnsw"}},
      "w":{"type":"dense_vector","dims":2,"similarity":"l2_norm","index_options":{"type":"flat"}}}}})");
    const char* documents[] = {
        R"({"title":"Bright kitchen with white cabinets","city":"Lyon","price":320000,"area":85.5,"garden":true,"listed":"2026-01-05","v":[1,0,0,0],"w":[0,0]})",
        R"({"title":"White house with a swimming pool and a garden","city":"Nice","price":910000,"area":180.0,"garden":true,"listed":"2026-02-11","v":[0.9,0.1,0,0],"w":[1,0]})",
        R"({"title":"Small red brick house","city":"Lille","price":210000,"area":70.25,"garden":false,"listed":"2025-12-24","v":[0,1,0,0],"w":[0,2]})",
        R"({"title":"Modern living room, fireplace, white sofa","city":"Lyon","price":455000,"area":120.0,"garden":false,"listed":"2026-03-01","v":[0.2,0.2,0.9,0],"w":[3,1]})",
        R"({"title":"Cozy bedroom under the roof","city":"Paris","price":640000,"area":55.0,"garden":false,"listed":"2026-03-15","v":[0,0,0,1],"w":[2,2]})",
        R"({"title":"Luxury villa: pool, pool house, garden, garage","city":"Nice","price":2450000,"area":340.0,"garden":true,"listed":"2026-04-02","v":[0.7,0.7,0.1,0],"w":[5,5]})",
        R"({"title":"Bathroom with a free-standing bath","city":"Paris","price":1,"area":12.5,"garden":false,"listed":"2026-04-02","v":[0.1,0.1,0.1,0.9],"w":[1,1]})"};
    int id = 0;
    for (const char* document : documents) put("/l/_doc/" + std::to_string(++id), document);
  }
  /// The ids that a query finds, best first.
  std::vector<std::string> found(const std::string& query) {
    return search(R"({"query":)" + query + R"(,"_source":false,"size":100})").ids();
  }
};

using Ids = std::vector<std::string>;
