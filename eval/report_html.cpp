#include <algorithm>
#include <set>
#include <string_view>

#include "base/base64.h"
#include "base/file_kind.h"
#include "eval/report.h"
#include "ingest/picture_files.h"
#include "server/http/message.h"

namespace sightline::eval {
namespace {

constexpr std::size_t k_shown_hits = 5;
constexpr std::size_t k_shown_confusions = 8;

constexpr std::string_view k_head = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data: file: 'self'">
<title>Sightline: retrieval quality</title>
<style>
:root{color-scheme:light dark;--line:#8884;--soft:#8882;--right:#2a9d4a;--wrong:#c0392b}
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin:2.2rem 0 .3rem;border-top:1px solid var(--line);padding-top:1rem}
h3{font-size:1rem;margin:1.2rem 0 .3rem}
p.about,p.note,.detail{opacity:.8;margin:.2rem 0}
table{border-collapse:collapse;margin:.6rem 0}
td,th{padding:.15rem .8rem .15rem 0;text-align:right;font-variant-numeric:tabular-nums;font-weight:400}
th:first-child{text-align:left}tr+tr td,tr+tr th{border-top:1px solid var(--soft)}td.top{font-weight:700}
.case{display:flex;flex-wrap:wrap;gap:.6rem;align-items:flex-start;margin:.5rem 0 1rem}
.asked{flex:0 0 14rem}.hit{flex:0 0 8.5rem;font-size:.8rem;overflow-wrap:anywhere}
.pic,.words{display:block;width:8.5rem;height:8.5rem;box-sizing:border-box;border-radius:4px;border:3px solid var(--line)}
.pic{background:var(--soft) center/contain no-repeat}.words{padding:.4rem;overflow:auto}
.yes{border-color:var(--right)}.no{border-color:var(--wrong)}
</style>
)";

void escape(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
}

std::string escaped(std::string_view text) {
  std::string out;
  escape(out, text);
  return out;
}

/// A path as a URL, relative to the report's folder.
std::string link_to(const std::filesystem::path& file, const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::path relative = std::filesystem::relative(file, folder, error);
  if (error || relative.empty()) relative = std::filesystem::absolute(file);
  std::string link = relative.is_absolute() ? "file://" : "";
  for (const auto& part : relative) {
    if (part == "/") continue;
    if (!link.empty() || relative.is_absolute()) link += link.ends_with('/') && link != "file://" ? "" : "/";
    link += http::percent_encode(part.string());
  }
  return link;
}

class Page {
 public:
  Page(const Evaluation& evaluation, const HtmlOptions& options) : evaluation_(evaluation), options_(options) {}

  std::string make() {
    overview();
    for (std::size_t i = 0; i < evaluation_.tasks.size(); ++i) set(i);
    for (std::size_t i = 0; i < evaluation_.label_tasks.size(); ++i) labels(i);
    failures();
    return std::string(k_head) + picture_styles() + "</head>\n<body>\n" + body_ + "</body>\n</html>\n";
  }

 private:
  void text(std::string_view words) { escape(body_, words); }

  /// A row with its best number in bold. A negative number means no value.
  void row(const std::string& name, const std::vector<double>& values) {
    const double best = *std::max_element(values.begin(), values.end());
    body_ += "<tr><th>" + escaped(name) + "</th>";
    for (const double value : values) {
      const bool top = values.size() > 1 && value == best && value >= 0;
      body_ += top ? "<td class=\"top\">" : "<td>";
      body_ += (value < 0 ? std::string("&ndash;") : decimal(value, 4)) + "</td>";
    }
    body_ += "</tr>\n";
  }

  void table_head() {
    body_ += "<table>\n<tr><th></th>";
    for (const ModelRun& model : evaluation_.models) body_ += "<th>" + escaped(model.description.name) + "</th>";
    body_ += "</tr>\n";
  }

  void overview() {
    body_ += "<h1>Retrieval quality</h1>\n<p>" + std::to_string(evaluation_.data.pictures().size()) +
             " pictures of <code>" + escaped(evaluation_.table) + "</code>, the same for every model";
    if (evaluation_.left_out_pictures + evaluation_.left_out_texts > 0) {
      body_ += "; <a href=\"#failures\">" + std::to_string(evaluation_.left_out_pictures) + " pictures and " +
               std::to_string(evaluation_.left_out_texts) + " texts</a> for which a model failed are left out for all";
    }
    body_ += ".</p>\n";
    for (const ModelRun& model : evaluation_.models) {
      body_ += "<h3>" + escaped(model.description.name) + "</h3>\n";
      std::string line = std::to_string(model.dims) + " dimensions";
      for (const std::string& detail : model.description.details) {
        if (!detail.starts_with("dims:")) line += " · " + detail;
      }
      if (model.truncated > 0) line += " · " + std::to_string(model.truncated) + " texts truncated";
      body_ += "<p class=\"detail\">" + escaped(line) + "</p>\n";
      thresholds(direction_thresholds(evaluation_, model));
    }
  }

