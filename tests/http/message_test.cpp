#include "server/http/message.h"

#include <doctest/doctest.h>

using namespace sightline::http;
using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST_CASE("header names compare without case, and set replaces all of a name") {
  Headers headers;
  headers.add("Accept", "a");
  headers.add("accept", "b");
  CHECK(headers.get("ACCEPT") == "a");
  headers.set("aCCept", "c");
  CHECK(headers.all().size() == 1);
  CHECK(headers.get("Accept") == "c");
  headers.remove("accept");
  CHECK_FALSE(headers.get("Accept"));
}

TEST_CASE("a path is split before its parts are decoded") {
  Request request;
  request.path = "/clip-images/_doc/a%20b%2Fc%zz";
  CHECK(request.path_parts() == std::vector<std::string>{"clip-images", "_doc", "a b/c%zz"});
  request.path = "/";
  CHECK(request.path_parts().empty());
  request.path = "/a/";
  CHECK(request.path_parts() == std::vector<std::string>{"a"});
  request.path = "//a";
  CHECK(request.path_parts() == std::vector<std::string>{"", "a"});
  request.path = "/a//";
  CHECK(request.path_parts() == std::vector<std::string>{"a"});
  request.path = "//";
  CHECK(request.path_parts().empty());
}

TEST_CASE("query parameters keep their order and may lack a value") {
  Request request;
  request.query = "refresh=true&pretty&q=a+b%2B%26&&x=";
  CHECK(request.query_parameters() == Pairs{{"refresh", "true"}, {"pretty", ""}, {"q", "a b+&"}, {"x", ""}});
}

TEST_CASE("what percent_encode writes, percent_decode reads") {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  CHECK(percent_decode(percent_encode(all)) == all);
  CHECK(percent_encode("a b/~") == "a%20b%2F~");
  CHECK(percent_decode("100%") == "100%");
  CHECK(percent_decode("%4") == "%4");
  CHECK(percent_decode("%2541") == "%41");
}

TEST_CASE("lists have members without regard to case and blanks") {
  CHECK(list_has("Keep-Alive , Close", "close"));
  CHECK_FALSE(list_has("closed", "close"));
}

TEST_CASE("a query is read as Elasticsearch reads it") {
  const auto read = [](const char* query) {
    Request request;
    request.query = query;
    return request.query_parameters();
  };
  CHECK(read("a=1;b;c=2&;&d=") == Pairs{{"a", "1"}, {"b", ""}, {"c", "2"}, {"d", ""}});
  CHECK(read("=x&==y=z&=") == Pairs{{"x", ""}, {"y", "z"}});
  CHECK(read("a=1=2#b=3") == Pairs{{"a", "1=2"}});
  CHECK(read("a=%3B%26%23") == Pairs{{"a", ";&#"}});
  CHECK(read("").empty());
  CHECK(read("#").empty());
}
