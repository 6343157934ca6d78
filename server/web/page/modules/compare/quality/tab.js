// How well the models find what they should: reports of sightline-eval, model beside model.
import { html, useEffect, useReducer } from "/page/vendored/preact-htm.js";
import { Button } from "../../parts/button.js";
import { CopyButton } from "../../parts/copy.js";
import { Empty, Failure, Message } from "../../parts/message.js";
import { grouped } from "../../parts/numbers.js";
import { isOfModel, titleOf } from "../../server/collections.js";
import { serverKey } from "../../server/credentials.js";
import { textOf } from "../../shell/router.js";
import { useAnswer } from "../answer.js";
import { change, linkTo } from "../place.js";
import { Swatch } from "../series.js";
import { Bars } from "./bars.js";
import { byTask, isOtherModel, k_index, loadRun, loadRuns, modelsOf } from "./evaluations.js";
import { firstRightRanks, k_rank_names, mainMeasure, measuresOf } from "./measures.js";
import { MeasureTable, RankTable, SetTable } from "./tables.js";
import { Cutoffs, Thresholds } from "./thresholds.js";
import { WorstQueries } from "./worst.js";

const inDays = (date) => (Number.isNaN(Date.parse(date)) ? date : new Date(date).toLocaleDateString("en", { year: "numeric", month: "long", day: "numeric" }));

function Skeleton() {
  return html`<div class="stack" aria-busy="true" aria-label="Loading">
    <div class="skeleton compare-skeleton-line"></div>
    <div class="quality-numbers"><div class="skeleton compare-skeleton-block"></div><div class="skeleton compare-skeleton-block"></div></div>
  </div>`;
}

/** The command that measures this server's models and saves the report where the page looks for it. */
function commandOf(models) {
  const measured = models.filter((one) => one.state === "ready" && one.owned_by === "sightline").map((one) => `--model ${one.id}`);
  // Where Sightline asks for a key of its own, only the Elasticsearch port itself can be used: its address is the user's to know.
  const cluster = serverKey() ? "" : ` --elasticsearch ${location.origin}/elasticsearch`;
  return ["build/release/bin/sightline-eval demo/attributes.csv --sets demo/eval/sets.json", `--server ${location.origin}`, ...measured, `--save${cluster}`].join(" ");
}

function NothingSaved({ installation, look }) {
  const command = commandOf(installation.models);
  return html`<${Empty} icon="compare" title="No evaluation is saved yet">
    <p>Measure the models on your own pictures, or on the demo's, and save the report in the index <code>${k_index}</code>. It then appears here.</p>
    <pre class="code-block" tabindex="0">${command}</pre>
    <div class="row"><${CopyButton} text=${command}>Copy the command<//><${Button} small icon="refresh" onClick=${look}>Refresh<//></div>
    <p class="small">Run it in the project's folder${serverKey() ? html`, with the server's key in <code>SIGHTLINE_API_KEY</code>` : ""}. docs/quality.md describes the table for your own pictures.</p>
  <//>`;
}

function Tasks({ tasks, current, parameters }) {
  return html`<nav class="chips" aria-label="Tasks">
    ${tasks.map(({ name, title, sets }) => html`<a key=${name} class="chip" href=${linkTo(parameters, { task: name, set: undefined })} aria-current=${name === current ? "true" : undefined}>
      ${title}<span class="faint number">${sets.length}</span></a>`)}
  </nav>`;
}

function RunChoice({ runs, run }) {
  const choose = (event) => change({ run: event.target.value, task: undefined, set: undefined });
  if (runs.length < 2) return null;
  return html`<label class="field quality-run"><span>Report</span><select class="select" value=${run.name} onChange=${choose}>
    ${runs.map(({ name, date }) => html`<option key=${name} value=${name}>${name} · ${inDays(date)}</option>`)}</select></label>`;
}

