#include "models/model_folder/xlm_roberta_config.h"

#include <algorithm>
#include <vector>

#include "models/model_folder/required_values.h"

namespace sightline::models {
namespace {

constexpr const char* k_model = "jina-clip-v2";
constexpr TransformerConfig k_defaults{1024, 16, 24, 4096, 1e-5, Activation::gelu};
constexpr std::uint32_t k_max_rank = 1'024;
constexpr rapidjson::SizeType k_max_tasks = 100;

/// The keys of the adapters.
struct Adapters {
  std::vector<std::string> tasks;  ///< lora_adaptations
  std::uint32_t rank = 4;
  double alpha = 1;  ///< the default of jina-embeddings-v3
};

void read_tasks(ObjectReader& reader, std::vector<std::string>& tasks) {
  const rapidjson::Value* list = reader.member("lora_adaptations");
  if (list == nullptr) return;
  tasks.clear();
  bool good = list->IsArray() && list->Size() >= 1 && list->Size() <= k_max_tasks;
  for (rapidjson::SizeType i = 0; good && i < list->Size(); ++i) {
    good = (*list)[i].IsString();
    if (good) tasks.emplace_back((*list)[i].GetString(), (*list)[i].GetStringLength());
  }
  if (!good) reader.refuse("lora_adaptations", ErrorCode::corrupt_data, "is not an array of 1 to 100 names of tasks");
}

/// What both text_config and hf_model_config_kwargs may contain.
void read_values(ObjectReader& reader, XlmRobertaTextConfig& config, Adapters& adapters) {
  config.transformer = read_transformer(reader, config.transformer);
  config.vocabulary_size = reader.integer("vocab_size", config.vocabulary_size, 1, k_max_vocabulary);
  config.token_types = reader.integer("type_vocab_size", config.token_types, 1, 1024);
  config.rotary_base = reader.number("rotary_emb_base", config.rotary_base, 1, 1e9);
  adapters.rank = reader.integer("lora_rank", adapters.rank, 1, k_max_rank);
  adapters.alpha = reader.number("lora_alpha", adapters.alpha, 0, 1e6);
  read_tasks(reader, adapters.tasks);
  // use_flash_attn chooses among kernels of the same mathematics; load_trained_adapters, lora_dropout_p and
  // lora_main_params_trainable are for training; task_instructions are for calls that name a task.
  RequiredValues required(reader, k_model);
  required.string("hidden_act", "gelu");
  required.string("position_embedding_type", "rotary");
  required.boolean("rotary_emb_interleaved", false);
  required.number("rotary_emb_fraction", 1);
  required.absent("rotary_emb_scale_base");
  required.boolean("use_qk_norm", false);
  required.integer("pad_token_id", 1);
}

/// The set of changes for texts without a task.
void choose_adapter(ObjectReader& reader, const Adapters& adapters, AdapterConfig& config) {
  const std::string task = reader.string("default_lora_task", "");
  if (task.empty()) {
    return reader.refuse("default_lora_task", ErrorCode::unsupported,
                         "is missing; jina-clip-v2 has \"retrieval.query\", and without a task its adapter would not "
                         "be used, which is not supported");
  }
  const auto found = std::find(adapters.tasks.begin(), adapters.tasks.end(), task);
  if (found == adapters.tasks.end()) {
    return reader.refuse("default_lora_task", ErrorCode::corrupt_data,
                         "is \"" + task + "\", which is not among hf_model_config_kwargs.lora_adaptations");
  }
  config = {static_cast<std::uint32_t>(adapters.tasks.size()),
            static_cast<std::uint32_t>(found - adapters.tasks.begin()), adapters.rank, adapters.alpha / adapters.rank};
}

}  // namespace

Result<XlmRobertaTextConfig> read_xlm_roberta_config(const rapidjson::Value* text_config, const std::string& place) {
  ObjectReader reader(text_config, place);
  XlmRobertaTextConfig config{k_defaults, 250'002, 1, 20'000, {}};
  Adapters adapters;
  read_values(reader, config, adapters);
  if (!reader.status()) return reader.status().error();
  ObjectReader overrides(reader.member("hf_model_config_kwargs"), place + ".hf_model_config_kwargs");
  read_values(overrides, config, adapters);
  constexpr std::uint32_t k_halves = 2;
  check_rotary_heads(overrides, "num_attention_heads", config.transformer, k_halves);
  if (!overrides.status()) return overrides.status().error();
  choose_adapter(reader, adapters, config.adapter);
  if (!reader.status()) return reader.status().error();
  return config;
}

}  // namespace sightline::models