  void thresholds(const std::vector<DirectionThreshold>& directions) {
    std::string best, cutoffs;
    for (const DirectionThreshold& of : directions) {
      if (of.best)
        best += std::string(best.empty() ? "Thresholds (cosine): " : " · ") + to_string(of.direction) + " " +
                decimal(of.best->cosine, 4);
      if (of.cutoff.ok())
        cutoffs += (cutoffs.empty()
                        ? "Cut-offs at " + percent_text(evaluation_.false_positive_rate) + " false positives (cosine): "
                        : " · ") +
                   to_string(of.direction) + " " + decimal(of.cutoff->cosine, 4) + " (95 % range " +
                   decimal(of.cutoff->lowest, 4) + " to " + decimal(of.cutoff->highest, 4) + ")";
    }
    for (const std::string& line : {best, cutoffs}) {
      if (!line.empty()) body_ += "<p class=\"detail\">" + escaped(line) + "</p>\n";
    }
  }

  void set(std::size_t number) {
    const Task& task = evaluation_.tasks[number];
    body_ += "<h2>" + escaped(task.set.name) + "</h2>\n";
    if (!task.set.about.empty()) body_ += "<p class=\"about\">" + escaped(task.set.about) + "</p>\n";
    const RetrievalResult* any = any_result(evaluation_, number);
    if (any == nullptr || any->outcomes.empty()) {
      body_ += "<p>Nothing could be measured.</p>\n";
      return;
    }
    body_ += "<p class=\"note\">" + std::string(to_string(task.set.direction)) + ", " +
             std::to_string(any->outcomes.size()) + " queries, on average " + decimal(any->mean_right, 1) +
             " right answers of " + decimal(any->mean_candidates, 1) + " candidates";
    const auto counted = [&](std::size_t count, const char* what) {
      if (count > 0) body_ += ", " + std::to_string(count) + " " + what;
    };
    counted(any->failed, "failed");
    counted(any->without_right, "without a right answer");
    counted(any->without_wrong, "without a wrong one");
    counted(task.not_asked, "not queried for lack of attributes");
    body_ += "</p>\n";
    table_head();
    for (std::size_t m = 0; m < measures().size(); ++m) {
      if (one_right_each(*any) && std::string_view(measures()[m].name).starts_with("hit@")) continue;
      std::vector<double> values;
      for (const ModelRun& model : evaluation_.models)
        values.push_back(model.retrieval[number] ? model.retrieval[number]->means[m] : -1);
      row(measures()[m].name, values);
    }
    threshold_rows(number);
    body_ += "</table>\n";
    for (const ModelRun& model : evaluation_.models) {
      if (model.retrieval[number]) examples(task, model, *model.retrieval[number]);
    }
  }

  /// The similarity from which on an answer is worth showing. No value in these rows is marked as best.
  void threshold_rows(std::size_t number) {
    const auto add = [&](const char* name, double Threshold::*value) {
      body_ += std::string("<tr><th>") + name + "</th>";
      for (const ModelRun& model : evaluation_.models) {
        const auto best = model.retrieval[number] ? model.retrieval[number]->pairs.best() : std::nullopt;
        body_ += "<td>" + (best ? decimal((*best).*value, 4) : std::string("&ndash;")) + "</td>";
      }
      body_ += "</tr>\n";
    };
    add("threshold (cosine)", &Threshold::cosine);
    add("precision there", &Threshold::precision);
    add("recall there", &Threshold::recall);
  }

  void examples(const Task& task, const ModelRun& model, const RetrievalResult& result) {
    const auto order = worst_first(result.outcomes);
    const std::size_t count = std::min(options_.examples, order.size());
    if (count == 0) return;
    body_ +=
        "<details><summary>" + escaped(model.description.name) + ": worst and best queries</summary>\n<h3>Worst</h3>\n";
    for (std::size_t i = 0; i < count; ++i) example(task, *order[i]);
    body_ += "<h3>Best</h3>\n";
    for (std::size_t i = 0; i < count; ++i) example(task, *order[order.size() - 1 - i]);
    body_ += "</details>\n";
  }

  void example(const Task& task, const QueryOutcome& outcome) {
    const Query& query = task.queries[outcome.query];
    body_ += "<div class=\"case\"><div class=\"asked\">";
    if (queries_are_texts(task.set.direction)) {
      body_ += "<b>" + escaped(query.words) + "</b>";
    } else {
      picture(query.input, "");
      text(query.words);
    }
    body_ += "<p class=\"note\">nDCG@10 " + decimal(ndcg_at(outcome.ranking, k_depth), 3) +
             ", first right answer at rank " + std::to_string(outcome.ranking.first_right_rank) + "; " +
             std::to_string(outcome.ranking.right_total) + " right of " + std::to_string(outcome.candidates) +
             "</p></div>\n";
    for (std::size_t i = 0; i < std::min(k_shown_hits, outcome.best.size()); ++i) hit(task, outcome.best[i]);
    body_ += "</div>\n";
  }

