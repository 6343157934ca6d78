// The charts of the status view.
import { html, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Failure } from "../parts/message.js";
import { Chart } from "./chart.js";

const k_most_names = 5;

// of: what of a point is shown; names: those that always have a line; only: no others; words: how names are called.
const k_charts = [
  { id: "requests", title: "Requests per second", of: "requests", names: ["Embedding", "Elasticsearch", "Pictures", "Page and status"], only: true, unit: "", digits: 1, least: 1 },
  { id: "latency", title: "Time to answer, embedding requests", of: "latency", names: ["p50", "p95", "p99"], only: true, unit: " ms", digits: 0, least: 10 },
  { id: "inputs", title: "Embedded per second", of: "inputs", names: ["text", "image"], words: { text: "texts", image: "pictures" }, only: true, unit: "", digits: 1, least: 1 },
  { id: "queue", title: "Inputs in the queue", of: "queue", names: [], unit: "", digits: 0, least: 4 },
  { id: "batch", title: "Inputs per batch", of: "batch", names: ["text", "image"], words: { text: "texts", image: "pictures" }, only: true, unit: "", digits: 1, least: 4 },
  { id: "errors", title: "Errors per second", of: "errors", names: [], none: "errors", unit: "", digits: 2, least: 1 },
  { id: "pictures", title: "Thumbnails from the cache", of: "pictures", names: ["thumbnails"], only: true, unit: " %", digits: 0, least: 100, most: 100, needs: (latest) => Object.keys(latest.counters.pictures).length > 0 },
  { id: "memory", title: "Memory", of: "memory", names: ["resident"], words: { resident: "in RAM" }, only: true, unit: " MB", digits: 0, least: 100, scale: 1e-6 },
  { id: "cpu", title: "Processors in use", of: "cpu", names: ["processors"], only: true, unit: "", digits: 2, least: 1 },
];

/** The names of a chart's lines: those it always has, then those with the most, and a line of zeros if there is none. */
function namesOf(chart, points) {
  if (chart.only) return chart.names;
  const sums = new Map();
  for (const point of points) for (const [name, value] of Object.entries(point[chart.of])) sums.set(name, (sums.get(name) ?? 0) + (value ?? 0));
  const found = [...sums].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, k_most_names).map(([name]) => name).sort();
  return found.length > 0 ? found : [chart.none ?? "queue"];
}

function shown(chart, points) {
  const names = namesOf(chart, points);
  const word = (name) => chart.words?.[name] ?? name;
  const value = (point, name) => {
    const one = point[chart.of][name];
    return one === undefined ? (chart.none === name ? 0 : undefined) : one * (chart.scale ?? 1);
  };
  return {
    chart: { ...chart, names: names.map(word) },
    points: points.map((point) => ({ time: point.time, values: Object.fromEntries(names.map((name) => [word(name), value(point, name)])) })),
  };
}

/** history: of useHistory(); paused, setPaused: whether it is asked. */
export function Charts({ history, paused, setPaused }) {
  const [asTable, setAsTable] = useState(false);
  const charts = k_charts.filter((chart) => !chart.needs || (history.latest && chart.needs(history.latest)));
  return html`<section class="stack" aria-labelledby="status-charts">
    <div class="row spread">
      <h2 id="status-charts">Live, the last five minutes</h2>
      <div class="row">
        <${Button} small icon="table" pressed=${asTable} onClick=${() => setAsTable(!asTable)}>As tables<//>
        <${Button} small icon=${paused ? "play" : "pause"} pressed=${paused} onClick=${() => setPaused(!paused)}>Pause<//>
      </div>
    </div>
    ${history.error && html`<${Failure} title="The metrics cannot be read" error=${history.error} />`}
    <div class="charts">${charts.map((chart) => html`<${Chart} key=${chart.id} ...${shown(chart, history.points)} asTable=${asTable} />`)}</div>
  </section>`;
}
