// One live chart: lines over the last five minutes, a legend with the values of now, and the same as a table.
import uPlot from "/page/vendored/uplot.js";
import { html, useEffect, useRef } from "/page/vendored/preact-htm.js";
import { grouped } from "../parts/numbers.js";

const k_height = 150;
const k_span_s = 300;
const k_dashes = [[], [7, 4], [2, 3], [10, 3, 2, 3], [1, 5]];
const k_table_rows = 10;

const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const seriesColour = (place) => colourOf(`--series-${(place % 5) + 1}`);

function axis(extra) {
  return {
    stroke: () => colourOf("--ink-soft"), font: '12px "Inter", system-ui, sans-serif',
    grid: { stroke: () => colourOf("--line"), width: 1 }, ticks: { show: false }, ...extra,
  };
}

/** From zero to at least `least`, with air above. */
const rangeFrom = (least, most) => (plot, low, high) => [0, most ?? Math.max(least, (Number.isFinite(high) ? high : 0) * 1.15)];

function optionsOf({ names, least, most, digits }, width) {
  return {
    width, height: k_height, legend: { show: false }, cursor: { show: false }, select: { show: false }, padding: [8, 8, 0, 0],
    scales: { x: { range: (plot, low, high) => [high - k_span_s, high] }, y: { range: rangeFrom(least, most) } },
    axes: [
      axis({ size: 24, space: 80, values: (plot, times) => times.map((time) => new Date(time * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })), incrs: [60, 120, 300] }),
      axis({ size: 46, space: 36, values: (plot, values) => values.map((value) => grouped(value, digits)) }),
    ],
    series: [{}, ...names.map((name, place) => ({
      label: name, width: 2, dash: k_dashes[place % 5], stroke: () => seriesColour(place), points: { show: false }, spanGaps: false,
    }))],
  };
}

/** Times in seconds and a list of values for each name; a gap where nothing was asked for more than 10 s. */
function dataOf(points, names) {
  const times = [], lists = names.map(() => []);
  points.forEach((point, place) => {
    if (place > 0 && point.time - points[place - 1].time > 10000) {
      times.push(points[place - 1].time / 1000 + 1);
      lists.forEach((list) => list.push(null));
    }
    times.push(point.time / 1000);
    lists.forEach((list, at) => list.push(point.values[names[at]] ?? null));
  });
  return [times, ...lists];
}

function usePlot(host, chart, points) {
  const plot = useRef(null);
  const key = chart.names.join("\n");
  const data = dataOf(points, chart.names);
  useEffect(() => {
    const made = new uPlot(optionsOf(chart, Math.max(120, host.current.clientWidth)), data, host.current);
    plot.current = made;
    const redraw = () => made.redraw(false, true);
    const resized = new ResizeObserver(([{ contentRect }]) => { if (contentRect.width > 0) made.setSize({ width: Math.floor(contentRect.width), height: k_height }); });
    resized.observe(host.current);
    addEventListener("sightline:theme", redraw);
    return () => {
      resized.disconnect();
      removeEventListener("sightline:theme", redraw);
      made.destroy();
    };
  }, [key]);
  useEffect(() => plot.current.setData(data), [points.at(-1)?.time, key]);
}

const said = (value, { digits, unit }) => (value === undefined || value === null ? "–" : grouped(value, digits) + unit);

/** The chart in a sentence. */
function inWords(chart, points) {
  const now = points.at(-1)?.values ?? {};
  const parts = chart.names.map((name) => {
    const values = points.map((point) => point.values[name]).filter((value) => value !== undefined && value !== null);
    return values.length === 0 ? `${name} nothing` : `${name} now ${said(now[name], chart)}, at most ${said(Math.max(...values), chart)}`;
  });
  return `${chart.title}, the last five minutes: ${parts.join("; ") || "nothing yet"}.`;
}

function Legend({ chart, points }) {
  const now = points.at(-1)?.values ?? {};
  return html`<ul class="chart-legend">
    ${chart.names.map((name, place) => html`<li key=${name}>
      <svg class=${`chart-key chart-key-${(place % 5) + 1}`} viewBox="0 0 20 4" aria-hidden="true"><line x1="0" y1="2" x2="20" y2="2" stroke-dasharray=${k_dashes[place % 5].join(" ")} /></svg>
      <span class="cut">${name}</span><b class="number">${said(now[name], chart)}</b>
    </li>`)}
  </ul>`;
}

function Table({ chart, points }) {
  const every = Math.max(1, Math.ceil(points.length / k_table_rows));
  const rows = points.filter((point, place) => (points.length - 1 - place) % every === 0).reverse();
  return html`<div class="chart-table" tabindex="0" role="region" aria-label=${`${chart.title} as a table`}><table class="table">
    <thead><tr><th scope="col">Time</th>${chart.names.map((name) => html`<th key=${name} scope="col" class="number">${name}</th>`)}</tr></thead>
    <tbody>${rows.map((point) => html`<tr key=${point.time}><td class="number-left">${new Date(point.time).toLocaleTimeString()}</td>
      ${chart.names.map((name) => html`<td key=${name} class="number">${said(point.values[name], chart)}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

/**
 * chart: {title, names, unit, digits, least (the least that the axis reaches), most}; points: [{time, values: {name: number}}].
 */
export function Chart({ chart, points, asTable }) {
  const host = useRef(null);
  usePlot(host, chart, points);
  return html`<figure class="card chart">
    <figcaption><h3>${chart.title}</h3></figcaption>
    <div class="chart-picture" role="img" aria-label=${inWords(chart, points)} ref=${host} hidden=${asTable}></div>
    ${asTable && html`<${Table} chart=${chart} points=${points} />`}
    <${Legend} chart=${chart} points=${points} />
  </figure>`;
}
