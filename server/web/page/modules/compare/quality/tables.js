// The numbers of a run: all measures of one set, and one measure of all sets.
import { html } from "/page/vendored/preact-htm.js";
import { Icon } from "../../parts/icon.js";
import { grouped, percent } from "../../parts/numbers.js";
import { linkTo } from "../place.js";
import { Swatch } from "../series.js";
import { bestOf, inWords, k_measures, k_rank_names, firstRightRanks, mainMeasure, measuresOf } from "./measures.js";

function Value({ value, best }) {
  return html`<td class=${`number ${best ? "is-best" : ""}`}>
    ${best && html`<${Icon} name="check" /><span class="visually-hidden">best: </span>`}${inWords(value)}
  </td>`;
}

function ModelHeads({ models, titles }) {
  return models.map((model, i) => html`<th scope="col" class="number" key=${model}><${Swatch} series=${i} />${titles[i]}</th>`);
}

/** One row a measure, one column a model. columns: a document or undefined for each of `models`. */
export function MeasureTable({ models, titles, columns }) {
  const there = columns.filter(Boolean);
  return html`<div class="table-scroll"><table class="table measure-table">
    <caption class="visually-hidden">Measures of each model; the best of a row has a check mark</caption>
    <thead><tr><th scope="col">Measure</th><${ModelHeads} models=${models} titles=${titles} /></tr></thead>
    <tbody>${measuresOf(there).map(({ name, title, says, same }) => {
      const values = columns.map((one) => one?.metrics?.[name]);
      const best = same ? values.map(() => false) : bestOf(values);
      return html`<tr key=${name}><th scope="row">${title ?? name}<span class="measure-says">${says}</span></th>
        ${values.map((value, i) => html`<${Value} key=${models[i]} value=${value} best=${best[i]} />`)}</tr>`;
    })}</tbody>
  </table></div>`;
}

/** Where the first right answers came, as a table for those who do not see the plot. */
export function RankTable({ titles, columns }) {
  return html`<table class="visually-hidden"><caption>Queries by the rank of their first right answer</caption>
    <thead><tr><th scope="col">Model</th>${k_rank_names.map((name) => html`<th scope="col" key=${name}>${name}</th>`)}</tr></thead>
    <tbody>${columns.map((one, i) => html`<tr key=${titles[i]}><th scope="row">${titles[i]}</th>
      ${(firstRightRanks(one?.metrics) ?? []).map((share, rank) => html`<td key=${rank}>${percent(share)}</td>`)}</tr>`)}</tbody>
  </table>`;
}

/** One row a set, one column a model, in the task's main measure; the names choose the set. */
export function SetTable({ task, chosen, models, titles, parameters }) {
  const measure = mainMeasure(task.name);
  return html`<div class="table-scroll"><table class="table set-table">
    <caption>All sets of this task by ${k_measures.find((one) => one.name === measure).title ?? measure}</caption>
    <thead><tr><th scope="col">Set</th><th scope="col" class="number">Queries</th><${ModelHeads} models=${models} titles=${titles} /></tr></thead>
    <tbody>${task.sets.map(({ set, documents }) => {
      const values = models.map((model) => documents.find((one) => one.model === model)?.metrics?.[measure]);
      const best = bestOf(values);
      return html`<tr key=${set} class=${set === chosen ? "is-chosen" : ""}>
        <th scope="row"><a href=${linkTo(parameters, { task: task.name, set })} aria-current=${set === chosen ? "true" : undefined}>${set}</a></th>
        <td class="number">${grouped(documents[0].queries)}</td>
        ${values.map((value, i) => html`<${Value} key=${models[i]} value=${value} best=${best[i]} />`)}</tr>`;
    })}</tbody>
  </table></div>`;
}
