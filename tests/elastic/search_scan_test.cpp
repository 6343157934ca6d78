#include "server/elastic/query_vectors/search_scan.h"

#include <doctest/doctest.h>
#include <random>
#include <string>

#include "server/elastic/query_vectors/json_splice.h"

using namespace sightline::elastic;

namespace {

constexpr const char* k_builder = R"("query_vector_builder":{"text_embedding":{"model_id":"m","model_text":"t"}})";

/// `body` with every builder that is found replaced; "not JSON" if it is none.
std::string replaced(const std::string& body) {
  const auto scan = scan_search(body);
  if (!scan) return "not JSON";
  std::vector<Splice> splices;
  for (const auto& place : scan->builders) splices.push_back({place.begin, place.end, R"("query_vector":[])"});
  return spliced(body, splices);
}

/// What `text` becomes where it has B for a builder, if all of them are found.
void check_all_found(std::string text) {
  std::string given, wanted;
  for (const char c : text) {
    given += c == 'B' ? std::string(k_builder) : std::string(1, c);
    wanted += c == 'B' ? std::string(R"("query_vector":[])") : std::string(1, c);
  }
  CHECK(replaced(given) == wanted);
}

void check_none_found(std::string text) {
  const auto at = text.find('B');
  REQUIRE(at != std::string::npos);
  text.replace(at, 1, k_builder);
  CHECK(replaced(text) == text);
}

std::string_view inference_query(std::string_view body) {
  const auto scan = scan_search(body);
  return scan ? scan->inference_query : "not JSON";
}

/// Writes a random search twice: with builders, and as it should become.
class RandomSearch {
 public:
  explicit RandomSearch(unsigned seed) : random_(seed) {}

  void write() {
    object([&] {
      for (int i = below(4); i >= 0; --i) {
        switch (below(7)) {
          case 0:
            member("query", [&] { query(0); });
            break;
          case 1:
            member("knn", [&] { knn(0); });
            break;
          case 2:
            member("knn", [&] { list([&] { knn(0); }); });
            break;
          case 3:
            member("aggs", [&] {
              object([&] {
                member("knn", [&] { object([&] { member("filter", [&] { query(1); }); }); });
                member("semantic", [&] {
                  object([&] {
                    member("filters", [&] {
                      object([&] { member("filters", [&] { object([&] { member("terms", [&] { query(1); }); }); }); });
                    });
                  });
                });
              });
            });
            break;
          case 4:
            member("rescore", [&] {
              object([&] { member("query", [&] { object([&] { member("rescore_query", [&] { query(1); }); }); }); });
            });
            break;
          case 5:
            member("retriever", [&] { retriever(0); });
            break;
          default:
            member("size", [&] { scalar(); });
        }
      }
    });
  }

  std::string given, wanted;
  int builders = 0;

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
  void both(std::string_view text) {
    given += text;
    wanted += text;
  }
  void blank() {
    static constexpr const char* k_blanks[] = {"", "", " ", "\n\t", "\r\n"};
    both(k_blanks[below(5)]);
  }
  template <class Body>
  void object(Body body) {
    blank();
    both("{");
    first_ = true;
    body();
    first_ = false;
    blank();
    both("}");
    blank();
  }
  template <class Item>
  void list(Item item) {
    blank();
    both("[");
    for (int i = 0, count = below(3); i <= count; ++i) {
      if (i > 0) both(",");
      item();
    }
    both("]");
    blank();
  }
  void comma() {
    if (!first_) both(",");
    first_ = false;
    blank();
  }
  template <class Value>
  void member(std::string_view name, Value value) {
    comma();
    const bool escaped = below(5) == 0;
    both("\"");
    both(escaped ? "\\u00" + hex(name.front()) + std::string(name.substr(1)) : std::string(name));
    both("\"");
    blank();
    both(":");
    value();
  }
  static std::string hex(char c) {
    static constexpr char k_digits[] = "0123456789aBcDeF";
    return {k_digits[c >> 4], k_digits[c & 15]};
  }
  void scalar() {
    static constexpr const char* k_scalars[] = {"1e400",
                                                "-0.10000000000000000001",
                                                "0",
                                                "true",
                                                "null",
                                                R"("knn")",
                                                R"("\"query_vector_builder\":{}")",
                                                R"("\ud83d\ude00\\\/")",
                                                "\"\xc3\xa9\"",
                                                "123456789012345678901234567890"};
    blank();
    both(k_scalars[below(10)]);
    blank();
  }
  void query(int depth) {
    object([&] {
      switch (depth > 4 ? 0 : below(6)) {
        case 0:
          member("term", [&] {
            object([&] {
              member("knn", [&] { scalar(); });
              member("knn", [&] { scalar(); });
            });
          });
          break;
        case 1:
          member("bool", [&] {
            object([&] {
              member("must", [&] { list([&] { query(depth + 1); }); });
              member("filter", [&] { query(depth + 1); });
            });
          });
          break;
        case 2:
          member("function_score", [&] {
            object([&] {
              member("query", [&] { query(depth + 1); });
              member("script_score", [&] {
                object([&] { member("script", [&] { object([&] { member("params", [&] { data(); }); }); }); });
              });
            });
          });
          break;
        case 3:
          member("nested", [&] { object([&] { member("query", [&] { query(depth + 1); }); }); });
          break;
        default:
          member("knn", [&] { knn(depth + 1); });
      }
    });
  }
  /// Free data that looks like a knn.
  void data() {
    object([&] { member("knn", [&] { object([&] { member("query_vector_builder", [&] { object([] {}); }); }); }); });
  }
  void knn(int depth) {
    object([&] {
      member("field", [&] { scalar(); });
      const int kind = below(4);
      if (kind < 3) {
        comma();
        ++builders;
        static constexpr const char* k_spellings[] = {
            R"("query_vector_builder" : {"text_embedding":{"model_id":"m","model_text":"}\"{"}})",
            "\"query\\u005Fvector_builder\"\n:\n{ \"lookup\" :{ } }", R"("query_vector_builder":"x")"};
        given += k_spellings[kind];
        wanted += R"("query_vector":[])";
      } else {
        member("query_vector_builder", [&] { both("null"); });
      }
      if (depth < 4 && below(2) == 0) member("filter", [&] { list([&] { query(depth + 2); }); });
      member("k", [&] { scalar(); });
    });
  }
  void retriever(int depth) {
    object([&] {
      switch (depth > 3 ? 0 : below(4)) {
        case 0:
          member("knn", [&] { knn(depth); });
          break;
        case 1:
          member("standard", [&] { object([&] { member("query", [&] { query(depth); }); }); });
          break;
        case 2:
          member("rrf", [&] { object([&] { member("retrievers", [&] { list([&] { retriever(depth + 1); }); }); }); });
          break;
        default:
          member("text_similarity_reranker", [&] {
            object([&] {
              member("retriever", [&] { retriever(depth + 1); });
              member("field", [&] { scalar(); });
            });
          });
      }
    });
  }

  std::mt19937 random_;
  bool first_ = true;
};

}  // namespace