/** Which weights were measured, and whether they are those that answer now. */
function Measured({ models, titles, documents, served }) {
  const ofModel = models.map((model) => documents.find((one) => one.model === model));
  const others = ofModel.map((one, i) => (isOtherModel(one, served) ? titles[i] : undefined)).filter(Boolean);
  return html`<div class="stack">
    <ul class="measured">${ofModel.map((one, i) => html`<li key=${one.model}><${Swatch} series=${i} /><strong>${titles[i]}</strong>
      <span class="soft">${[titles[i] !== one.model && one.model, one.dims && `${one.dims} dims`].filter(Boolean).join(", ")}</span>
      ${one.model_fingerprint ? html`<code class="faint" title="Fingerprint of the weights that were measured">${one.model_fingerprint}</code>` : html`<span class="faint">no fingerprint</span>`}
      ${!served.some((now) => now.id === one.model) && html`<span class="tag">not served now</span>`}</li>`)}</ul>
    ${others.length > 0 && html`<${Message} kind="warn" title=${`${others.join(" and ")} ${others.length > 1 ? "answer" : "answers"} with other weights now`}>
      <p>The fingerprint of the served model differs from the measured one: these numbers do not apply to it. Run sightline-eval again.</p><//>`}
  </div>`;
}

function Plots({ titles, columns, names }) {
  const measured = measuresOf(columns.filter(Boolean)).filter((one) => one.plotted);
  const series = columns.map((one, i) => ({ title: titles[i], series: i, values: measured.map(({ name }) => one?.metrics?.[name]) }));
  const ranks = columns.map((one, i) => ({ title: titles[i], series: i, values: firstRightRanks(one?.metrics) })).filter((one) => one.values);
  return html`<div class="quality-plots">
    <figure class="card figure"><figcaption>Measures</figcaption>
      <${Bars} names=${measured.map((one) => one.title ?? one.name)} series=${series} label=${`Bars of the measures of ${names}; the same numbers as in the table`} /></figure>
    ${ranks.length > 0 && html`<figure class="card figure"><figcaption>Queries by the rank of their first right answer</figcaption>
      <${Bars} names=${k_rank_names} series=${ranks} label=${`Shares of queries by the rank of the first right answer, for ${names}; the numbers follow in a table`} />
      <${RankTable} titles=${titles} columns=${columns} /></figure>`}
  </div>`;
}

function SetResult({ run, task, set, models, titles, installation, parameters }) {
  const columns = models.map((model) => set.documents.find((one) => one.model === model));
  const [any] = set.documents;
  const facts = [`${grouped(any.queries ?? 0)} ${task.name === "zero-shot" ? "pictures" : "queries"}`, any.mean_right && `on average ${any.mean_right.toFixed(1)} right of ${grouped(Math.round(any.mean_candidates))}`,
    any.failed > 0 && `${grouped(any.failed ?? 0)} failed`].filter(Boolean).join(" · ");
  return html`<article class="stack quality-set">
    <header><h2>${set.set}</h2>${set.about && html`<p class="soft">${set.about}</p>`}<p class="faint small">${facts}</p></header>
    <div class="quality-numbers">
      <${MeasureTable} models=${models} titles=${titles} columns=${columns} />
      <${Plots} titles=${titles} columns=${columns} names=${titles.join(" and ")} />
    </div>
    <${Thresholds} titles=${titles} columns=${columns} />
    <${Cutoffs} titles=${titles} columns=${columns} />
    <${WorstQueries} run=${run} task=${task.name} set=${set.set} titles=${titles} columns=${columns} collections=${installation.collections} />
  </article>`;
}

function Run({ run, runs, documents, installation, parameters }) {
  const models = modelsOf(documents, installation.standard);
  const titles = models.map((model) => installation.standard.find((one) => isOfModel(one, model))?.title ?? titleOf(model));
  const tasks = byTask(documents, models);
  if (tasks.length === 0) return html`<${Empty} icon="compare" title="This report is empty"><p>No set of it could be measured. Run sightline-eval again.</p><//>`;
  const task = tasks.find((one) => one.name === parameters.get("task")) ?? tasks[0];
  const set = task.sets.find((one) => one.set === parameters.get("set")) ?? task.sets[0];
  const [any] = documents;
  return html`<div class="stack quality">
    <div class="row spread quality-head">
      <p class="soft">Measured on ${inDays(any.date)} with <code>${any.table}</code>, ${grouped(any.pictures ?? 0)} pictures${any.left_out_pictures > 0 ? `, ${grouped(any.left_out_pictures ?? 0)} left out` : ""}</p>
      <${RunChoice} runs=${runs} run=${run} />
    </div>
    <${Measured} models=${models} titles=${titles} documents=${documents} served=${installation.models} />
    <${Tasks} tasks=${tasks} current=${task.name} parameters=${parameters} />
    ${task.sets.length > 1 && html`<${SetTable} task=${task} chosen=${set.set} models=${models} titles=${titles} parameters=${parameters} />`}
    <${SetResult} key=${`${run.name}/${task.name}/${set.set}`} run=${run.name} task=${task} set=${set} models=${models} titles=${titles} installation=${installation} parameters=${parameters} />
  </div>`;
}

/** How often was looked for reports, and a function to look again; other credentials look again, too. */
function useLooks() {
  const [looks, look] = useReducer((number) => number + 1, 0);
  useEffect(() => {
    addEventListener("sightline:credentials", look);
    return () => removeEventListener("sightline:credentials", look);
  }, []);
  return [looks, look];
}

export function QualityTab({ parameters, installation }) {
  const without = !installation.page?.elasticsearch || installation.page.elasticsearch.kind === "none";
  const [looks, look] = useLooks();
  const runs = useAnswer(without ? undefined : loadRuns, [looks]);
  const wanted = textOf(parameters, "run");
  const run = runs.data?.find((one) => one.name === wanted) ?? runs.data?.[0];
  const documents = useAnswer(run ? (signal) => loadRun(run.name, signal) : undefined, [looks, run?.name]);
  if (without) {
    return html`<${Empty} icon="compare" title="No Elasticsearch side"><p>Reports are stored in Elasticsearch. Start sightline-server with <code>--embedded-elasticsearch</code>,
      or with <code>--elasticsearch-gateway URL</code> in front of a cluster.</p><//>`;
  }
  const error = runs.error ?? documents.error;
  if (error) return html`<${Failure} title="The reports cannot be read" error=${error}><${Button} onClick=${look}>Try again<//><//>`;
  if (runs.data?.length === 0) return html`<${NothingSaved} installation=${installation} look=${look} />`;
  if (!documents.data) return html`<${Skeleton} />`;
  return html`<${Run} run=${run} runs=${runs.data} documents=${documents.data} installation=${installation} parameters=${parameters} />`;
}
