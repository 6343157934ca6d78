#include "models/model_folder/checkpoint.h"

#include <set>
#include <system_error>
#include <utility>

#include "models/files/file.h"
#include "models/files/json_file.h"

namespace sightline::models {
namespace {

constexpr const char* k_single_file = "model.safetensors";
constexpr const char* k_index_file = "model.safetensors.index.json";
constexpr std::size_t k_max_index_bytes = 64u << 20;
constexpr std::size_t k_max_shards = 1000;

/// `found` begins the message.
Error open_clip_layout(const std::string& found) {
  return {ErrorCode::unsupported,
          found +
              ", which is OpenCLIP's layout, but open_clip_config.json, which describes such a model, is missing: "
              "download it from the model's page at Hugging Face, or use config.json and model.safetensors with "
              "Hugging Face's names (text_model..., vision_model...) of the same model"};
}

/// The folder inside a sentence-transformers folder (which has a modules.json, but no config.json) that has the model
/// itself, such as 0_CLIPModel; empty if it is not such a folder.
std::string sentence_transformers_part(const std::filesystem::path& folder) {
  if (!is_there(folder / "modules.json") || is_there(folder / "config.json")) return {};
  std::error_code error;
  std::set<std::string> parts;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (is_there(entry.path() / "config.json")) parts.insert(entry.path().filename().string());
  }
  return parts.empty() ? std::string() : *parts.begin();
}

/// Why there are no weights to load, judged by the other files of the folder.
Error no_weights(const std::filesystem::path& folder) {
  const std::string where = folder.string();
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return {ErrorCode::not_found, where +
                                      " is not a readable folder; a model is a folder with config.json and "
                                      "model.safetensors, or with open_clip_config.json and its weights"};
  }
  for (const char* name :
       {"open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin"}) {
    if (is_there(folder / name)) return open_clip_layout(where + " holds only " + name);
  }
  if (const std::string part = sentence_transformers_part(folder); !part.empty()) {
    return {ErrorCode::unsupported, where +
                                        " is a folder of sentence-transformers (modules.json): the model "
                                        "itself is in " +
                                        (folder / part).string() + "; use that folder"};
  }
  for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (is_there(folder / name)) {
      return {ErrorCode::unsupported, where + " has its weights only as " + name +
                                          ", a pickle, which can run code when loaded and so is refused; "
                                          "convert it once: python3 -c \"from transformers import AutoModel; "
                                          "AutoModel.from_pretrained('" +
                                          where + "').save_pretrained('" + where + "', safe_serialization=True)\""};
    }
  }
  for (const char* name : {"tf_model.h5", "flax_model.msgpack", "model.onnx", "onnx", "rust_model.ot"}) {
    if (is_there(folder / name)) {
      return {ErrorCode::unsupported, where + " has its weights only as " + name + ": use " + k_single_file +
                                          " of the same model from its page at Hugging Face"};
    }
  }
  return {ErrorCode::not_found, where + " has neither " + k_single_file + " nor " + k_index_file +
                                    ": download the model again, with scripts/download_model.sh or "
                                    "`huggingface-cli download`"};
}

/// A shard must be a file beside the index, because the index comes from outside.
bool is_shard_name(std::string_view name) {
  return name.ends_with(".safetensors") && is_plain_name(name);
}

/// tensor name -> shard name
Result<std::map<std::string, std::string>> read_index(const std::filesystem::path& file) {
  const Result<JsonFile> json = JsonFile::read(file, k_max_index_bytes);
  if (!json) return json.error();
  const auto bad = [&](const std::string& what) { return Error{ErrorCode::corrupt_data, file.string() + ": " + what}; };
  const rapidjson::Value* weight_map = given_member(json->root(), "weight_map");
  if (weight_map == nullptr || !weight_map->IsObject()) return bad("has no object \"weight_map\"");
  std::map<std::string, std::string> shards;
  for (const auto& member : weight_map->GetObject()) {
    std::string tensor(member.name.GetString(), member.name.GetStringLength());
    if (!member.value.IsString()) return bad("weight_map of tensor \"" + tensor + "\" is not a file name");
    std::string shard(member.value.GetString(), member.value.GetStringLength());
    if (!is_shard_name(shard)) {
      return bad("weight_map of tensor \"" + tensor + "\" is \"" + shard +
                 "\"; a shard must be the plain name of a .safetensors file beside the index");
    }
    if (!shards.emplace(std::move(tensor), std::move(shard)).second) {
      return bad("weight_map lists tensor \"" + std::string(member.name.GetString()) + "\" twice");
    }
  }
  if (shards.empty()) return bad("weight_map is empty");
  return shards;
}

