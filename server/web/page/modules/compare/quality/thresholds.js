// From which similarity on an answer is worth showing, for each model.
import { html } from "/page/vendored/preact-htm.js";
import { CopyButton } from "../../parts/copy.js";
import { grouped, percent } from "../../parts/numbers.js";
import { Swatch } from "../series.js";

function Threshold({ title, series, threshold }) {
  const score = Number(threshold.score.toFixed(5));
  return html`<li class="card threshold">
    <h4><${Swatch} series=${series} />${title}</h4>
    <p class="threshold-cosine"><strong class="number">${threshold.cosine.toFixed(3)}</strong> cosine</p>
    <dl>
      <div><dt>Precision</dt><dd class="number">${percent(threshold.precision)}</dd></div>
      <div><dt>Recall</dt><dd class="number">${percent(threshold.recall)}</dd></div>
      <div><dt>F1</dt><dd class="number">${threshold.f1.toFixed(3)}</dd></div>
    </dl>
    <p class="row"><code>min_score: ${score}</code><${CopyButton} text=${`"min_score": ${score}`} aria-label=${`Copy min_score for ${title}`}>Copy<//></p>
  </li>`;
}

function Cutoff({ title, series, cutoff }) {
  const similarity = Number(cutoff.cosine.toFixed(4));
  return html`<li class="card threshold">
    <h4><${Swatch} series=${series} />${title}</h4>
    <p class="threshold-cosine"><strong class="number">${cutoff.cosine.toFixed(3)}</strong> cosine, 95 % range ${cutoff.lowest.toFixed(3)} to ${cutoff.highest.toFixed(3)}</p>
    <dl>
      <div><dt>Wrong pairs</dt><dd class="number">${grouped(cutoff.wrong_pairs)}</dd></div>
      <div><dt>Shown of them</dt><dd class="number">${percent(cutoff.false_positive_rate, 2)}</dd></div>
      <div><dt>Recall</dt><dd class="number">${percent(cutoff.recall)}</dd></div>
    </dl>
    <p class="row"><code>similarity: ${similarity}</code><${CopyButton} text=${`"similarity": ${similarity}`} aria-label=${`Copy similarity for ${title}`}>Copy<//></p>
  </li>`;
}

/** columns: a document or undefined for each model. Nothing where the task has no cut-off. */
export function Cutoffs({ titles, columns }) {
  const found = columns.map((one, i) => ({ title: titles[i], series: i, cutoff: one?.direction_cutoff })).filter((one) => one.cutoff);
  if (found.length === 0) return null;
  return html`<section class="quality-part">
    <h3>Cut-off for ${grouped(found[0].cutoff.chosen_rate * 100)} % false positives</h3>
    <p class="soft small">At most this share of the wrong pairs of a query and an answer, over all sets of this task whose negatives are all wrong answers, has this similarity or more.
      <code>similarity</code> of a <code>knn</code> search is the cosine itself.</p>
    <ul class="thresholds cutoffs">${found.map((one) => html`<${Cutoff} key=${one.title} ...${one} />`)}</ul>
  </section>`;
}

/** columns: a document or undefined for each model. Nothing where no set has a threshold. */
export function Thresholds({ titles, columns }) {
  const found = columns.map((one, i) => ({ title: titles[i], series: i, threshold: one?.threshold })).filter((one) => one.threshold);
  if (found.length === 0) return null;
  return html`<section class="quality-part">
    <h3>Threshold</h3>
    <p class="soft small">Showing only answers of at least this similarity gives the highest F1 on this set: precision is the share of right answers among those shown,
      recall the share of right ones that are shown. On a field of similarity cosine <code>min_score</code> is (1 + cosine) / 2.</p>
    <ul class="thresholds">${found.map((one) => html`<${Threshold} key=${one.title} ...${one} />`)}</ul>
  </section>`;
}
