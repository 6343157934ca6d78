// Text towers like BERT in sentence-transformers' layout, compared with sentence-transformers' own results
// (tests/fixtures/make_bert.py).
#include <doctest/doctest.h>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "models/embedder.h"
#include "models/model_folder/model_fingerprint.h"
#include "models/model_folder/model_folder.h"
#include "tests/base/has_text.h"
#include "tests/models/expected_vectors.h"
#include "tests/models/folder_copy.h"

using namespace sightline;
using namespace sightline::models;
using namespace sightline::models::testing;

namespace {

Result<std::unique_ptr<Embedder>> load(const std::filesystem::path& folder, const char* dtype = "float32",
                                       std::uint32_t max_tokens = 0) {
  Embedder::Options options;
  options.folder = folder.string();
  options.dtype = dtype;
  options.threads = 1;
  options.max_tokens = max_tokens;
  return Embedder::load(options);
}

std::string load_fault(const FolderCopy& model, ErrorCode code) {
  const auto loaded = load(model.path());
  REQUIRE_FALSE(loaded.ok());
  INFO(loaded.error().message);
  CHECK(loaded.error().code == code);
  return loaded.error().message;
}

/// The message for a fixture in which `from` in `file` has become `to`.
std::string fault_of(const char* file, const char* from, const char* to, ErrorCode code,
                     const char* model = "multilingual-clip") {
  const FolderCopy copy(model);
  copy.edit(file, from, to);
  return load_fault(copy, code);
}

void check_fixture(const char* name, const char* architecture, std::uint32_t usual_tokens) {
  CAPTURE(name);
  const ExpectedVectors expected = expected_vectors(name);
  const auto loaded = load(fixture(name));
  REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
  Embedder& model = **loaded;
  CHECK(model.info().architecture == architecture);
  CHECK(model.info().dims == 32);
  CHECK(model.info().max_tokens == usual_tokens);
  CHECK(model.info().has_text);
  CHECK_FALSE(model.info().has_image);
  REQUIRE(model.warm_up().ok());
  ExpectedBatch batch;
  for (const ExpectedText& text : expected.texts) {
    CAPTURE(text.text);
    CHECK(batch.add(model, text).ids == text.ids);
  }
  batch.check(model);
  const auto vectors = model.embed(batch.inputs);
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    CAPTURE(expected.texts[i].text);
    CHECK(max_difference(*model.embed({&batch.inputs[i], 1}).front(), *vectors[i]) < 1e-6);  // whatever the neighbours
  }
}

}  // namespace

TEST_CASE("DistilBERT with mean pooling and Dense embeds 24 scripts as sentence-transformers does") {
  CHECK(expected_vectors("multilingual-clip").texts.size() >= 200);
  check_fixture("multilingual-clip", "distilbert", 128);
}

TEST_CASE("BERT with the first token, a Dense with bias and Normalize, as sentence-transformers 6 saves it") {
  check_fixture("sentence-bert", "bert", 40);
}

TEST_CASE("lower precisions agree with float32") {
  for (const char* dtype : {"bfloat16", "int8"}) {
    for (const char* model : {"multilingual-clip", "sentence-bert"}) {
      CAPTURE(dtype);
      CAPTURE(model);
      const auto loaded = load(fixture(model), dtype);
      if (!loaded.ok() && loaded.error().message.find("is not supported") != std::string::npos) continue;
      REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
      CHECK((*loaded)->info().precision_check->lowest_cosine > 0.99);
      CHECK((*loaded)->info().precision_check->inputs == 6);
    }
  }
}