  void hit(const Task& task, const Hit& hit) {
    const std::uint32_t input = task.candidates[hit.candidate].input;
    const char* mark = hit.right ? "yes" : "no";
    body_ += "<div class=\"hit\">";
    if (candidates_are_texts(task.set.direction)) {
      body_ += std::string("<span class=\"words ") + mark + "\">" + escaped(evaluation_.inputs.texts()[input].text) +
               "</span>";
    } else {
      picture(input, mark);
      text(caption_of(input));
      body_ += "<br>";
    }
    body_ +=
        std::string(hit.right ? "right" : "wrong") + ", " + decimal(static_cast<double>(hit.score), 4) + "</div>\n";
  }

  std::string caption_of(std::uint32_t number) const {
    const Picture& picture = evaluation_.data.pictures()[number];
    for (const std::string& caption : picture.captions) {
      if (!caption.empty()) return caption;
    }
    return picture.name;
  }

  void picture(std::uint32_t number, const std::string& mark) {
    shown_.insert(number);
    const std::string name = escaped(evaluation_.data.pictures()[number].name);
    body_ += "<span class=\"pic p" + std::to_string(number) + (mark.empty() ? "" : " " + mark) +
             "\" role=\"img\" aria-label=\"" + name + "\" title=\"" + name + "\"></span>";
  }

  void labels(std::size_t number) {
    const LabelTask& task = evaluation_.label_tasks[number];
    body_ += "<h2>" + escaped(task.set.name) + "</h2>\n";
    if (!task.set.about.empty()) body_ += "<p class=\"about\">" + escaped(task.set.about) + "</p>\n";
    std::string templates;
    for (const std::string& one : task.set.templates) templates += (templates.empty() ? "" : "; ") + one;
    body_ += "<p class=\"note\">zero-shot classification, prompts: " + escaped(templates) + "</p>\n";
    table_head();
    const auto values_of = [&](auto value) {
      std::vector<double> values;
      for (const ModelRun& model : evaluation_.models)
        values.push_back(model.labels[number] ? value(*model.labels[number]) : -1);
      return values;
    };
    row("accuracy", values_of([](const LabelResult& r) { return r.accuracy; }));
    row("mean over labels", values_of([](const LabelResult& r) { return r.mean_of_labels; }));
    for (std::size_t label = 0; label < task.set.labels.size(); ++label) {
      row(task.set.labels[label].second, values_of([&](const LabelResult& r) {
            const auto& [right, all] = r.by_label[label];
            return all == 0 ? -1 : static_cast<double>(right) / static_cast<double>(all);
          }));
    }
    body_ += "</table>\n";
    for (const ModelRun& model : evaluation_.models) {
      if (model.labels[number]) confusions(task, model, *model.labels[number]);
    }
  }

  void confusions(const LabelTask& task, const ModelRun& model, const LabelResult& result) {
    std::size_t shown = 0;
    for (const Labelled& one : result.pictures) {
      if (one.truth == one.taken_for || shown == k_shown_confusions) continue;
      if (shown++ == 0)
        body_ += "<details><summary>" + escaped(model.description.name) +
                 ": taken for something else</summary>\n<div class=\"case\">";
      body_ += "<div class=\"hit\">";
      picture(one.picture, "no");
      text(task.set.labels[one.truth].second + " taken for " + task.set.labels[one.taken_for].second);
      body_ += "</div>\n";
    }
    if (shown > 0) body_ += "</div></details>\n";
  }

  void failures() {
    if (evaluation_.left_out_pictures + evaluation_.left_out_texts == 0) return;
    body_ += "<h2 id=\"failures\">Left out</h2>\n<ul>\n";
    for (const ModelRun& model : evaluation_.models) {
      for (const ModelRun::Failure& failure : model.failures) {
        body_ += "<li>" + escaped(model.description.name) + ": " + escaped(failure.input) + ": " +
                 escaped(failure.reason) + "</li>\n";
      }
    }
    body_ += "</ul>\n";
  }

  /// Each shown picture is in the page once, as a style.
  std::string picture_styles() const {
    std::string styles = "<style>\n";
    for (const std::uint32_t number : shown_) {
      const Picture& picture = evaluation_.data.pictures()[number];
      std::string source = link_to(picture.path, options_.folder);
      const auto content = ingest::read_file(picture.path, options_.max_embedded_bytes);
      if (content.ok()) {
        if (const auto format = picture_format(*content))
          source = "data:" + std::string(media_type_of(*format)) + ";base64," + base64_encode(*content);
      }
      styles += ".p" + std::to_string(number) + "{background-image:url(\"" + source + "\")}\n";
    }
    return styles + "</style>\n";
  }

  const Evaluation& evaluation_;
  const HtmlOptions& options_;
  std::string body_;
  std::set<std::uint32_t> shown_;
};

}  // namespace

constexpr std::string_view k_title = "<title>Sightline: retrieval quality</title>\n";
const std::string_view k_html_beginning = k_head.substr(0, k_head.find(k_title) + k_title.size());

std::string html_text(const Evaluation& evaluation, const HtmlOptions& options) {
  return Page(evaluation, options).make();
}

}  // namespace sightline::eval
