#include "models/model_folder/checkpoint.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "models/model_folder/safetensors_writer.h"
#include "tests/models/model_folder.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

namespace {

std::string shard_of(const std::vector<std::string>& names) {
  std::vector<TensorSpec> specs;
  for (const std::string& name : names) specs.push_back({name, Dtype::f32, {1}});
  return safetensors_header(specs) + std::string(4 * names.size(), 'x');
}

std::string fault(const std::filesystem::path& folder, ErrorCode code) {
  const auto checkpoint = Checkpoint::open(folder);
  REQUIRE_FALSE(checkpoint.ok());
  CHECK(checkpoint.error().code == code);
  return checkpoint.error().message;
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  const bool found = text.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

}  // namespace

TEST_CASE("a single file is read by its name") {
  const TemporaryFolder folder;
  const std::string content = shard_of({"a", "b"});
  folder.write("model.safetensors", content);
  const auto checkpoint = Checkpoint::open(folder.path());
  REQUIRE(checkpoint.ok());
  CHECK(checkpoint->tensors().size() == 2);
  CHECK(checkpoint->find("a") != nullptr);
  CHECK(checkpoint->find("c") == nullptr);
  CHECK(checkpoint->file_bytes() == content.size());
}

TEST_CASE("shards are joined through the index") {
  const TemporaryFolder folder;
  folder.write("model-00001-of-00002.safetensors", shard_of({"a"}));
  folder.write("model-00002-of-00002.safetensors", shard_of({"b", "c"}));
  folder.write("model.safetensors.index.json",
               R"({"metadata":{"total_size":12},"weight_map":{"a":"model-00001-of-00002.safetensors",)"
               R"("b":"model-00002-of-00002.safetensors","c":"model-00002-of-00002.safetensors"}})");
  const auto checkpoint = Checkpoint::open(folder.path());
  REQUIRE(checkpoint.ok());
  CHECK(checkpoint->tensors().size() == 3);
}

TEST_CASE("an index that names a file outside the folder is refused") {
  for (const std::string name : {"../model.safetensors", "/etc/passwd", "a/b.safetensors", "..", "", "model.bin",
                                 ".hidden.safetensors", "a\\\\b.safetensors", "a\\u0000.safetensors"}) {
    INFO(name);
    const TemporaryFolder folder;
    folder.write("model.safetensors.index.json", R"({"weight_map":{"a":")" + name + R"("}})");
    has(fault(folder.path(), ErrorCode::corrupt_data), "plain name");
  }
}

TEST_CASE("an index that lies about its shards is refused, naming the tensor") {
  const TemporaryFolder folder;
  folder.write("one.safetensors", shard_of({"a"}));
  folder.write("two.safetensors", shard_of({"b"}));
  folder.write("again.safetensors", shard_of({"a"}));
  const auto with_map = [&](const std::string& map) {
    folder.write("model.safetensors.index.json", R"({"weight_map":)" + map + "}");
    return folder.path();
  };
  has(fault(with_map(R"({"a":"two.safetensors"})"), ErrorCode::corrupt_data), "\"a\" is not in two.safetensors");
  has(fault(with_map(R"({"a":"one.safetensors","x":"one.safetensors"})"), ErrorCode::corrupt_data), "\"x\"");
  has(fault(with_map(R"({"a":"one.safetensors","z":"again.safetensors"})"), ErrorCode::corrupt_data),
      "\"a\" is also in");
  has(fault(with_map(R"({"a":"none.safetensors"})"), ErrorCode::not_found), "none.safetensors");
  has(fault(with_map(R"({"a":"one.safetensors","a":"one.safetensors"})"), ErrorCode::corrupt_data), "\"a\" twice");
  has(fault(with_map(R"({"a":7})"), ErrorCode::corrupt_data), "\"a\" is not a file name");
  has(fault(with_map("{}"), ErrorCode::corrupt_data), "empty");
  has(fault(with_map("[]"), ErrorCode::corrupt_data), "weight_map");
}

TEST_CASE("weights that are only a pickle are refused with the way to convert them") {
  const TemporaryFolder folder;
  folder.write("pytorch_model.bin", "PK");
  has(fault(folder.path(), ErrorCode::unsupported), "safe_serialization=True");
}

TEST_CASE("OpenCLIP's layout without its configuration is recognised by file name and by tensor names") {
  for (const char* file :
       {"open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin"}) {
    const TemporaryFolder folder;
    folder.write(file, shard_of({"visual.proj"}));
    const std::string message = fault(folder.path(), ErrorCode::unsupported);
    has(message, std::string("holds only ") + file);
    has(message, "open_clip_config.json, which describes such a model, is missing");
  }
  for (const char* tensor :
       {"visual.transformer.resblocks.0.attn.in_proj_weight", "transformer.resblocks.11.mlp.c_fc.weight",
        "visual.trunk.patch_embed.proj.weight", "text.transformer.resblocks.0.ln_1.weight"}) {
    const TemporaryFolder folder;
    folder.write("model.safetensors", shard_of({"logit_scale", tensor}));
    has(fault(folder.path(), ErrorCode::unsupported), "\"" + std::string(tensor) + "\", which is OpenCLIP's layout");
  }
}

TEST_CASE("a folder without weights and no folder at all are told apart") {
  const TemporaryFolder folder;
  has(fault(folder.path(), ErrorCode::not_found), "neither model.safetensors nor");
  has(fault(folder.path() / "nowhere", ErrorCode::not_found), "not a readable folder");
}