TEST_CASE("a builder is found wherever a search may hold one") {
  check_all_found(R"({"knn":{"field":"v",B,"k":3}})");
  check_all_found(R"({"knn":[{B},{"field":"w",B}]})");
  check_all_found(R"({"query":{"knn":{B}}})");
  check_all_found(R"({"query":{"bool":{"must":[{"knn":{B}}],"should":{"knn":{B}},"filter":[{"match_all":{}}]}}})");
  check_all_found(R"({"query":{"function_score":{"query":{"knn":{B}},"functions":[{"filter":{"knn":{B}}}]}}})");
  check_all_found(R"({"query":{"constant_score":{"filter":{"knn":{B}}}}})");
  check_all_found(R"({"query":{"dis_max":{"queries":[{"knn":{B}},{"knn":{B}}]}}})");
  check_all_found(
      R"({"query":{"nested":{"path":"p","query":{"knn":{B}},"inner_hits":{"sort":[{"f":{"nested":{"filter":{"knn":{B}}}}}]}}}})");
  check_all_found(R"({"query":{"knn":{"filter":{"knn":{B}},B}}})");
  check_all_found(R"({"aggs":{"a":{"filter":{"knn":{B}},"aggs":{"b":{"filters":{"filters":[{"knn":{B}}]}}}}}})");
  check_all_found(
      R"({"aggs":{"a":{"filters":{"filters":{"x":{"knn":{B}}}}},"c":{"adjacency_matrix":{"filters":{"params":{"knn":{B}}}}}}})");
  check_all_found(R"({"aggs":{"params":{"filter":{"knn":{B}}},"knn":{"filter":{"knn":{B}}}}})");
  check_all_found(R"({"rescore":[{"query":{"rescore_query":{"knn":{B}}}}],"post_filter":{"knn":{B}}})");
  check_all_found(R"({"retriever":{"knn":{B}}})");
  check_all_found(R"({"retriever":{"rrf":{"retrievers":[{"standard":{"query":{"knn":{B}}}},{"knn":{B}}]}}})");
  check_all_found(R"({"retriever":{"linear":{"retrievers":[{"retriever":{"knn":{B}},"weight":2}]}}})");
  check_all_found(
      R"({"retriever":{"text_similarity_reranker":{"retriever":{"rescorer":{"retriever":{"knn":{B}},"rescore":{"query":{"rescore_query":{"knn":{B}}}}}}}}})");
  check_all_found(R"({"retriever":{"diversify":{"type":"mmr",B,"retriever":{"knn":{B}}}}})");
  check_all_found(R"({"sub_searches":[{"query":{"knn":{B}}},{"query":{"knn":{B}}}]})");
  check_all_found(
      R"({"collapse":{"field":"f","inner_hits":{"name":"n"}},"highlight":{"fields":{"f":{"highlight_query":{"knn":{B}}}}}})");
}

