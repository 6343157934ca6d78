#include "models/model_folder/sentence_transformers.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "models/files/file.h"
#include "models/files/json_file.h"
#include "models/model_folder/tokenizer_limit.h"

namespace sightline::models {
namespace {

constexpr const char* k_config_file = "config.json";
constexpr const char* k_weights_file = "model.safetensors";
constexpr const char* k_settings_file = "sentence_bert_config.json";
constexpr const char* k_prompts_file = "config_sentence_transformers.json";
constexpr std::size_t k_max_modules = 16;

enum class ModuleKind { transformer, pooling, dense, normalize };

struct Module {
  ModuleKind kind = ModuleKind::transformer;
  std::string path;  ///< its folder, relative; empty: the folder itself
};

std::optional<BertConfig::Kind> kind_of(std::string_view model_type) {
  if (model_type == "bert") return BertConfig::Kind::bert;
  if (model_type == "distilbert") return BertConfig::Kind::distilbert;
  return std::nullopt;
}

/// The class's name moved between versions: sentence_transformers.models.Pooling,
/// sentence_transformers.sentence_transformer.modules.pooling.Pooling.
std::optional<ModuleKind> module_kind(std::string_view type) {
  if (!type.starts_with("sentence_transformers.")) return std::nullopt;
  const std::string_view name = type.substr(type.rfind('.') + 1);
  constexpr std::array k_kinds{std::pair{"Transformer", ModuleKind::transformer},
                               std::pair{"Pooling", ModuleKind::pooling}, std::pair{"Dense", ModuleKind::dense},
                               std::pair{"Normalize", ModuleKind::normalize}};
  for (const auto& [known, kind] : k_kinds) {
    if (name == known) return kind;
  }
  return std::nullopt;
}

Error incomplete(const std::filesystem::path& folder, const std::string& file) {
  return {ErrorCode::not_found, (folder / file).string() + " is missing, but " + k_modules_file +
                                    " names its folder: the download was not finished. Download the whole repository "
                                    "again, with its folders, with `huggingface-cli download`"};
}

Result<Module> read_module(const JsonFile& json, rapidjson::SizeType index) {
  ObjectReader reader(&json.root()[index], json.path().string() + ": [" + std::to_string(index) + "]");
  const std::string type = reader.string("type", "");
  Module module;
  module.path = reader.string("path", "");
  const std::optional<ModuleKind> kind = module_kind(type);
  if (!kind) {
    reader.refuse(
        "type", ErrorCode::unsupported,
        "is \"" + type + "\"; sentence-transformers' Transformer, Pooling, Dense and Normalize are supported");
  } else {
    module.kind = *kind;
  }
  const bool has_files = module.kind == ModuleKind::pooling || module.kind == ModuleKind::dense;
  if (!is_plain_name(module.path) || (has_files && module.path.empty())) {
    reader.refuse("path", ErrorCode::corrupt_data, "is \"" + module.path + "\", not a folder beside modules.json");
  }
  if (!reader.status()) return reader.status().error();
  return module;
}

/// Errors: unsupported (another order than Transformer, Pooling, Dense or none, Normalize or none).
Result<std::vector<Module>> read_modules(const std::filesystem::path& folder) {
  const Result<JsonFile> json = JsonFile::read_list(folder / k_modules_file);
  if (!json) return json.error();
  std::vector<Module> modules;
  for (rapidjson::SizeType i = 0; i < json->root().Size() && i < k_max_modules; ++i) {
    Result<Module> module = read_module(*json, i);
    if (!module) return module.error();
    modules.push_back(*std::move(module));
  }
  using Kinds = std::vector<ModuleKind>;
  Kinds kinds;
  for (const Module& module : modules) kinds.push_back(module.kind);
  using enum ModuleKind;
  const std::array supported{Kinds{transformer, pooling}, Kinds{transformer, pooling, normalize},
                             Kinds{transformer, pooling, dense}, Kinds{transformer, pooling, dense, normalize}};
  if (std::find(supported.begin(), supported.end(), kinds) == supported.end()) {
    return Error{ErrorCode::unsupported, json->path().string() +
                                             ": the modules must be Transformer, Pooling, at most one Dense, and "
                                             "Normalize or nothing, in this order; others are not supported"};
  }
  if (!modules.front().path.empty()) {
    return Error{ErrorCode::unsupported,
                 json->path().string() + ": [0].path is \"" + modules.front().path +
                     "\"; the Transformer must be in the model's folder itself: load the model with "
                     "sentence-transformers 2.0 or later and save it again"};
  }
  return modules;
}

/// The legacy keys are used unless `pooling_mode` is given, as in sentence-transformers.
std::string read_pooling_mode(ObjectReader& reader) {
  constexpr std::array k_legacy{std::pair{"pooling_mode_cls_token", "cls"},
                                std::pair{"pooling_mode_max_tokens", "max"},
                                std::pair{"pooling_mode_mean_tokens", "mean"},
                                std::pair{"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"},
                                std::pair{"pooling_mode_weightedmean_tokens", "weightedmean"},
                                std::pair{"pooling_mode_lasttoken", "lasttoken"}};
  std::string modes;
  for (const auto& [key, mode] : k_legacy) {
    if (reader.boolean(key, false)) modes += (modes.empty() ? "" : "+") + std::string(mode);
  }
  const rapidjson::Value* given = reader.member("pooling_mode");
  if (given != nullptr && given->IsArray() && given->Size() == 1 && (*given)[0].IsString())
    return (*given)[0].GetString();
  return reader.string("pooling_mode", modes.empty() ? "mean" : modes);
}

Status read_pooling(const std::filesystem::path& folder, const std::string& path, BertTextConfig& text) {
  const Result<JsonFile> json = JsonFile::read(folder / path / k_config_file);
  if (!json) return json.error();
  ObjectReader reader(&json->root(), json->path().string() + ": top level");
  const std::string mode = read_pooling_mode(reader);
  if (mode == "cls") {
    text.pooling = BertTextConfig::Pooling::first_token;
  } else if (mode != "mean") {
    reader.refuse("pooling_mode", ErrorCode::unsupported, "is \"" + mode + "\"; mean and cls are supported");
  }
  const std::uint32_t width = text.encoder.transformer.width;
  for (const char* key : {"embedding_dimension", "word_embedding_dimension"}) {
    if (const auto given = reader.integer(key, width, 1, k_max_width); given != width) {
      reader.refuse(key, ErrorCode::corrupt_data,
                    "is " + std::to_string(given) + ", but the tokens of config.json have " + std::to_string(width) +
                        " numbers; the files are of different models");
    }
  }
  return reader.status();
}

Status read_dense(const std::filesystem::path& folder, const std::string& path, BertTextConfig& text) {
  const Result<JsonFile> json = JsonFile::read(folder / path / k_config_file);
  if (!json) return json.error();
  ObjectReader reader(&json->root(), json->path().string() + ": top level");
  const std::uint32_t width = text.encoder.transformer.width;
  if (const auto in = reader.integer("in_features", 0, 1, k_max_width); in != width) {
    reader.refuse("in_features", ErrorCode::corrupt_data,
                  "is " + std::to_string(in) + ", but the tokens of config.json have " + std::to_string(width) +
                      " numbers; the files are of different models");
  }
  text.head = {path + "/linear", reader.integer("out_features", 0, 1, k_max_width), reader.boolean("bias", true)};
  if (text.head.dims == 0) reader.refuse("out_features", ErrorCode::corrupt_data, "is missing");
  // Without the key it is Tanh.
  const std::string activation = reader.string("activation_function", "torch.nn.modules.activation.Tanh");
  if (activation != "torch.nn.modules.linear.Identity" && activation != "torch.nn.Identity") {
    reader.refuse("activation_function", ErrorCode::unsupported,
                  "is \"" + activation + "\"; only torch.nn.modules.linear.Identity is supported");
  }
  for (const char* key : {"module_input_name", "module_output_name"}) {
    if (const std::string name = reader.string(key, "sentence_embedding"); name != "sentence_embedding") {
      reader.refuse(key, ErrorCode::unsupported, "is \"" + name + "\"; only sentence_embedding is supported");
    }
  }
  if (reader.boolean("use_residual", false)) {
    reader.refuse("use_residual", ErrorCode::unsupported, "is true; only false is supported");
  }
  return reader.status();
}

/// sentence-transformers also reads the settings from files with these names.
Status check_old_settings(const std::filesystem::path& folder) {
  for (const char* kind : {"roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"}) {
    const std::filesystem::path file = folder / ("sentence_" + std::string(kind) + "_config.json");
    if (!is_there(file)) continue;
    return Error{ErrorCode::unsupported,
                 file.string() + " has an old name of " + k_settings_file + "; rename it to " + k_settings_file};
  }
  return {};
}

/// Refuses arguments for the parts of transformers, which may change ids, limits and arithmetic.
void refuse_arguments(ObjectReader& reader) {
  for (const char* key : {"tokenizer_args", "processor_kwargs", "processing_kwargs", "model_args", "model_kwargs",
                          "config_args", "config_kwargs", "query_expansion", "query_length", "document_length"}) {
    const rapidjson::Value* given = reader.member(key);
    if (given == nullptr || given->IsNull() || (given->IsObject() && given->ObjectEmpty())) continue;
    reader.refuse(key, ErrorCode::unsupported,
                  "is set, which may change how texts are embedded; remove it if it does not");
  }
}

/// The Transformer's own settings: the limit of texts, and choices that would change the vectors.
Status read_settings(const std::filesystem::path& folder, SentenceTransformersConfig& config) {
  const std::uint32_t max_tokens = config.text.encoder.max_tokens;
  config.text.usual_tokens = tokenizer_limit(folder, max_tokens);
  if (!is_there(folder / k_settings_file)) return check_old_settings(folder);
  const Result<JsonFile> json = JsonFile::read(folder / k_settings_file);
  if (!json) return json.error();
  config.files.emplace_back(k_settings_file);
  ObjectReader reader(&json->root(), json->path().string() + ": top level");
  config.text.usual_tokens = reader.integer("max_seq_length", config.text.usual_tokens, 2, max_tokens);
  if (reader.boolean("do_lower_case", false)) {
    reader.refuse("do_lower_case", ErrorCode::unsupported, "is true; only the tokenizer's own setting is supported");
  }
  for (const auto& [key, value] :
       {std::pair{"transformer_task", "feature-extraction"}, std::pair{"module_output_name", "token_embeddings"}}) {
    if (const std::string given = reader.string(key, value); given != value) {
      reader.refuse(key, ErrorCode::unsupported, "is \"" + given + "\"; only " + value + " is supported");
    }
  }
  refuse_arguments(reader);
  return reader.status();
}

/// A default prompt is put before every text by sentence-transformers, and truncate_dim cuts every vector.
Status read_prompts(const std::filesystem::path& folder, SentenceTransformersConfig& config) {
  if (!is_there(folder / k_prompts_file)) return {};
  const Result<JsonFile> json = JsonFile::read(folder / k_prompts_file);
  if (!json) return json.error();
  config.files.emplace_back(k_prompts_file);
  ObjectReader reader(&json->root(), json->path().string() + ": top level");
  if (const std::string name = reader.string("default_prompt_name", ""); !name.empty()) {
    reader.refuse("default_prompt_name", ErrorCode::unsupported,
                  "is \"" + name + "\"; prompts before texts are not supported");
  }
  if (const rapidjson::Value* dims = reader.member("truncate_dim")) {
    // sentence-transformers cuts the vectors, and does not normalise them again.
    reader.refuse("truncate_dim", ErrorCode::unsupported,
                  (dims->IsUint() ? "is " + std::to_string(dims->GetUint()) : std::string("is set")) +
                      "; only vectors of the model's full length are supported: delete the key, and use an index "
                      "of the full length");
  }
  return reader.status();
}

Status read_encoder(const std::filesystem::path& folder, BertTextConfig& text) {
  const Result<JsonFile> json = JsonFile::read(folder / k_config_file);
  if (!json) return json.error();
  const std::string place = json->path().string() + ": top level";
  const std::optional<BertConfig::Kind> kind = kind_of(text_member(json->root(), "model_type"));
  if (!kind) return Error{ErrorCode::unsupported, place + ".model_type is neither \"bert\" nor \"distilbert\""};
  ObjectReader reader(&json->root(), place);
  text.encoder = read_bert_config(reader, *kind);
  return reader.status();
}

}  // namespace

bool is_sentence_transformers(const std::filesystem::path& folder) {
  if (!is_there(folder / k_modules_file)) return false;
  const Result<JsonFile> json = JsonFile::read(folder / k_config_file);
  return json.ok() && kind_of(text_member(json->root(), "model_type"));
}

Result<SentenceTransformersConfig> read_sentence_transformers(const std::filesystem::path& folder) {
  const Result<std::vector<Module>> modules = read_modules(folder);
  if (!modules) return modules.error();
  SentenceTransformersConfig config;
  config.files = {k_modules_file, k_config_file};
  if (Status read = read_encoder(folder, config.text); !read) return read.error();
  if (Status read = read_settings(folder, config); !read) return read.error();
  if (Status read = read_prompts(folder, config); !read) return read.error();
  for (const Module& module : *modules) {
    if (module.kind != ModuleKind::pooling && module.kind != ModuleKind::dense) continue;
    const std::string file = module.path + "/" + k_config_file;
    if (!is_there(folder / file)) return incomplete(folder, file);
    config.files.push_back(file);
    const bool is_pooling = module.kind == ModuleKind::pooling;
    if (!is_pooling) config.dense = module.path;
    Status read =
        is_pooling ? read_pooling(folder, module.path, config.text) : read_dense(folder, module.path, config.text);
    if (!read) return read.error();
  }
  return config;
}

Result<Checkpoint> sentence_transformers_weights(const std::filesystem::path& folder,
                                                 const SentenceTransformersConfig& config) {
  Result<Checkpoint> checkpoint = Checkpoint::open(folder);
  if (!checkpoint || config.dense.empty()) return checkpoint;
  const std::filesystem::path dense = folder / config.dense;
  if (!is_there(dense / k_weights_file)) {
    if (!is_there(dense / "pytorch_model.bin")) return incomplete(folder, config.dense + "/" + k_weights_file);
    return Error{ErrorCode::unsupported,
                 dense.string() +
                     " has its weights only as pytorch_model.bin, a pickle, which can run code when loaded and so is "
                     "refused; convert it once: python3 -c \"from sentence_transformers import SentenceTransformer; "
                     "SentenceTransformer('" +
                     folder.string() + "').save('" + folder.string() + "')\""};
  }
  const Result<Checkpoint> weights = Checkpoint::open_file(dense, k_weights_file);
  if (!weights) return weights.error();
  if (Status joined = checkpoint->join(*weights, config.dense + "/"); !joined) return joined.error();
  return checkpoint;
}

}  // namespace sightline::models
