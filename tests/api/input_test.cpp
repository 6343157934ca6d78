#include "server/api/input.h"

#include <doctest/doctest.h>

#include "base/base64.h"
#include "base/json/writer.h"
#include "server/api/json.h"

namespace sightline::api {
namespace {

using namespace std::string_view_literals;
using serving::Modality;

serving::Input one(std::string_view text, ModalityRule rule = ModalityRule::automatic) {
  rapidjson::Value value(rapidjson::StringRef(text.data(), text.size()));
  auto contents = read_contents(value, rule, {});
  REQUIRE_MESSAGE(contents.ok(), contents.error().message);
  REQUIRE(contents->size() == 1);
  REQUIRE(contents->front().parts.size() == 1);
  return contents->front().parts.front();
}

/// The first bytes of a file, and zeros behind them, as base64.
std::string head(std::string_view bytes) {
  std::string padded(bytes);
  padded.resize(40, '\0');
  return base64_encode(padded);
}

TEST_CASE("bare base64 of a picture is a picture") {
  const std::string_view pictures[] = {
      "\xFF\xD8\xFF\xE0\x00\x10JFIF"sv,
      "\xFF\xD8\xFF\xDB"sv,
      "\x89PNG\r\n\x1A\n"sv,
      "GIF89a"sv,
      "GIF87a"sv,
      "RIFF\x10\x00\x00\x00WEBPVP8 "sv,
      "\x00\x00\x00\x18\x66typheic\x00\x00\x00\x00mif1heic"sv,
      "\x00\x00\x00\x20\x66typavif\x00\x00\x00\x00"sv,
      "BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00"sv,
  };
  for (const std::string_view bytes : pictures) {
    const serving::Input input = one(head(bytes));
    CHECK(input.modality == Modality::image);
    CHECK(input.bytes.substr(0, bytes.size()) == bytes);
  }
}

TEST_CASE("a text stays a text, however much it is like base64") {
  const std::string texts[] = {
      "",
      "a red house",
      "how big",
      "/9j/4AAQSkZJRg",
      "iVBORw0KGgo=",
      "Qk",
      "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft",
      std::string(4000, 'A'),
      head("RIFF\x10\x00\x00\x00WAVE"),
      head("BM and some more bytes that are no header"),
      "data:image/",
      "data:image/png is how such a URI begins, ;base64 or not",
      "data: the house has two rooms, a garden and a pool",
      head("%PDF-1.7"),
  };
  for (const std::string& text : texts) {
    CAPTURE(text);
    const serving::Input input = one(text);
    CHECK(input.modality == Modality::text);
    CHECK(input.bytes == text);
  }
}

TEST_CASE("a picture is one however its data URL is written, in every form of input") {
  const std::string picture = std::string("\x89PNG\r\n\x1A\n") + std::string(40, '\x7F');
  const std::string base64 = base64_encode(picture);
  for (const std::string& url :
       {"data:application/octet-stream;base64," + base64, "data:;base64," + base64,
        "\n\xEF\xBB\xBF DATA:image/png; charset=utf-8;base64," + base64,
        "data:image/png;name=\"a,b.png\";base64," + base64.substr(0, 9) + "\r\n " + base64.substr(9)}) {
    CAPTURE(url);
    CHECK(one(url).modality == Modality::image);
    CHECK(one(url).bytes == picture);
    CHECK(one(url, ModalityRule::image).bytes == picture);
    for (const char* form : {"{\"image\":@}", "{\"type\":\"image_url\",\"image_url\":{\"url\":@}}",
                             "{\"content\":[{\"type\":\"image\",\"format\":\"base64\",\"value\":@}]}", "[@]"}) {
      std::string json(form);
      json.replace(json.find('@'), 1, sightline::json::json_string(url));
      rapidjson::Document document;
      document.Parse((json + std::string(16, '\0')).c_str());
      REQUIRE_FALSE(document.HasParseError());
      const auto contents = read_contents(document, ModalityRule::automatic, {});
      REQUIRE_MESSAGE(contents.ok(), contents.error().message);
      CHECK(contents->front().parts.front().bytes == picture);
    }
  }
}

TEST_CASE("whether a text is a data URL takes time in proportion to its length") {
  const std::string text = "data:" + std::string(400'000, ' ') + std::string(400'000, ',');
  const rapidjson::Value value(rapidjson::StringRef(text.data(), text.size()));
  CHECK(read_content(value, ModalityRule::automatic, {}, "input 0").error().code == ErrorCode::too_large);
}

TEST_CASE("nothing of a content object is left out unnoticed") {
  const std::string picture = head("\x89PNG\r\n\x1A\n"sv);
  const auto error_of = [](const std::string& text) {
    const auto value = parse_json(text);
    REQUIRE(value.ok());
    const auto content = read_content(*value, ModalityRule::automatic, {}, "input 0");
    return content ? std::string("read") : content.error().message;
  };
  for (const auto& [object, message] : {
           std::pair(R"({"type":"text","text":"a","image":"PICTURE"})", "[image] in a content object of type text"),
           {R"({"type":"text","text":"a","image_url":{"url":"PICTURE"}})", "[image_url] in a content object of type"},
           {R"({"type":"image","image":"PICTURE","text":"a"})", "[text] in a content object of type image"},
           {R"({"type":"image_url","image_url":{"url":"PICTURE"},"image":"PICTURE"})",
            "[image_url] and [image] in one"},
           {R"({"type":"text","text":"a","value":"b"})", "[text] and [value] in one content object"},
           {R"({"text":"a","content":[{"text":"b"}]})", "[text] beside [content]"},
           {R"({"image":"PICTURE","content":{"type":"text","value":"b"}})", "[image] beside [content]"},
           {R"({"content":[{"text":"b"},{"type":"text","text":"a","image":"PICTURE"}]})",
            "[image] in a content object"},
           {R"({"type":"text","text":"a","text":"b"})", "[text] appears twice in one content object"},
           {R"({"type":"image_url","image_url":{"url":"a","url":"b"}})", "[url] appears twice in one object"},
           {R"({"content":[{"text":"a"}],"content":[{"text":"b"}]})", "[content] appears twice"},
       }) {
    std::string text = object;
    for (std::size_t at; (at = text.find("PICTURE")) != std::string::npos;) text.replace(at, 7, picture);
    CAPTURE(text);
    CHECK(error_of(text).find(message) != std::string::npos);
  }
  CHECK(error_of(R"({"content":[{"type":"text","text":"a"},{"type":"image","image":")" + picture + R"("}]})") ==
        "read");
  CHECK(error_of(R"({"type":"image_url","image_url":{"url":"data:image/png;base64,)" + picture +
                 R"(","detail":"high"}})") == "read");
}