TEST_CASE("the limit of a text is that of the files, and up to the number of positions can be set") {
  const auto longest = load(fixture("multilingual-clip"), "float32", 160);
  REQUIRE(longest.ok());
  CHECK((*longest)->info().max_tokens == 160);
  const auto refused = load(fixture("multilingual-clip"), "float32", 161);
  REQUIRE_FALSE(refused.ok());
  has(refused.error().message, "takes from 2 to 160");
  const FolderCopy without("multilingual-clip");
  std::filesystem::remove(without.path() / "sentence_bert_config.json");
  const auto loaded = load(without.path());
  REQUIRE_MESSAGE(loaded.ok(), loaded.error().message);
  CHECK((*loaded)->info().max_tokens == 160);  // less than tokenizer_config.json's 512
}

TEST_CASE("a download that was not finished is named by the file that is missing") {
  for (const char* file : {"1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors"}) {
    const FolderCopy model("multilingual-clip");
    std::filesystem::remove(model.path() / file);
    const std::string fault = load_fault(model, ErrorCode::not_found);
    has(fault, (model.path() / file).string() + " is missing");
    has(fault, "the download was not finished");
  }
  const FolderCopy without_modules("multilingual-clip");
  std::filesystem::remove(without_modules.path() / "modules.json");
  has(load_fault(without_modules, ErrorCode::unsupported), "but modules.json beside it is missing");
  const FolderCopy without_weights("multilingual-clip");
  std::filesystem::remove(without_weights.path() / "model.safetensors");
  has(load_fault(without_weights, ErrorCode::not_found), "model.safetensors");
  const FolderCopy pickle("multilingual-clip");
  std::filesystem::remove(pickle.path() / "2_Dense/model.safetensors");
  pickle.write("2_Dense/pytorch_model.bin", "x");
  has(load_fault(pickle, ErrorCode::unsupported), "2_Dense has its weights only as pytorch_model.bin, a pickle");
}

TEST_CASE("modules that would change the vectors are refused by name") {
  const auto fault = [](const char* from, const char* to, ErrorCode code = ErrorCode::unsupported) {
    return fault_of("modules.json", from, to, code);
  };
  has(fault("sentence_transformers.models.Dense", "sentence_transformers.models.LayerNorm"),
      "modules.json: [2].type is \"sentence_transformers.models.LayerNorm\"");
  has(fault("sentence_transformers.models.Transformer", "custom_st.Transformer"),
      "[0].type is \"custom_st.Transformer\"");
  has(fault("sentence_transformers.models.Pooling", "sentence_transformers.models.Normalize"), "in this order");
  has(fault("\"path\": \"2_Dense\"", "\"path\": \"../2_Dense\"", ErrorCode::corrupt_data), "not a folder beside");
  has(fault("\"path\": \"1_Pooling\"", "\"path\": \"\"", ErrorCode::corrupt_data), "not a folder beside");
  has(fault("\"path\": \"\"", "\"path\": \"0_Transformer\""), "the Transformer must be in the model's folder itself");
  FolderCopy object("multilingual-clip");
  object.write("modules.json", "{}");
  has(load_fault(object, ErrorCode::corrupt_data), "modules.json does not hold a JSON list");
  object.write("modules.json", "[]");
  has(load_fault(object, ErrorCode::unsupported), "in this order");
  object.write("modules.json", "[1, 2]");
  has(load_fault(object, ErrorCode::corrupt_data), "modules.json: [0] is 1, not an object");
}

TEST_CASE("Normalize is accepted at the end only") {
  const FolderCopy end("multilingual-clip");
  end.edit("modules.json", "Dense\"\n }\n]",
           "Dense\"\n },{\"path\":\"3_Normalize\",\"type\":\"sentence_transformers.models.Normalize\"}]");
  const auto loaded = load(end.path());
  CHECK_MESSAGE(loaded.ok(), loaded.error().message);
  has(fault_of("modules.json", "\"idx\": 2,", "\"type\":\"sentence_transformers.models.Normalize\"},{",
               ErrorCode::unsupported),
      "in this order");
}

