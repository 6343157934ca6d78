#include "server/serving/model_registry.h"

#include <algorithm>
#include <exception>
#include <future>
#include <set>
#include <utility>

namespace sightline::serving {
namespace {

constexpr std::size_t k_longest_name = 96;  // as at Hugging Face
constexpr std::string_view k_probe_text = "a photo of a house";
constexpr std::uint8_t k_probe_grey = 128;

/// A part of a name: what stands between slashes. `.` and `..` would be taken out of a URL's path.
bool is_name_part(std::string_view part) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  return !part.empty() && part != "." && part != ".." && std::all_of(part.begin(), part.end(), is_allowed);
}

bool is_name(std::string_view name) {
  if (name.size() > k_longest_name) return false;
  for (std::size_t slash = name.find('/'); slash != std::string_view::npos; slash = name.find('/')) {
    if (!is_name_part(name.substr(0, slash))) return false;
    name.remove_prefix(slash + 1);
  }
  return is_name_part(name);
}

models::PreparedImage grey_window(std::uint32_t edge) {
  return {std::vector<std::uint8_t>(std::size_t{edge} * edge * 3, k_probe_grey), edge, edge, edge, edge};
}

}  // namespace

const char* to_string(ModelState state) {
  switch (state) {
    case ModelState::loading:
      return "loading";
    case ModelState::ready:
      return "ready";
    case ModelState::failed:
      return "failed";
  }
  return "failed";
}

ModelStatus ModelRegistry::Model::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

std::uint64_t ModelRegistry::Model::edition() const {
  const std::lock_guard lock(mutex_);
  return edition_;
}

Result<std::unique_ptr<ModelRegistry>> ModelRegistry::create(std::vector<ModelSpec> specs, Loader loader,
                                                             BatchQueue& queue, Timer& timer, Fingerprint fingerprint) {
  if (specs.empty()) return Error{ErrorCode::invalid_argument, "no model: set at least one with --model NAME=FOLDER"};
  std::set<std::string> names;
  std::unique_ptr<ModelRegistry> registry(new ModelRegistry(std::move(loader), queue, timer, std::move(fingerprint)));
  for (ModelSpec& spec : specs) {
    if (!is_name(spec.name)) {
      return Error{ErrorCode::invalid_argument,
                   "model name [" + spec.name.substr(0, 2 * k_longest_name) +
                       "]: use up to 96 letters, digits, '.', '_' and '-', with single slashes between them "
                       "if needed (google/siglip2-base-patch16-224)"};
    }
    if (!names.insert(spec.name).second) {
      return Error{ErrorCode::invalid_argument, "model name [" + spec.name + "] appears twice: names must differ"};
    }
    Model& model = registry->models_.emplace_back();
    model.status_.name = spec.name;
    model.spec_ = std::move(spec);
  }
  return registry;
}

Status ModelRegistry::load_all() {
  Status first;
  for (Model& model : models_) {
    if (const Status status = load(model); !status && first) first = status;
  }
  return first;
}

Status ModelRegistry::load(Model& model) {
  const Timer::TimePoint began = timer_.now();
  Status status;
  // Beside the loading, as both read the same files; after it where there is no thread for that.
  std::future<Result<std::string>> fingerprint;
  if (fingerprint_)
    fingerprint = std::async(std::launch::async | std::launch::deferred, fingerprint_, model.spec_.embedder);
  const bool ran = queue_.run_on_model_thread([&] {
    try {
      status = load_on_this_thread(model);
    } catch (const std::exception& exception) {
      status = Error{ErrorCode::internal, exception.what()};
    }
  });
  if (!ran) status = Error{ErrorCode::overloaded, "the server is stopping"};
  std::string known_by;
  if (fingerprint.valid()) {
    try {
      auto found = fingerprint.get();
      if (found)
        known_by = *std::move(found);
      else if (status)
        status = found.error();
    } catch (const std::exception& exception) {
      if (status) status = Error{ErrorCode::internal, exception.what()};
    }
  }
  if (!status) {
    const std::string& texts = model.options().text_folder;
    status = Error{status.error().code, "model [" + model.name() + "] from " + model.options().folder +
                                            (texts.empty() ? "" : " with the texts of " + texts) + ": " +
                                            status.error().message};
  }
  const std::lock_guard lock(model.mutex_);
  model.status_.state = status ? ModelState::ready : ModelState::failed;
  if (!status) model.status_.reason = status.error().message;
  model.status_.fingerprint = std::move(known_by);
  model.status_.loaded = status.ok();
  model.status_.loaded_at = timer_.now();
  model.status_.loaded_on = std::chrono::system_clock::now();
  model.status_.load_seconds = in_seconds(model.status_.loaded_at - began);
  model.edition_ = ++editions_;
  return status;
}