TEST_CASE("what a header hides is named with the input when the bytes turn out to be no picture") {
  CHECK(one("data:application/pdf;base64,JVBERi0xLjc=").place == "input 0 [data:application/pdf;base64]");
  CHECK(one("data:image/png;base64,JVBERi0xLjc=").place == "input 0");
}

TEST_CASE("the address of a picture is a text with a mark, and refused where a picture belongs") {
  rapidjson::Document document;
  document.Parse(R"(["https://example.org/house.jpg","a house",{"content":["a house",{"text":"C:\\h.png"}]}])");
  const auto contents = read_contents(document, ModalityRule::automatic, {});
  REQUIRE(contents.ok());
  CHECK((*contents)[0].has_address);
  CHECK_FALSE((*contents)[1].has_address);
  CHECK((*contents)[2].has_address);
  CHECK_FALSE((*read_contents(document, ModalityRule::text, {}))[0].has_address);
  const auto refused = read_contents(document, ModalityRule::image, {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::unsupported);
}

TEST_CASE("a link to a picture is refused with the option that allows it, or kept to be fetched") {
  const char* const link = "https://example.org/house.jpg?token=secret";
  const auto read = [](const std::string& json, const InputLimits& limits) {
    rapidjson::Document document;
    document.Parse((json + std::string(16, '\0')).c_str());
    REQUIRE_FALSE(document.HasParseError());
    return read_contents(document, ModalityRule::automatic, limits);
  };
  InputLimits fetching;
  fetching.fetches_links = true;
  for (const char* form : {"{\"image\":@}", "{\"type\":\"image_url\",\"image_url\":{\"url\":@}}",
                           "{\"type\":\"input_image\",\"image_url\":@}", "{\"content\":[\"a\",{\"image\":@}]}"}) {
    CAPTURE(form);
    std::string json(form);
    json.replace(json.find('@'), 1, sightline::json::json_string(link));
    const auto refused = read(json, {});
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == ErrorCode::unsupported);
    CHECK(refused.error().message.find("--allow-picture-urls") != std::string::npos);
    CHECK(refused.error().message.find("secret") == std::string::npos);
    const auto kept = read(json, fetching);
    REQUIRE_MESSAGE(kept.ok(), kept.error().message);
    const Content& content = kept->front();
    REQUIRE(content.links.size() == 1);
    const serving::Input& part = content.parts[content.links.front()];
    CHECK(part.modality == Modality::image);
    CHECK(part.bytes == link);
  }
  // A text is a text, and only http and https are links that can be fetched.
  CHECK(read(sightline::json::json_string(link), fetching)->front().links.empty());
  CHECK_FALSE(read(R"({"image":"s3://example/house.jpg"})", fetching).ok());
  CHECK_FALSE(read(R"({"image":"file:///house.jpg"})", fetching).ok());
  CHECK_FALSE(read(R"({"image":"http://user:word@example.org/house.jpg"})", fetching).ok());
}

TEST_CASE("with modality text even a data URI is a text") {
  const std::string uri = "data:image/png;base64," + head("\x89PNG\r\n\x1A\n");
  CHECK(one(uri).modality == Modality::image);
  CHECK(one(uri, ModalityRule::text).modality == Modality::text);
  CHECK(one(uri, ModalityRule::text).bytes == uri);
}

TEST_CASE("an endpoint for pictures passes Elasticsearch's validation, and takes no other text") {
  CHECK(one("how big", ModalityRule::image).modality == Modality::text);
  for (const std::string_view text : {"how big?", "How big", "howbig!", " how big"}) {
    rapidjson::Value value(rapidjson::StringRef(text.data(), text.size()));
    CHECK_FALSE(read_contents(value, ModalityRule::image, {}).ok());
  }
}

TEST_CASE("a picture's base64 that breaks off is an error with its offset, never a text") {
  std::string base64 = head("\x89PNG\r\n\x1A\n") + std::string(400, 'A');
  base64 = base64.substr(0, 52) + "!" + base64.substr(53);
  rapidjson::Value value(rapidjson::StringRef(base64.data(), base64.size()));
  const auto inputs = read_contents(value, ModalityRule::automatic, {});
  REQUIRE_FALSE(inputs.ok());
  CHECK(inputs.error().code == ErrorCode::invalid_argument);
  CHECK(inputs.error().message == "input 0: the picture is not base64: '!' at offset 52");
}

}  // namespace
}  // namespace sightline::api
