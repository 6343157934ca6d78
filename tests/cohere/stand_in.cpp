#include "tests/cohere/stand_in.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/base64.h"
#include "base/float_text.h"

namespace sightline::cohere {
namespace {

using rapidjson::Value;

constexpr std::size_t k_texts_a_call = 96, k_picture_bytes = 5'000'000, k_pictures_bytes = 20'000'000;

http::Response error(int status, const std::string& message) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  writer.Key("id");
  writer.String("00000000-0000-0000-0000-000000000000");
  writer.Key("message");
  writer.String(message);
  writer.EndObject();
  http::Response response;
  response.status = status;
  response.body = buffer.GetString();
  return response;
}

/// What a request asks for, or the answer that refuses it.
struct Asked {
  std::string model;
  std::vector<StandIn::Input> inputs;
  std::vector<std::size_t> parts;  // inputs of each vector; empty: one each
  std::vector<std::string> types;
  std::size_t dims = 0;
};
using Refused = std::optional<http::Response>;

std::string string_of(const Value& body, const char* name) {
  const auto found = body.FindMember(name);
  return found != body.MemberEnd() && found->value.IsString()
             ? std::string(found->value.GetString(), found->value.GetStringLength())
             : std::string();
}

bool one_of(const std::string& word, std::initializer_list<const char*> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_picture(std::string_view type, std::string_view bytes) {
  if (type == "image/jpeg" || type == "image/jpg") return bytes.starts_with("\xFF\xD8\xFF");
  if (type == "image/png") return bytes.starts_with("\x89PNG\r\n\x1A\n");
  if (type == "image/gif") return bytes.starts_with("GIF8");
  return type == "image/webp" && bytes.size() > 12 && bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WEBP";
}

Refused read_picture(const Value& value, Asked& asked) {
  if (!value.IsString()) return error(400, "invalid request: images must be an array of strings");
  const std::string_view uri(value.GetString(), value.GetStringLength());
  const std::size_t comma = uri.substr(0, 64).find(";base64,");
  if (!uri.starts_with("data:") || comma == std::string_view::npos)
    return error(400, "invalid request: image must be a data URI: data:image/...;base64,...");
  const auto bytes = base64_decode(uri.substr(comma + 8));
  if (!bytes) return error(400, "invalid request: image is not valid base64");
  if (bytes->size() > k_picture_bytes) return error(400, "invalid request: image size must be at most 5MB");
  if (!is_picture(uri.substr(5, comma - 5), *bytes))
    return error(400,
                 "invalid request: image must be image/jpeg, image/png, "
                 "image/webp or image/gif");
  asked.inputs.push_back({true, *bytes});
  return std::nullopt;
}

Refused read_pictures(const Value& body, Asked& asked) {
  const auto& images = body["images"];
  if (!images.IsArray() || images.Empty()) return error(400, "invalid request: images must be a non-empty array");
  const std::size_t most = asked.model == "embed-v4.0" ? 96 : 1;
  if (images.Size() > most) {
    return error(400, "invalid request: total number of images must be at most " + std::to_string(most) +
                          " - received " + std::to_string(images.Size()));
  }
  std::size_t bytes = 0;
  for (const auto& image : images.GetArray()) {
    if (auto refused = read_picture(image, asked)) return refused;
    bytes += image.GetStringLength();
  }
  if (bytes > k_pictures_bytes) return error(400, "invalid request: total size of images must be at most 20MB");
  return std::nullopt;
}

Refused read_part(const Value& part, Asked& asked) {
  const std::string type = part.IsObject() ? string_of(part, "type") : "";
  if (type == "text" && part.HasMember("text") && part["text"].IsString()) {
    asked.inputs.push_back({false, string_of(part, "text")});
    return std::nullopt;
  }
  if (type == "image_url" && part.HasMember("image_url") && part["image_url"].IsObject() &&
      part["image_url"].HasMember("url"))
    return read_picture(part["image_url"]["url"], asked);
  return error(400, "invalid request: content must hold objects of type text or image_url");
}

Refused read_contents(const Value& body, Asked& asked) {
  const auto& inputs = body["inputs"];
  if (asked.model != "embed-v4.0") return error(400, "invalid request: inputs are not supported by this model");
  if (!inputs.IsArray() || inputs.Empty() || inputs.Size() > k_texts_a_call)
    return error(400, "invalid request: inputs must be an array of 1 to 96 objects");
  for (const auto& input : inputs.GetArray()) {
    if (!input.IsObject() || !input.HasMember("content") || !input["content"].IsArray() || input["content"].Empty())
      return error(400, "invalid request: inputs must have content");
    for (const auto& part : input["content"].GetArray()) {
      if (auto refused = read_part(part, asked)) return refused;
    }
    asked.parts.push_back(input["content"].Size());
  }
  return std::nullopt;
}

Refused read_texts(const Value& body, Asked& asked) {
  const auto& texts = body["texts"];
  if (!texts.IsArray() || texts.Empty()) return error(400, "invalid request: texts must be a non-empty array");
  if (texts.Size() > k_texts_a_call) {
    return error(400,
                 "invalid request: total number of texts must be at most "
                 "96 - received " +
                     std::to_string(texts.Size()));
  }
  for (const auto& text : texts.GetArray()) {
    if (!text.IsString()) return error(400, "invalid request: texts must be an array of strings");
    asked.inputs.push_back({false, {text.GetString(), text.GetStringLength()}});
  }
  return std::nullopt;
}

Refused read_inputs(const Value& body, Asked& asked) {
  const std::string type = string_of(body, "input_type");
  if (!one_of(type, {"search_document", "search_query", "classification", "clustering", "image"}))
    return error(400,
                 "invalid request: valid input_type must be provided with "
                 "the provided model");
  if (body.HasMember("texts") + body.HasMember("images") + body.HasMember("inputs") != 1)
    return error(400, "invalid request: exactly one of texts, images and inputs must be provided");
  if (body.HasMember("images") != (type == "image"))
    return error(400,
                 "invalid request: input_type image goes with images, and "
                 "with nothing else");
  // Elasticsearch's own service sends them in small letters.
  const std::string truncate = string_of(body, "truncate");
  if (body.HasMember("truncate") && !one_of(truncate, {"NONE", "START", "END", "none", "start", "end"}))
    return error(400, "invalid request: truncate must be NONE, START or END");
  if (body.HasMember("inputs")) return read_contents(body, asked);
  return body.HasMember("images") ? read_pictures(body, asked) : read_texts(body, asked);
}

Refused read_outputs(const Value& body, Asked& asked) {
  asked.dims = dims_of(asked.model);
  if (body.HasMember("output_dimension")) {
    const auto& wanted = body["output_dimension"];
    if (asked.model != "embed-v4.0" || !wanted.IsUint() ||
        !(wanted.GetUint() == 256 || wanted.GetUint() == 512 || wanted.GetUint() == 1024 || wanted.GetUint() == 1536))
      return error(400,
                   "invalid request: output_dimension is not supported "
                   "with this value and model");
    asked.dims = wanted.GetUint();
  }
  if (!body.HasMember("embedding_types")) {
    asked.types = {"float"};
    return std::nullopt;
  }
  const auto& types = body["embedding_types"];
  if (!types.IsArray()) return error(400, "invalid request: embedding_types must be an array");
  for (const auto& type : types.GetArray()) {
    const std::string word = type.IsString() ? type.GetString() : "";
    if (!one_of(word, {"float", "int8", "binary"}))
      return error(400,
                   "invalid request: this stand-in gives the "
                   "embedding_types float, int8 and binary");
    asked.types.push_back(word);
  }
  return std::nullopt;
}

Refused read_body(const std::string& text, Asked& asked) {
  rapidjson::Document body;
  body.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(text.data(), text.size());
  if (body.HasParseError() || !body.IsObject()) return error(400, "invalid request: the body is not a JSON object");
  asked.model = string_of(body, "model");
  if (asked.model.empty()) return error(400, "invalid request: model is required");
  if (dims_of(asked.model) == 0) {
    return error(404, "model '" + asked.model +
                          "' not found, make sure the correct model ID was "
                          "used and that you have access to the "
                          "model.");
  }
  if (auto refused = read_inputs(body, asked)) return refused;
  return read_outputs(body, asked);
}

/// One vector for each input of the request: the mean of those of its parts, of unit length.
std::vector<StandIn::Embedded> fused(std::vector<StandIn::Embedded> all, const std::vector<std::size_t>& parts) {
  std::vector<StandIn::Embedded> inputs;
  auto next = all.begin();
  for (const std::size_t count : parts) {
    StandIn::Embedded& whole = inputs.emplace_back();
    whole.values.resize(next->values.size());
    double square = 0;
    for (std::size_t i = 0; i < whole.values.size(); ++i) {
      for (std::size_t part = 0; part < count; ++part)
        whole.values[i] += next[static_cast<std::ptrdiff_t>(part)].values[i];
      square += static_cast<double>(whole.values[i]) * whole.values[i];
    }
    for (float& value : whole.values) value = static_cast<float>(value / std::sqrt(square));
    next += static_cast<std::ptrdiff_t>(count);
  }
  return inputs;
}

void append_vector(std::string& out, const std::vector<float>& values, const std::string& type) {
  if (type == "float") return append_float_array(out, values);
  out += "[";
  if (type == "int8") {
    for (std::size_t i = 0; i < values.size(); ++i)
      out += (i == 0 ? "" : ",") + std::to_string(std::clamp(std::lround(values[i] * 127 * 8), -128L, 127L));
  } else {
    for (std::size_t i = 0; i < values.size(); i += 8) {
      int bits = 0;
      for (std::size_t bit = 0; bit < 8; ++bit) bits = bits << 1 | (values[i + bit] > 0 ? 1 : 0);
      out += (i == 0 ? "" : ",") + std::to_string(bits - 128);
    }
  }
  out += "]";
}

}  // namespace

std::size_t dims_of(std::string_view model) {
  if (model == "embed-v4.0") return 1536;
  if (model == "embed-english-v3.0" || model == "embed-multilingual-v3.0") return 1024;
  return model == "embed-english-light-v3.0" || model == "embed-multilingual-light-v3.0" ? 384 : 0;
}

std::vector<float> spread(const std::vector<float>& values, std::size_t dims) {
  // Number i goes to the places i, i + n, i + 2n ..., with signs that look
  // random. The map's columns share no place and have length 1, so they are
  // orthonormal.
  const std::size_t n = values.size();
  std::vector<float> out(dims);
  for (std::size_t j = 0; j < dims; ++j) {
    const std::size_t copies = dims / n + (j % n < dims % n ? 1 : 0);
    const bool negative = (j * 0x9E3779B97F4A7C15ull >> 62 & 1) != 0;
    const double scale = (negative ? -1 : 1) / std::sqrt(static_cast<double>(copies));
    out[j] = static_cast<float>(values[j % n] * scale);
  }
  return out;
}

StandIn::StandIn(Options options, Embed embed)
    : options_(std::move(options)), embed_(std::move(embed)), random_(options_.seed) {}

StandIn::Fate StandIn::draw() {
  const std::lock_guard lock(mutex_);
  double at = static_cast<double>(random_() >> 11) / static_cast<double>(1ull << 53);
  const std::array<std::pair<double, Fate>, 5> fates{{{options_.rate_limited, Fate::rate_limited},
                                                      {options_.unavailable, Fate::unavailable},
                                                      {options_.silent, Fate::silent},
                                                      {options_.garbage, Fate::garbage},
                                                      {options_.fewer_vectors, Fate::fewer_vectors}}};
  for (const auto& [rate, fate] : fates) {
    if (at < rate) return fate;
    at -= rate;
  }
  return Fate::answered;
}

std::optional<http::Response> StandIn::answer(const http::Request& request) {
  if (request.path != "/v2/embed") return error(404, "this stand-in has POST /v2/embed and nothing else");
  if (request.method != http::Method::post) return error(405, "method not allowed");
  const std::string authorization(request.headers.get("Authorization").value_or(""));
  if (!authorization.starts_with("Bearer ")) return error(401, "no api key supplied");
  if (!options_.key.empty() && authorization != "Bearer " + options_.key) return error(401, "invalid api token");
  const Fate fate = draw();
  if (fate == Fate::silent) return std::nullopt;
  if (fate == Fate::unavailable) return error(503, "the service is currently unavailable");
  if (fate == Fate::rate_limited) {
    auto response = error(429,
                          "you are past the per minute request limit, "
                          "please wait and try again later");
    if (options_.retry_after) response.headers.set("Retry-After", std::to_string(*options_.retry_after));
    return response;
  }
  return embed(request, fate);
}

http::Response StandIn::embed(const http::Request& request, Fate fate) const {
  Asked asked;
  if (auto refused = read_body(request.body, asked)) return *std::move(refused);
  auto embedded = embed_(asked.inputs);
  if (!embedded) return error(400, "invalid request: " + embedded.error().message);
  if (!asked.parts.empty()) embedded = fused(*std::move(embedded), asked.parts);
  const bool pictures = asked.parts.empty() && asked.inputs.front().picture;
  const std::size_t count = embedded->size() - (fate == Fate::fewer_vectors ? 1 : 0);
  std::string body = R"({"id":"00000000-0000-0000-0000-000000000000","embeddings":{)";
  for (std::size_t t = 0; t < asked.types.size(); ++t) {
    body += (t == 0 ? "\"" : ",\"") + asked.types[t] + "\":[";
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) body += ",";
      append_vector(body, spread((*embedded)[i].values, asked.dims), asked.types[t]);
    }
    body += "]";
  }
  body += "},";
  const std::string unit = pictures ? "images" : "input_tokens";
  if (pictures) {
    body += "\"images\":[";
    for (std::size_t i = 0; i < embedded->size(); ++i) {
      body += (i == 0 ? "" : ",") + std::string("{\"width\":") + std::to_string((*embedded)[i].width) +
              ",\"height\":" + std::to_string((*embedded)[i].height) + "}";
    }
    body += "],";
  }
  body += "\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{\"" + unit +
          "\":" + std::to_string(asked.inputs.size()) + "}},\"response_type\":\"embeddings_by_type\"}";
  if (fate == Fate::garbage) body.resize(body.size() / 2);
  http::Response response;
  response.body = std::move(body);
  return response;
}

}  // namespace sightline::cohere