Status ModelRegistry::load_on_this_thread(Model& model) {
  auto embedder = loader_(model.spec_.embedder);
  if (!embedder) return embedder.error();
  model.embedder_ = *std::move(embedder);
  {
    const std::lock_guard lock(model.mutex_);
    model.status_.info = model.embedder_->info();
  }
  if (Status status = model.embedder_->warm_up(); !status) return status;
  model.account_ = &queue_.add_model(model.name(), *model.embedder_);
  return probe_on_this_thread(model);
}

/// Keeps the vector that the watchdog compares with, and tells the queue how long one input takes.
Status ModelRegistry::probe_on_this_thread(Model& model) {
  const models::ModelInfo& info = model.embedder_->info();
  const auto timed = [&](const models::Prepared& input, Modality modality,
                         std::size_t cost) -> Result<std::vector<float>> {
    const Timer::TimePoint began = timer_.now();
    auto vectors = model.embedder_->embed({&input, 1});
    queue_.teach(model.account(), modality, cost, timer_.now() - began);
    if (vectors.size() != 1) return Error{ErrorCode::internal, "the probe input did not give one vector"};
    return std::move(vectors.front());
  };
  Result<std::vector<float>> vector = Error{ErrorCode::corrupt_data, "the model has neither a text nor a vision tower"};
  if (info.has_image) {
    model.probe_ = grey_window(info.image_size);
    vector = timed(model.probe_, Modality::image, std::size_t{info.image_size} * info.image_size);
    if (!vector) return vector.error();
  }
  if (info.has_text) {  // the cheaper of the two is the probe
    auto text = model.embedder_->prepare_text(k_probe_text, models::Truncate::end);
    if (!text) return text.error();
    const std::size_t tokens = text->ids.size();
    model.probe_ = *std::move(text);
    vector = timed(model.probe_, Modality::text, tokens);
  }
  if (!vector) return vector.error();
  model.probe_vector_ = *std::move(vector);
  return {};
}

Result<ModelRegistry::Model*> ModelRegistry::find(std::string_view name) {
  std::string known;
  for (Model& model : models_) {
    if (model.name() == name) {
      const std::lock_guard lock(model.mutex_);
      switch (model.status_.state) {
        case ModelState::ready:
          return &model;
        case ModelState::loading:
          return Error{ErrorCode::overloaded, "model [" + model.name() + "] is still loading: retry the request"};
        case ModelState::failed:
          return Error{ErrorCode::internal, model.status_.reason};
      }
    }
    known += (known.empty() ? "" : ", ") + model.name();
  }
  return Error{ErrorCode::not_found,
               "no model [" + std::string(name.substr(0, k_longest_name)) + "]; available: " + known};
}

std::vector<ModelRegistry::Model*> ModelRegistry::models() {
  std::vector<Model*> all;
  for (Model& model : models_) all.push_back(&model);
  return all;
}

std::vector<ModelStatus> ModelRegistry::list() const {
  std::vector<ModelStatus> all;
  for (const Model& model : models_) all.push_back(model.status());
  return all;
}

void ModelRegistry::report_probe(Model& model, const std::optional<Error>& problem) {
  const std::lock_guard lock(model.mutex_);
  if (!model.status_.loaded) return;
  const ModelState state = problem ? ModelState::failed : ModelState::ready;
  if (model.status_.state != state) model.edition_ = ++editions_;
  model.status_.state = state;
  model.status_.reason = problem ? problem->message : "";
}

}  // namespace sightline::serving
