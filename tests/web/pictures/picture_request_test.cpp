#include "server/web/pictures/picture_request.h"

#include <doctest/doctest.h>

namespace sightline::pictures {
namespace {

Result<PictureRequest, Refusal> read(const std::string& query, const std::string& index = "houses",
                                     const std::string& id = "1") {
  http::Request request;
  request.query = query;
  return read_picture_request(index, id, request);
}

TEST_CASE("without parameters a request is for the picture itself, in image_data") {
  const auto request = read("");
  REQUIRE(request);
  CHECK(request->field == "image_data");
  CHECK(request->edge == 0);
  CHECK(request->position == 0);
  CHECK_FALSE(request->versioned);
}

TEST_CASE("sizes are rounded up to a few steps, and others are refused") {
  for (const auto& [asked, edge] :
       {std::pair("64", 160u), {"160", 160u}, {"161", 320u}, {"640", 640u}, {"1024", 1024u}}) {
    const auto request = read(std::string("size=") + asked);
    REQUIRE(request);
    CHECK(request->edge == edge);
  }
  for (const char* bad : {"", "0", "63", "1025", "-160", "160px", "1e2", "99999999999999999999"}) {
    const auto request = read(std::string("size=") + bad);
    REQUIRE_FALSE(request);
    CHECK(request.error().status == 400);
    CHECK(request.error().message.find("[size] must be a number of pixels from 64 to 1024") == 0);
  }
}

TEST_CASE("a parameter that is unknown, given twice or no field's name is refused by its name") {
  for (const auto& [query, message] : {std::pair("sise=64", "unknown parameter [sise]"),
                                       {"size=64&size=64", "parameter [size] appears twice"},
                                       {"field=", "[field] must be the name of one field"},
                                       {"field=a*", "[field] must be the name of one field"},
                                       {"field=a,b", "[field] must be the name of one field"},
                                       {"position=-1", "[position] must be a number"},
                                       {"position=10000", "[position] must be a number"}}) {
    const auto request = read(query);
    REQUIRE_FALSE(request);
    CHECK(request.error().status == 400);
    CHECK(request.error().message.find(message) == 0);
  }
}

TEST_CASE("what can be no index is not asked for: it would be another route, or several indices") {
  for (const char* index : {"", ".", "..", "_all", "_security", "-x", "+x", "a,b", "a*", "a/b", "a b", "a?b"}) {
    const auto request = read("", index);
    REQUIRE_FALSE(request);
    CHECK(request.error().status == 404);
  }
  CHECK(read("", ".ds-pictures"));
  CHECK(read("", "häuser"));
  CHECK_FALSE(read("", "houses", ""));
  CHECK(read("", "houses", "a/b ü..%"));
}

TEST_CASE("the caller's credentials and the tags that the client has go along") {
  http::Request incoming;
  incoming.headers.add("Authorization", "ApiKey x");
  incoming.headers.add("Cookie", "c");
  incoming.headers.add("If-None-Match", "\"a\"");
  incoming.headers.add("If-None-Match", "\"b\"");
  incoming.query = "v=1-2";
  const auto request = read_picture_request("houses", "1", incoming);
  REQUIRE(request);
  CHECK(request->caller.headers.get("Authorization") == "ApiKey x");
  CHECK_FALSE(request->caller.headers.get("Cookie"));
  CHECK(request->if_none_match == "\"a\",\"b\"");
  CHECK(request->versioned);
}

}  // namespace
}  // namespace sightline::pictures
