#include "server/elastic/inference/services/hugging_face.h"

#include "server/elastic/inference/services/vendor_service.h"

namespace sightline::elastic {
namespace {

constexpr std::string_view k_name = "hugging_face";
constexpr int k_requests_per_minute = 3'000;

/// It has no task settings.
Refusal refuse_task_settings(const rapidjson::Value* object) {
  if (!object) return {};
  ValidationFaults none;
  return nothing_unknown(SettingsReader(*object, "task_settings", none), k_name);
}

class HuggingFaceService final : public VendorService {
 public:
  explicit HuggingFaceService(std::string url) : url_(std::move(url)) {}

  std::string_view name() const override { return k_name; }
  std::string_view title() const override { return "Hugging Face"; }
  std::string_view default_similarity() const override { return "cosine"; }
  std::string url() const override { return url_; }
  std::string rate_limit_group() const override { return url_; }
  bool takes_input_type() const override { return false; }
  bool cuts_texts() const override { return true; }

  void write_service_settings(json::Builder& out, const Endpoint& endpoint, bool for_store) const override {
    out.member("url", url_);
    write_vector_settings(out, endpoint);
    write_rate_limit(out, endpoint);
    if (for_store) write_api_key(out, endpoint);
  }

  void write_task_settings(json::Builder&) const override {}

  Answer<ServicePtr> with_task_settings(const rapidjson::Value& task_settings,
                                        const Endpoint& endpoint) const override {
    if (Refusal refusal = refuse_task_settings(&task_settings)) return *refusal;
    return endpoint.service;
  }

  Answer<std::string> body(const Endpoint&, const InferenceInput& input) const override {
    return json::Builder().object().member("inputs", json::Raw{inputs_json(input)}).text();
  }

 private:
  Answer<Embeddings> vectors_in(const rapidjson::Value& answer) const override {
    if (answer.IsArray()) return embeddings_at(answer, "$");
    if (!answer.IsObject() || !answer.HasMember("embeddings")) {
      return illegal_argument("Failed to find required field [embeddings] in Hugging Face embeddings response");
    }
    return embeddings_at(answer, "$.embeddings");
  }

  Failure failure_of(const http::Response& response, const Endpoint& endpoint) const override {
    const int status = response.status;
    const bool busy = status == 429 || status == 502 || status == 503;
    const auto lead = busy            ? usual_lead(429)
                      : status == 413 ? "Received a content too large status code"
                                      : usual_lead(status);
    return {error_of_status(lead, status, error_message(response.body, {"error"}), endpoint), busy, status == 413};
  }

  std::string url_;
};

}  // namespace

Refusal read_hugging_face(Endpoint& endpoint, const rapidjson::Value& service_settings,
                          const rapidjson::Value* task_settings, SettingsSource source) {
  ValidationFaults faults;
  SettingsReader settings(service_settings, "service_settings", faults);
  const auto url = read_url(settings, faults, true);
  read_vector_settings(endpoint, settings);
  if (Refusal refusal = read_rate_limit(endpoint, settings, faults, k_name, k_requests_per_minute)) return refusal;
  if (!faults.empty()) return faults.error();
  if (Refusal refusal = read_api_key(endpoint, settings, faults, source)) return refusal;
  if (Refusal unknown = nothing_unknown(settings, k_name)) return unknown;
  const auto task = task_settings_object(task_settings);
  if (!task) return task.error();
  if (Refusal refusal = refuse_task_settings(*task)) return refusal;
  endpoint.service = std::make_shared<const HuggingFaceService>(*url);
  return {};
}

}  // namespace sightline::elastic
