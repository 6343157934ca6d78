// An Elasticsearch side that holds the vectors of one index, as far as IndexReader asks for them.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <rapidjson/document.h>
#include <string>
#include <vector>

#include "base/json/writer.h"
#include "server/web/projection/index_vectors.h"

namespace sightline::web {

struct FakeElasticsearch {
  struct Document {
    std::string id, name;
    std::vector<float> vector;
    std::uint64_t seq_no = 0;
  };
  std::string mappings =
      R"({"properties":{"image_name":{"type":"text","fields":{"keyword":{"type":"keyword"}}},"v":{"type":"dense_vector","dims":3,"similarity":"cosine"}}})";
  std::string index = "pictures";
  std::vector<Document> documents;
  std::vector<http::Request> requests;            ///< all that came
  std::map<std::string, http::Response> instead;  ///< by path: what is answered in its place
  std::mutex mutex;

  void add(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto x = static_cast<float>(i % 7), y = static_cast<float>(i % 5);
      documents.push_back({"id" + std::to_string(i),
                           "picture " + std::to_string(i) + ".jpg",
                           {1 + x, 1 + y, static_cast<float>(i)},
                           i});
    }
  }

  AskElasticsearch ask() {
    return [this](http::Request request) { return answer(std::move(request)); };
  }

  std::size_t searches() {
    const std::lock_guard lock(mutex);
    return static_cast<std::size_t>(std::count_if(requests.begin(), requests.end(),
                                                  [](const http::Request& r) { return r.path.ends_with("/_search"); }));
  }

 private:
  http::Response answer(http::Request request) {
    const std::lock_guard lock(mutex);
    requests.push_back(request);
    http::Response response;
    if (const auto found = instead.find(request.path); found != instead.end()) return found->second;
    if (request.path == "/" + index) {
      response.body = "{" + json::json_string(index) + R"(:{"aliases":{},"mappings":)" + mappings +
                      R"(,"settings":{"index":{"uuid":"u1"}}}})";
    } else if (request.path.ends_with("/_pit")) {
      response.body = R"({"id":"point"})";
    } else if (request.path == "/_search") {
      response.body = scan(request.body);
    } else if (request.path == "/" + index + "/_search") {
      response.body = vectors(request.body);
    } else {
      response.status = 404;
      response.body = R"({"error":{"type":"index_not_found_exception","reason":"no such index"},"status":404})";
    }
    return response;
  }

  std::string scan(const std::string& body) const {
    rapidjson::Document asked;
    asked.Parse(body.c_str());
    std::size_t from = 0;
    if (asked.HasMember("search_after")) from = asked["search_after"][0].GetUint64() + 1;
    std::string hits;
    for (std::size_t i = from; i < std::min(documents.size(), from + asked["size"].GetUint64()); ++i)
      hits += (hits.empty() ? "" : ",") + std::string("{\"_id\":") + json::json_string(documents[i].id) +
              ",\"_seq_no\":" + std::to_string(documents[i].seq_no) + ",\"_primary_term\":1,\"sort\":[" +
              std::to_string(i) + "]}";
    return R"({"pit_id":"point","hits":{"total":{"value":)" + std::to_string(documents.size()) + R"(},"hits":[)" +
           hits + "]}}";
  }

  std::string vectors(const std::string& body) const {
    rapidjson::Document asked;
    asked.Parse(body.c_str());
    std::string hits;
    for (const auto& id : asked["query"]["ids"]["values"].GetArray()) {
      const auto found =
          std::find_if(documents.begin(), documents.end(), [&](const Document& d) { return d.id == id.GetString(); });
      if (found == documents.end()) continue;
      std::string numbers;
      for (const float x : found->vector) numbers += (numbers.empty() ? "" : ",") + std::to_string(x);
      hits.insert(0, "{\"_id\":" + json::json_string(found->id) + R"(,"fields":{"v":[)" + numbers +
                         R"(],"image_name.keyword":[)" + json::json_string(found->name) + "]}}" +
                         (hits.empty() ? "" : ","));
    }
    return R"({"hits":{"hits":[)" + hits + "]}}";
  }
};

}  // namespace sightline::web
