#include "server/elastic/inference/endpoint.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace sightline::elastic {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

// The order is that of Elasticsearch's enum, in which translations are shown.
constexpr std::array<std::pair<std::string_view, InputType>, 5> k_input_types{
    {{"ingest", InputType::ingest},
     {"search", InputType::search},
     {"classification", InputType::classification},
     {"clustering", InputType::clustering},
     {"unspecified", InputType::unspecified}}};
constexpr std::string_view k_default_chunking =
    R"({"strategy":"sentence","max_chunk_size":250,"sentence_overlap":1})";

ElasticError refused(std::string reason) {
  return {400, "status_exception", std::move(reason)};
}

std::string json_of(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

Refusal nothing_unknown(const SettingsReader& reader) {
  if (auto left = reader.left_over(); !left.empty()) {
    return refused("Configuration contains settings [" + left + "] unknown to the [custom] service");
  }
  return {};
}

Refusal nothing_unknown_in(std::string_view field, std::string_view parent, const SettingsReader& reader) {
  if (auto left = reader.left_over(); !left.empty()) {
    return refused("Configuration contains unknown settings [" + left + "] while parsing field [" +
                   std::string(field) + "] for settings [" + std::string(parent) + "]");
  }
  return {};
}

Refusal read_task_type(Endpoint& endpoint, SettingsReader& body, ValidationFaults& faults) {
  static const std::vector<std::string> known{"text_embedding", "sparse_embedding", "rerank",
                                              "completion",     "chat_completion",  "embedding"};
  const auto given = body.optional_string("task_type");
  if (!faults.empty()) return faults.error();
  const bool named_in_path = !endpoint.task_type.empty() && endpoint.task_type != "any";
  if (given && named_in_path && *given != endpoint.task_type) {
    return refused("Cannot resolve conflicting task_type parameter in the request URL [" +
                   endpoint.task_type + "] and the request body [" + *given + "]");
  }
  if (!named_in_path) endpoint.task_type = given.value_or("");
  if (endpoint.task_type.empty()) return refused("model is missing required setting [task_type]");
  if (std::find(known.begin(), known.end(), endpoint.task_type) == known.end()) {
    return refused("Unknown task_type [" + endpoint.task_type + "]");
  }
  return {};
}

Refusal check_service(const Endpoint& endpoint, SettingsReader& body) {
  const auto* service = body.take("service");
  if (!service) return refused("Inference endpoint configuration is missing the [service] setting");
  const std::string name = java_text(*service);
  if (!service->IsString() || name != "custom") return refused("Unknown service [" + name + "]");
  if (endpoint.task_type == "embedding" || endpoint.task_type == "chat_completion") {
    return refused("The [custom] service does not support task type [" + endpoint.task_type + "]");
  }
  if (endpoint.task_type != "text_embedding") {
    return refused("Task type [" + endpoint.task_type +
                   "] of the [custom] service is not supported here, use [text_embedding]");
  }
  return {};
}

void read_query_parameters(Endpoint& endpoint, SettingsReader& settings, ValidationFaults& faults) {
  const auto* list = settings.take("query_parameters");
  if (!list) return;
  const auto fault = [&](const std::string& what) {
    faults.add("[service_settings] failed to parse [query_parameters]: " + what);
  };
  if (!list->IsArray())
    return fault("expected a list of [key, value] pairs but found [" + java_text(*list) + "]");
  for (rapidjson::SizeType i = 0; i < list->Size(); ++i) {
    const auto& pair = (*list)[i];
    if (!pair.IsArray() || pair.Size() != 2 || !pair[0].IsString() || !pair[1].IsString()) {
      return fault("entry [" + std::to_string(i) + "] must be a list of two strings but is [" +
                   java_text(pair) + "]");
    }
    endpoint.query_parameters.emplace_back(pair[0].GetString(), pair[1].GetString());
  }
}

Refusal read_response(Endpoint& endpoint, SettingsReader& settings, ValidationFaults& faults) {
  const auto* response = settings.required_object("response");
  if (!response) return faults.error();
  SettingsReader reader(*response, "service_settings.response", faults);
  const auto* parser = reader.required_object("json_parser");
  if (!parser) return faults.error();
  SettingsReader json_parser(*parser, "service_settings.response.json_parser", faults);
  endpoint.embeddings_path = json_parser.required_string("text_embeddings").value_or("");
  const auto type = json_parser.choice("embedding_type", {"binary", "bit", "byte", "float"});
  if (type && *type != "float") {
    faults.add("[" + json_parser.scope() + "] embedding_type [" + *type +
               "] is not supported here, use [float]");
  }
  if (Refusal unknown = nothing_unknown_in("json_parser", "custom_service_settings", json_parser))
    return unknown;
  return nothing_unknown_in("response", "custom_service_settings", reader);
}

Refusal read_input_type(Endpoint& endpoint, SettingsReader& settings, ValidationFaults& faults) {
  const auto* object = settings.optional_object("input_type");
  if (!object) return {};
  SettingsReader reader(*object, "input_type", faults);
  if (const auto* translation = reader.optional_object("translation")) {
    for (const auto& member : translation->GetObject()) {
      const std::string key = member.name.GetString();
      if (!member.value.IsString() || member.value.GetStringLength() == 0) {
        faults.add("Input type translation value for key [" + key +
                   "] must be a String that is not null and not empty, received: [" +
                   java_text(member.value) + "].");
        continue;
      }
      std::string word = key;
      std::transform(word.begin(), word.end(), word.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      const auto type = input_type_of(word);
      if (!type || *type == InputType::unspecified) {
        faults.add("Invalid input type translation for key: [" + key +
                   "], is not a valid value. Must be one of [ingest, search, classification, clustering]");
        continue;
      }
      endpoint.translation.emplace_back(word, member.value.GetString());
    }
  }
  endpoint.default_input_type = reader.optional_string("default", true).value_or("");
  return nothing_unknown_in("input_type", "input_type_translator", reader);
}

Refusal read_service_settings(Endpoint& endpoint, const rapidjson::Value& object, ValidationFaults& faults) {
  SettingsReader settings(object, "service_settings", faults);
  endpoint.similarity = settings.choice("similarity", {"cosine", "dot_product", "l2_norm"});
  endpoint.dimensions = settings.integer("dimensions");
  endpoint.max_input_tokens = settings.integer("max_input_tokens");
  endpoint.url = settings.required_string("url").value_or("");
  read_query_parameters(endpoint, settings, faults);
  endpoint.headers = settings.string_map("headers");
  endpoint.request = settings.required_string("request").value_or("");
  if (Refusal refusal = read_response(endpoint, settings, faults)) return refusal;
  if (const auto* limit = settings.optional_object("rate_limit")) {
    SettingsReader reader(*limit, "service_settings.rate_limit", faults);
    if (const auto rate = reader.positive_integer("requests_per_minute"))
      endpoint.requests_per_minute = *rate;
    if (Refusal unknown = nothing_unknown(reader)) return unknown;
  }
  if (Refusal refusal = read_input_type(endpoint, settings, faults)) return refusal;
  if (const auto size = settings.positive_integer("batch_size")) endpoint.batch_size = *size;
  endpoint.secrets = settings.string_map("secret_parameters", true);
  return nothing_unknown(settings);
}

Refusal read_chunking(Endpoint& endpoint, SettingsReader& body, ValidationFaults& faults) {
  endpoint.chunking_settings = k_default_chunking;
  const auto* object = body.optional_object("chunking_settings");
  if (!object || object->ObjectEmpty()) return {};
  SettingsReader reader(*object, "chunking_settings", faults);
  if (!reader.choice("strategy", {"none", "recursive", "sentence", "word"}) && faults.empty()) {
    faults.add("[chunking_settings] does not contain the required setting [strategy]");
  }
  endpoint.chunking_settings = json_of(*object);
  return {};
}

void write_pairs(Writer& writer, const char* name, const StringPairs& pairs) {
  writer.Key(name);
  writer.StartObject();
  for (const auto& [key, value] : pairs) {
    writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
    writer.String(value);
  }
  writer.EndObject();
}

void write_service_settings(Writer& writer, const Endpoint& endpoint, bool with_secrets) {
  const auto optional_integer = [&](const char* name, const std::optional<int>& value) {
    if (value) writer.Key(name), writer.Int(*value);
  };
  writer.StartObject();
  if (endpoint.similarity) writer.Key("similarity"), writer.String(*endpoint.similarity);
  optional_integer("dimensions", endpoint.dimensions);
  optional_integer("max_input_tokens", endpoint.max_input_tokens);
  writer.Key("url"), writer.String(endpoint.url);
  if (!endpoint.headers.empty()) write_pairs(writer, "headers", endpoint.headers);
  if (!endpoint.query_parameters.empty()) {
    writer.Key("query_parameters");
    writer.StartArray();
    for (const auto& [key, value] : endpoint.query_parameters) {
      writer.StartArray(), writer.String(key), writer.String(value), writer.EndArray();
    }
    writer.EndArray();
  }
  writer.Key("request"), writer.String(endpoint.request);
  writer.Key("response"), writer.StartObject();
  write_pairs(writer, "json_parser",
              {{"text_embeddings", endpoint.embeddings_path}, {"embedding_type", "float"}});
  writer.EndObject();
  writer.Key("input_type"), writer.StartObject();
  write_pairs(writer, "translation", endpoint.translation);
  writer.Key("default"), writer.String(endpoint.default_input_type);
  writer.EndObject();
  writer.Key("rate_limit"), writer.StartObject();
  writer.Key("requests_per_minute"), writer.Int(endpoint.requests_per_minute);
  writer.EndObject();
  writer.Key("batch_size"), writer.Int(endpoint.batch_size);
  if (with_secrets) write_pairs(writer, "secret_parameters", endpoint.secrets);
  writer.EndObject();
}

}  // namespace

std::optional<InputType> input_type_of(std::string_view word) {
  for (const auto& [name, type] : k_input_types) {
    if (name == word) return type;
  }
  return {};
}

std::string Endpoint::translated(InputType type) const {
  for (const auto& [word, translation_of_word] : translation) {
    if (input_type_of(word) == type) return translation_of_word;
  }
  return default_input_type;
}

Answer<TaskParameters> parse_task_settings(const rapidjson::Value* task_settings) {
  TaskParameters parameters;
  if (!task_settings || task_settings->IsNull()) return parameters;
  ValidationFaults faults;
  if (!task_settings->IsObject()) {
    faults.add("field [task_settings] is not of the expected type. The value [" + java_text(*task_settings) +
               "] cannot be converted to a [Map]");
    return faults.error();
  }
  SettingsReader reader(*task_settings, "task_settings", faults);
  if (const auto* object = reader.optional_object("parameters")) {
    for (const auto& member : object->GetObject()) {
      const auto& value = member.value;
      if (value.IsNull()) continue;
      const bool plain = value.IsString() || value.IsBool() || value.IsInt() || value.IsDouble();
      if (!plain) {
        const std::string text = java_text(value).substr(0, 256);
        faults.add("Map field [parameters] has an entry that is not valid, [" +
                   std::string(member.name.GetString()) + " => " + text + "]. Value type of [" + text +
                   "] is not one of [Boolean, Double, Float, Integer, String].");
        continue;
      }
      parameters[member.name.GetString()] = {
          json_of(value), value.IsString() ? std::optional<std::string>(value.GetString()) : std::nullopt};
    }
  }
  if (!faults.empty()) return faults.error();
  if (Refusal unknown = nothing_unknown(reader)) return *unknown;
  return parameters;
}

Answer<Endpoint> parse_endpoint(std::string id, std::string task_type, const rapidjson::Value& body) {
  if (!body.IsObject())
    return refused("the configuration of inference endpoint [" + id + "] must be a JSON object");
  Endpoint endpoint;
  endpoint.id = std::move(id);
  endpoint.task_type = std::move(task_type);
  ValidationFaults faults;
  SettingsReader reader(body, "", faults);
  if (Refusal refusal = read_task_type(endpoint, reader, faults)) return *refusal;
  if (Refusal refusal = check_service(endpoint, reader)) return *refusal;
  const auto* settings = reader.optional_object("service_settings");
  if (!faults.empty()) return faults.error();
  if (!settings) return refused("Missing required field [service_settings]");
  if (Refusal refusal = read_chunking(endpoint, reader, faults)) return *refusal;
  auto parameters = parse_task_settings(reader.take("task_settings"));
  if (!parameters) return parameters.error();
  endpoint.parameters = std::move(*parameters);
  if (Refusal refusal = read_service_settings(endpoint, *settings, faults)) return *refusal;
  for (const auto& [name, secret] : endpoint.secrets) {
    if (endpoint.parameters.contains(name)) {
      faults.add("[secret_parameters] and [task_settings.parameters] both contain [" + name +
                 "], give it one of the names only");
    }
  }
  if (!faults.empty()) return faults.error();
  if (Refusal unknown = nothing_unknown(reader)) return *unknown;
  return endpoint;
}

std::string endpoint_json(const Endpoint& endpoint, bool with_secrets) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  if (!with_secrets) writer.Key("inference_id"), writer.String(endpoint.id);
  writer.Key("task_type"), writer.String(endpoint.task_type);
  writer.Key("service"), writer.String("custom");
  writer.Key("service_settings");
  write_service_settings(writer, endpoint, with_secrets);
  if (!endpoint.parameters.empty()) {
    writer.Key("task_settings"), writer.StartObject();
    writer.Key("parameters"), writer.StartObject();
    for (const auto& [name, parameter] : endpoint.parameters) {
      writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
      writer.RawValue(parameter.json.data(), parameter.json.size(), rapidjson::kNullType);
    }
    writer.EndObject(), writer.EndObject();
  }
  writer.Key("chunking_settings");
  writer.RawValue(endpoint.chunking_settings.data(), endpoint.chunking_settings.size(),
                  rapidjson::kObjectType);
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace sightline::elastic