TEST_CASE("what is only named like a builder's place is left alone") {
  check_none_found(R"({"query":{"term":{"knn":{B}}}})");
  check_none_found(R"({"query":{"match":{"x":1}},"ext":{"knn":{B}}})");
  check_none_found(R"({"query":{"script_score":{"script":{"params":{"knn":{B}}}}}})");
  check_none_found(R"({"query":{"percolate":{"document":{"knn":{B}}}}})");
  check_none_found(R"({"aggs":{"knn":{B}}})");
  check_none_found(R"({"aggs":{"a":{"filters":{"filters":{"knn":{B}}}}}})");
  check_none_found(R"({"query":{"bool":{B}}})");
  check_none_found(R"({B})");
  check_none_found(R"({"knn":[[1],{"x":{B}}]})");
  CHECK(replaced(R"({"knn":{"query_vector_builder":null}})") == R"({"knn":{"query_vector_builder":null}})");
}

TEST_CASE("a builder says whether a vector stands beside it, and how much it holds") {
  const auto before = scan_search(R"({"knn":{"query_vector":[1],"query_vector_builder":{"a":[1,{"b":2}]}}})");
  REQUIRE(before->builders.size() == 1);
  CHECK(before->builders[0].beside_vector);
  CHECK(before->builders[0].values == 5);
  const auto after =
      scan_search(R"({"knn":{"query_vector_builder":{},"filter":{"knn":{"query_vector":[]}},"query_vector":[1]}})");
  CHECK(after->builders[0].beside_vector);
  const auto apart = scan_search(R"({"knn":{"query_vector_builder":{},"filter":{"knn":{"query_vector":[]}}}})");
  CHECK(!apart->builders[0].beside_vector);
}

TEST_CASE("queries that need the store's own inference are told from fields of their names") {
  CHECK(inference_query(R"({"query":{"semantic":{"field":"s","query":"q"}}})") == "semantic");
  CHECK(inference_query(
            R"({"query":{"bool":{"should":[{"sparse_vector":{"field":"s","inference_id":"e","query":"q"}}]}}})") ==
        "sparse_vector");
  CHECK(inference_query(R"({"query":{"text_expansion":{"s":{"model_id":"m","model_text":"q"}}}})") == "text_expansion");
  CHECK(inference_query(R"({"query":{"sparse_vector":{"field":"s","query_vector":{"a":1}}}})").empty());
  CHECK(inference_query(R"({"query":{"match":{"semantic":{"field":"s","query":"q"}}}})").empty());
  CHECK(inference_query(R"({"query":{"term":{"semantic":"x"}},"sort":[{"semantic":{"order":"asc"}}]})").empty());
  CHECK(inference_query(
            R"({"highlight":{"fields":{"semantic":{"type":"semantic"}}},"aggs":{"semantic":{"terms":{"field":"x"}}}})")
            .empty());
}

TEST_CASE("a text that is not one JSON value is none") {
  for (const std::string body :
       {"", "{", "{\"knn\":{\"query_vector_builder\" {}}}", "{} {}", "{'a':1}", "knn: {}", "{\"a\":01}", "{\"a\":1.}",
        "[1,]", "{\"a\":1,}", "[1}", "-", "{\"\\x\":1}", "\"\\\"", "{\"a\"}", "nul", "]", ","}) {
    CHECK_FALSE(scan_search(body).has_value());
  }
  CHECK_FALSE(scan_search(std::string("{}\0x", 4)).has_value());
  CHECK_FALSE(scan_search(std::string(1'000'000, '[')).has_value());
  CHECK(may_need_inference(R"({"knn":{"query\u005fvector_builder":{}}})"));
  CHECK_FALSE(may_need_inference(R"({"knn":{"query_vector":[1]}})"));
}

TEST_CASE("all bytes but those of builders survive, whatever the search") {
  int builders = 0;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    RandomSearch search(seed);
    search.write();
    builders += search.builders > 0;
    INFO("seed " << seed);
    REQUIRE(replaced(search.given) == search.wanted);
    if (search.given.find("query_vector_builder") == std::string::npos && search.given != search.wanted)
      REQUIRE(may_need_inference(search.given));
  }
  CHECK(builders > 1000);
}

TEST_CASE("damaged searches are read without harm") {
  std::mt19937 random(7);
  int readable = 0;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    RandomSearch search(seed);
    search.write();
    std::string body = search.given;
    for (int changes = 0; changes < 1; ++changes) {
      body[random() % body.size()] = "{}[]\",:\\u0\n\xff 1"[random() % 15];
      if (random() % 8 == 0) body.resize(1 + random() % body.size());
    }
    const auto scan = scan_search(body);
    if (!scan) continue;
    ++readable;
    std::size_t last = 0;
    for (const auto& place : scan->builders) {
      REQUIRE(last <= place.begin);
      REQUIRE(place.begin < place.value_begin);
      REQUIRE(place.value_begin < place.end);
      REQUIRE(place.end <= body.size());
      REQUIRE(body[place.begin] == '"');
      last = place.end;
    }
  }
  CHECK(readable > 50);
}
