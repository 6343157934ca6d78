// From which similarity on an answer is worth showing, for each model.
import { html } from "/page/vendored/preact-htm.js";
import { CopyButton } from "../../parts/copy.js";
import { percent } from "../../parts/numbers.js";
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