TEST_CASE("other poolings are refused") {
  const auto fault = [](const char* from, const char* to, ErrorCode code) {
    return fault_of("1_Pooling/config.json", from, to, code);
  };
  has(fault("\"pooling_mode_max_tokens\": false", "\"pooling_mode_max_tokens\": true", ErrorCode::unsupported),
      "1_Pooling/config.json: top level.pooling_mode is \"max+mean\"; mean and cls are supported");
  has(fault("\"pooling_mode_max_tokens\": false", "\"pooling_mode\": \"lasttoken\"", ErrorCode::unsupported),
      "is \"lasttoken\"");
  has(fault("\"word_embedding_dimension\": 48", "\"word_embedding_dimension\": 64", ErrorCode::corrupt_data),
      "word_embedding_dimension is 64, but the tokens of config.json have 48 numbers");
}

TEST_CASE("other Dense layers are refused") {
  const auto fault = [](const char* from, const char* to, ErrorCode code) {
    return fault_of("2_Dense/config.json", from, to, code);
  };
  has(fault("torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Tanh", ErrorCode::unsupported),
      "activation_function is \"torch.nn.modules.activation.Tanh\"; only torch.nn.modules.linear.Identity");
  has(fault("torch.nn.modules.linear.Identity", "my_layers.Identity", ErrorCode::unsupported), "my_layers.Identity");
  has(fault("\"activation_function\"", "\"other\"", ErrorCode::unsupported), "Tanh");  // its default
  has(fault("\"bias\"", "\"use_residual\": true, \"bias\"", ErrorCode::unsupported), "use_residual is true");
  has(fault("\"bias\"", "\"module_input_name\": \"token_embeddings\", \"bias\"", ErrorCode::unsupported),
      "module_input_name is \"token_embeddings\"");
  has(fault("\"in_features\": 48", "\"in_features\": 32", ErrorCode::corrupt_data), "in_features is 32");
  has(fault("\"out_features\": 32", "\"features\": 32", ErrorCode::corrupt_data), "out_features is missing");
  has(fault("\"out_features\": 32", "\"out_features\": 31", ErrorCode::corrupt_data),
      "2_Dense/linear.weight is F16 [32, 48], config.json requires a float [31, 48]");
  has(fault("\"bias\": false", "\"bias\": true", ErrorCode::corrupt_data), "missing (1): 2_Dense/linear.bias");
}

TEST_CASE("a configuration and tensors that do not fit are listed by name") {
  const std::string fault = fault_of("config.json", "\"n_layers\": 3", "\"n_layers\": 4", ErrorCode::corrupt_data);
  has(fault, "the tensors do not match config.json");
  has(fault, "transformer.layer.3.attention.q_lin.weight");
  has(fault_of("config.json", "\"n_layers\": 3", "\"n_layers\": 2", ErrorCode::corrupt_data), "unknown (16): ");
  // The names of the other kind.
  const std::string bert =
      fault_of("config.json", "\"model_type\": \"distilbert\"",
               "\"model_type\": \"bert\", \"hidden_size\": 48, \"num_attention_heads\": 4", ErrorCode::corrupt_data);
  has(bert, "encoder.layer.0.attention.self.query.weight");
  has(bert, "transformer.layer.0.attention.q_lin.weight");
}

TEST_CASE("encoders of other kinds are refused by the key") {
  has(fault_of("config.json", "\"activation\": \"gelu\"", "\"activation\": \"relu\"", ErrorCode::unsupported),
      "config.json: top level.activation is \"relu\"; only gelu");
  has(fault_of("config.json", "\"n_heads\": 4", "\"n_heads\": 5", ErrorCode::corrupt_data), "n_heads makes 5 heads");
  has(fault_of("config.json", "\"is_decoder\": false", "\"is_decoder\": true", ErrorCode::unsupported, "sentence-bert"),
      "is_decoder is true");
  has(fault_of("config.json", "\"hidden_act\"", "\"position_embedding_type\": \"relative_key\", \"hidden_act\"",
               ErrorCode::unsupported, "sentence-bert"),
      "position_embedding_type is \"relative_key\"");
  has(fault_of("config.json", "\"model_type\": \"distilbert\"", "\"model_type\": \"xlm-roberta\"",
               ErrorCode::unsupported),
      "bert and distilbert as text towers of sentence-transformers");
}

