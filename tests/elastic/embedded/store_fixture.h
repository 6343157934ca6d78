// An embedded store in a folder of its own, and requests to it.
#pragma once

#include <atomic>
#include <chrono>
#include <doctest/doctest.h>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <string>
#include <utility>
#include <vector>

#include "server/elastic/embedded/embedded_store.h"
#include "tests/base/temporary_folder.h"

namespace sightline::elastic {

/// An answer, with ways to look into it.
struct Reply {
  int status = 0;
  std::string body;

  /// The value at a JSON pointer ("/error/type") as text: strings bare, all else as JSON; "" if there is
  /// none.
  std::string at(const char* pointer) const {
    rapidjson::Document document;
    document.Parse(body.data(), body.size());
    if (document.HasParseError()) return {};
    const rapidjson::Value* value = rapidjson::Pointer(pointer).Get(document);
    if (value == nullptr) return {};
    if (value->IsString()) return {value->GetString(), value->GetStringLength()};
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    value->Accept(writer);
    return {buffer.GetString(), buffer.GetSize()};
  }
  std::string error_type() const { return at("/error/type"); }
  std::string reason() const { return at("/error/reason"); }
};

class StoreFixture {
 public:
  explicit StoreFixture(const Limits& limits = {}) : limits_(limits) { reopen(); }

  /// Closes the store and opens it from what is on disk.
  void reopen() {
    store_.reset();
    auto opened = open_embedded_store(
        folder_.path(),
        [this] {
          if (at_clock) at_clock();
          return std::chrono::steady_clock::time_point(std::chrono::seconds(seconds_ += time_step));
        },
        limits_, [this](const std::string& text) { warnings.push_back(text); });
    REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.error().message));
    store_ = *std::move(opened);
  }
  void close() { store_.reset(); }

  Reply call(http::Method method, const std::string& target, std::string body = {}) const {
    return call_with({}, method, target, std::move(body));
  }
  /// The same with header fields.
  Reply call_with(std::initializer_list<std::pair<const char*, std::string>> headers, http::Method method,
                  const std::string& target, std::string body = {}) const {
    http::Request request;
    for (const auto& [name, value] : headers) request.headers.add(name, value);
    request.method = method;
    const std::size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) request.query = target.substr(mark + 1);
    request.body = std::move(body);
    http::Response response = store_->handle(request);
    return {response.status, std::move(response.body)};
  }
  Reply get(const std::string& target) const { return call(http::Method::get, target); }
  Reply put(const std::string& target, std::string body = {}) const {
    return call(http::Method::put, target, std::move(body));
  }
  Reply post(const std::string& target, std::string body = {}) const {
    return call(http::Method::post, target, std::move(body));
  }
  Reply remove(const std::string& target) const { return call(http::Method::delete_, target); }

  /// Hits of a search for all documents.
  std::string count(const std::string& index) const { return get("/" + index + "/_count").at("/count"); }

  const std::filesystem::path& folder() const { return folder_.path(); }
  std::string problem() const { return store_->problem(); }

  std::function<void()> at_clock;     ///< called when the store reads its clock, as it does at a commit
  std::vector<std::string> warnings;  ///< what the store has logged

  /// How far the store's clock goes each time it is read. A refresh interval by default: every search finds a
  /// refresh due, and tests of other things need ask for none.
  std::atomic<int> time_step{1};  // seconds

 private:
  const Limits limits_;
  std::atomic<int> seconds_{0};
  TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

}  // namespace sightline::elastic