Status refuse_open_clip_names(const Checkpoint& checkpoint) {
  for (const char* start : {"visual.", "transformer.resblocks.", "text.transformer."}) {
    const auto tensor = checkpoint.tensors().lower_bound(start);
    if (tensor != checkpoint.tensors().end() && tensor->first.starts_with(start)) {
      return open_clip_layout(checkpoint.folder().string() + " holds tensor \"" + tensor->first + "\"");
    }
  }
  return {};
}

}  // namespace

const TensorView* Checkpoint::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

Status Checkpoint::add_file(const std::string& name) {
  Result<std::vector<TensorView>> tensors = read_safetensors(folder_ / name);
  if (!tensors) return tensors.error();
  if (!tensors->empty()) file_bytes_ += tensors->front().file->size();
  for (TensorView& tensor : *tensors) {
    const auto [place, is_new] = tensors_.try_emplace(tensor.name);
    if (!is_new) {
      return Error{ErrorCode::corrupt_data, (folder_ / name).string() + ": tensor \"" + tensor.name + "\" is also in " +
                                                place->second.file->path().filename().string()};
    }
    place->second = std::move(tensor);
  }
  return {};
}

Result<Checkpoint> Checkpoint::open_file(const std::filesystem::path& folder, const std::string& name) {
  Checkpoint checkpoint;
  checkpoint.folder_ = folder;
  if (Status added = checkpoint.add_file(name); !added) return added.error();
  return checkpoint;
}

Checkpoint Checkpoint::without_tensors() const {
  Checkpoint empty = *this;
  empty.tensors_.clear();
  return empty;
}

void Checkpoint::add(const std::string& name, TensorView tensor) {
  tensors_.emplace(name, std::move(tensor));
}

Status Checkpoint::join(const Checkpoint& other, const std::string& prefix) {
  for (const auto& [name, tensor] : other.tensors_) {
    if (tensors_.emplace(prefix + name, tensor).second) continue;
    return Error{ErrorCode::corrupt_data, folder_.string() + ": tensor " + prefix + name + " is in two files"};
  }
  file_bytes_ += other.file_bytes_;
  return {};
}

void Checkpoint::drop(std::string_view beginning) {
  std::erase_if(tensors_, [&](const auto& tensor) { return tensor.first.starts_with(beginning); });
}

Result<Checkpoint> Checkpoint::open(const std::filesystem::path& folder) {
  Checkpoint checkpoint;
  checkpoint.folder_ = folder;
  if (is_there(folder / k_single_file)) {
    if (Status added = checkpoint.add_file(k_single_file); !added) return added.error();
  } else if (is_there(folder / k_index_file)) {
    const auto index = read_index(folder / k_index_file);
    if (!index) return index.error();
    std::set<std::string> shards;
    for (const auto& [tensor, shard] : *index) shards.insert(shard);
    if (shards.size() > k_max_shards) {
      return Error{ErrorCode::corrupt_data, (folder / k_index_file).string() + ": names " +
                                                std::to_string(shards.size()) + " shards; at most 1000 are allowed"};
    }
    for (const std::string& shard : shards) {
      if (Status added = checkpoint.add_file(shard); !added) return added.error();
    }
    for (const auto& [tensor, shard] : *index) {
      const TensorView* found = checkpoint.find(tensor);
      if (found == nullptr || found->file->path().filename() != shard) {
        return Error{ErrorCode::corrupt_data,
                     (folder / k_index_file).string() + ": tensor \"" + tensor + "\" is not in " + shard};
      }
    }
  } else {
    return no_weights(folder);
  }
  if (Status names = refuse_open_clip_names(checkpoint); !names) return names.error();
  return checkpoint;
}

}  // namespace sightline::models