TEST_CASE("arguments for the parts of transformers, and settings under an old name, are refused") {
  for (const char* key : {"tokenizer_args", "processor_kwargs", "processing_kwargs", "model_args", "config_kwargs",
                          "query_expansion", "query_length"}) {
    const FolderCopy model("multilingual-clip");
    model.write("sentence_bert_config.json", std::string(R"({"max_seq_length":64,")") + key + R"(":{"a":1}})");
    has(load_fault(model, ErrorCode::unsupported),
        std::string("sentence_bert_config.json: top level.") + key + " is set");
    model.write("sentence_bert_config.json", std::string(R"({"max_seq_length":64,")") + key + R"(":{}})");
    CHECK(read_model_folder(model.path()).ok());
  }
  const FolderCopy model("multilingual-clip");
  std::filesystem::rename(model.path() / "sentence_bert_config.json", model.path() / "sentence_distilbert_config.json");
  has(load_fault(model, ErrorCode::unsupported), "rename it to sentence_bert_config.json");
}

TEST_CASE("settings that change texts are refused") {
  const FolderCopy model("multilingual-clip");
  model.write("sentence_bert_config.json", R"({"max_seq_length":128,"do_lower_case":true})");
  has(load_fault(model, ErrorCode::unsupported), "sentence_bert_config.json: top level.do_lower_case is true");
  model.write("sentence_bert_config.json", R"({"max_seq_length":161})");
  has(load_fault(model, ErrorCode::corrupt_data), "max_seq_length is 161, not an integer from 2 to 160");
  model.write("sentence_bert_config.json", R"({"transformer_task":"fill-mask"})");
  has(load_fault(model, ErrorCode::unsupported), "transformer_task is \"fill-mask\"");
  model.write("sentence_bert_config.json", "{}");
  model.write("config_sentence_transformers.json", R"({"prompts":{"query":"query: "},"default_prompt_name":"query"})");
  has(load_fault(model, ErrorCode::unsupported), "default_prompt_name is \"query\"");
  model.write("config_sentence_transformers.json", R"({"truncate_dim":16})");
  has(load_fault(model, ErrorCode::unsupported), "truncate_dim is 16; only vectors of the model's full length");
  model.write("config_sentence_transformers.json",
              R"({"prompts":{"query":""},"default_prompt_name":null,"truncate_dim":null})");
  model.write("tokenizer_config.json", R"({"do_lower_case":true})");
  has(load_fault(model, ErrorCode::corrupt_data), "normalizer contradicts do_lower_case");
}

TEST_CASE("one bit of any module's file changes the fingerprint") {
  const auto fingerprint = [](const FolderCopy& model) {
    const auto made = model_fingerprint(model.path(), "float32", false);
    REQUIRE_MESSAGE(made.ok(), made.error().message);
    return *made;
  };
  const FolderCopy one("multilingual-clip"), other("multilingual-clip");
  CHECK(fingerprint(one) == fingerprint(other));
  for (const char* file :
       {"modules.json", "config.json", "sentence_bert_config.json", "1_Pooling/config.json", "2_Dense/config.json",
        "tokenizer.json", "tokenizer_config.json", "config_sentence_transformers.json"}) {
    CAPTURE(file);
    const FolderCopy changed("multilingual-clip");
    changed.write(file, content_of(changed.path() / file) + " ");
    CHECK(fingerprint(changed) != fingerprint(one));
  }
  for (const char* file : {"model.safetensors", "2_Dense/model.safetensors"}) {
    CAPTURE(file);
    const FolderCopy changed("multilingual-clip");
    std::string bytes = content_of(changed.path() / file);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    changed.write(file, bytes);
    CHECK(fingerprint(changed) != fingerprint(one));
  }
}
