// A pipeline's definition and a document for it, in two parts.
#include "server/elastic/pipelines/pipeline.h"

#include "fuzz/target.h"
#include "server/elastic/rest/json_tape.h"

using namespace sightline;
using namespace sightline::elastic;

namespace {

/// Returns the same vector for every text, and has no other pipeline.
class Host final : public PipelineHost {
 public:
  void infer(const std::string&, std::vector<std::string_view> texts,
             std::function<void(Answer<Embeddings>)> answer) override {
    answer(Embeddings(texts.size(), {0.5f, 1}));
  }
  std::optional<Answer<std::shared_ptr<const Pipeline>>> pipeline(const std::string&) override {
    return Answer<std::shared_ptr<const Pipeline>>(std::shared_ptr<const Pipeline>());
  }
  void look_up_pipeline(const std::string&, std::function<void()> found) override { found(); }
  bool has_cluster() const override { return false; }
  bool leaves_model(const std::string&) override { return false; }
  void run_in_cluster(std::string, IngestDocument&, bool,
                      std::function<void(std::optional<IngestFailure>)> done) override {
    done({});
  }
  void evaluate(const std::string&, const IngestDocument&, std::function<void(Answer<bool>)> done) override {
    done(true);
  }
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto [definition, source] = fuzz::halves_of(fuzz::text_of(data, size));
  auto config = rest::parse_as_written(definition);
  if (!config || !config->IsObject()) return 0;
  const auto pipeline = Pipeline::parse("p", *std::move(config));
  if (!pipeline) {
    pipeline.error().envelope_json();
    return 0;
  }
  auto document = rest::parse_as_written(source.empty() ? R"({"a":"x","b":[1,{"c":2.5}],"d":{"e":null}})" : source);
  if (!document || !document->IsObject() || (*pipeline)->refusal_without_cluster() || (*pipeline)->refusal_of_size())
    return 0;
  IngestDocument running({"index", "1", {}}, *std::move(document));
  run_pipeline(*pipeline, running, std::make_shared<Host>(), [](Refusal refusal) {
    if (refusal) refusal->envelope_json();
  });
  fuzz::require(rest::parse_as_written(running.source_json()).ok(), "a document stays JSON");
  return 0;
}
