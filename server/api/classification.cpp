#include "server/api/classification.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/json/builder.h"
#include "server/api/elastic.h"
#include "server/api/embed.h"
#include "server/api/vectors.h"

namespace sightline::api {
namespace {

struct Judgement {
  std::vector<double> probabilities;  ///< one a label
  std::vector<std::size_t> order;     ///< labels, the likeliest first
};

/// What becomes of the judgements of a request's inputs.
using RenderJudgements =
    std::function<http::Response(const LabelSet&, const std::vector<Judgement>&, std::span<const serving::Embedding>)>;

LabelSet read_labels(FieldReader& fields, const LabelBook& book) {
  LabelSet set;
  const auto labels = fields.strings("labels");
  const auto name = fields.string("label_set");
  if (labels && name) {
    fields.fail("label_set", {ErrorCode::invalid_argument, "[labels] and [label_set]: send one of them"});
  } else if (labels) {
    set.labels.assign(labels->begin(), labels->end());
  } else if (const LabelSet* const known = name ? book.find(std::string(*name)) : nullptr) {
    set = *known;
  } else {
    const std::string sets = book.names().empty() ? "there is none" : "there is: " + book.names();
    const std::string problem =
        name ? "no label set [" + std::string(name->substr(0, 64)) + "] here" : "[labels] are missing";
    fields.fail(name ? "label_set" : "labels",
                {ErrorCode::invalid_argument,
                 problem + ": send [labels], an array of strings, or [label_set], one of (" + sets + ")"});
  }
  if (const auto prompt = fields.string("prompt_template")) set.prompt_template = *prompt;
  if (!fields.ok()) return set;
  if (const Status good = check(set); !good) fields.fail(name ? "label_set" : "labels", good.error());
  return set;
}

Judgement judge(std::span<const float> input, std::span<const serving::Embedding> labels, double logit_scale) {
  Judgement judgement;
  for (const serving::Embedding& label : labels) {
    judgement.probabilities.push_back(logit_scale * cosine(input, label.values));
  }
  auto& values = judgement.probabilities;
  const double largest = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (double& value : values) sum += value = std::exp(value - largest);
  for (double& value : values) value /= sum;
  judgement.order.resize(values.size());
  std::iota(judgement.order.begin(), judgement.order.end(), std::size_t{0});
  std::stable_sort(judgement.order.begin(), judgement.order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  return judgement;
}

std::string place_of_label(std::size_t label) {
  return "label " + std::to_string(label);
}

/// The prompts of labels, as contents to be embedded after the inputs.
void append_prompts(const LabelSet& set, std::vector<Content>& contents) {
  for (std::size_t i = 0; i < set.labels.size(); ++i) {
    const std::string place = place_of_label(i);
    contents.push_back({place, {{serving::Modality::text, set.prompt(i), place}}, {}, false});
  }
}

void classify_and_reply(const Context& context, ExchangePtr exchange, const std::string& model, LabelSet set,
                        EmbedFields fields, RenderJudgements render) {
  const auto info = model_info(context, model);
  if (info && info->logit_scale <= 0) {
    return exchange->fail({ErrorCode::unsupported, "model [" + model +
                                                       "] has no logit scale, so it gives no probabilities: use "
                                                       "one that has, or compare the vectors yourself"},
                          "model");
  }
  const std::size_t longest = context.limits.inputs.max_text_bytes;
  for (std::size_t i = 0; i < set.labels.size(); ++i) {
    if (set.prompt_bytes(i) <= longest) continue;
    return exchange->fail({ErrorCode::too_large, place_of_label(i) + ": its text has " +
                                                     std::to_string(set.prompt_bytes(i)) + " bytes, the limit is " +
                                                     std::to_string(longest) + ": shorten the label or the template"},
                          "labels");
  }
  const std::size_t inputs = fields.contents.size();
  append_prompts(set, fields.contents);
  const auto finish = [&context, model, inputs, set = std::move(set),
                       render = std::move(render)](serving::Embeddings embeddings) -> Result<http::Response> {
    const auto now = model_info(context, model);  // of a model that has just answered
    if (!now || now->logit_scale <= 0) return Error{ErrorCode::overloaded, "the model is not ready: retry"};
    const auto all = std::span<const serving::Embedding>(embeddings);
    const auto judged = all.first(inputs), labels = all.subspan(inputs);
    std::vector<Judgement> judgements;
    for (const serving::Embedding& input : judged) {
      judgements.push_back(judge(input.values, labels, now->logit_scale));
    }
    http::Response response = render(set, judgements, judged);
    std::vector<std::string> cut;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (labels[i].truncated) cut.push_back(place_of_label(i));
    }
    warn_of_cuts(response, cut);  // two that are cut to the same text cannot be told apart
    return response;
  };
  embed_and_reply(context, std::move(exchange), model, std::move(fields), finish);
}

http::Response render_completion(const LabelSet& set, const std::vector<Judgement>& judgements,
                                 std::span<const serving::Embedding> inputs) {
  json::Builder answer;
  answer.object().array("completion");
  for (const Judgement& judgement : judgements) {
    answer.object().member("result", set.labels[judgement.order.front()]).end();
  }
  return json_answer(answer.text(), inputs);
}

http::Response render_classes(const std::string& model, const LabelSet& set, const std::vector<Judgement>& judgements,
                              std::span<const serving::Embedding> inputs) {
  json::Builder answer;
  answer.object().member("object", "list").member("model", model).array("data");
  for (std::size_t i = 0; i < judgements.size(); ++i) {
    const Judgement& judgement = judgements[i];
    answer.object().member("object", "classification").member("index", i);
    answer.member("label", set.labels[judgement.order.front()]).array("probabilities");
    for (const std::size_t label : judgement.order) {
      answer.object().member("label", set.labels[label]);
      answer.member("probability", static_cast<float>(judgement.probabilities[label])).end();
    }
    answer.end().end();
  }
  const std::size_t tokens = total_tokens(inputs);
  answer.end().object("usage").member("prompt_tokens", tokens).member("total_tokens", tokens);
  return json_answer(answer.text(), inputs);
}

}  // namespace

void elastic_completion(const Context& context, ExchangePtr exchange) {
  const auto body = parse_json(exchange->request.body);
  if (!body) return exchange->fail(body.error());
  FieldReader fields(*body);
  refuse_members(fields, "completion", {"query", "top_n", "return_documents", "input_type"});
  LabelSet set;
  if (const rapidjson::Value* const settings = fields.object("task_settings")) {
    FieldReader nested(*settings);
    set = read_labels(nested, context.labels);
    if (!nested.ok()) fields.fail("task_settings", nested.error());
  } else {
    const rapidjson::Value none(rapidjson::kObjectType);
    FieldReader nested(none);
    set = read_labels(nested, context.labels);
    fields.fail("task_settings", {nested.error().code, "in [task_settings] " + nested.error().message});
  }
  EmbedFields inputs;
  inputs.modality = read_modality(fields);
  inputs.truncate = read_truncate(fields);
  inputs.contents = read_input(fields, inputs.modality, context.limits.inputs);
  if (!fields.ok()) return exchange->fail(fields.error(), fields.field());
  const std::string model = exchange->wildcards.front();
  classify_and_reply(context, std::move(exchange), model, std::move(set), std::move(inputs), render_completion);
}

void classify(const Context& context, ExchangePtr exchange) {
  const auto body = parse_json(exchange->request.body);
  if (!body) return exchange->fail(body.error());
  FieldReader fields(*body);
  const std::string model = read_model(fields);
  LabelSet set = read_labels(fields, context.labels);
  EmbedFields inputs;
  read_input_type(fields, inputs);
  inputs.truncate = read_truncate(fields);
  inputs.contents = read_input(fields, inputs.modality, context.limits.inputs);
  if (!fields.ok()) return exchange->fail(fields.error(), fields.field());
  classify_and_reply(context, std::move(exchange), model, std::move(set), std::move(inputs),
                     [model](const LabelSet& labels, const std::vector<Judgement>& judgements,
                             std::span<const serving::Embedding> judged) {
                       return render_classes(model, labels, judgements, judged);
                     });
}

}  // namespace sightline::api
