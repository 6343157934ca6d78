// Grouped bars on uPlot: a group a name, a bar a series. Bars differ in colour and hatching, and carry their number.
import { html, useLayoutEffect, useRef } from "/page/vendored/preact-htm.js";
import uPlot from "/page/vendored/uplot.js";
import { colorsNow, seriesProperty, useThemeNumber } from "../series.js";

const k_colors = ["--ink", "--ink-soft", "--line", "--surface", "--font"];
const k_most_group_width = 0.72; // of the room a group has
const k_bar_width = 0.32; // of it, of a bar that is alone or one of two
const k_least_width_for_numbers = 30; // pixels

/** The fill of series `i`: plain, then hatched in different directions, so that it can be told without colour. */
function patternOf(i, color, ground) {
  if (i % 5 === 0) return color;
  const ratio = devicePixelRatio;
  const size = 8 * ratio;
  const tile = Object.assign(document.createElement("canvas"), { width: size, height: size });
  const context = tile.getContext("2d");
  context.fillStyle = ground;
  context.fillRect(0, 0, size, size);
  context.strokeStyle = color;
  context.lineWidth = 3 * ratio;
  const lines = { 1: [[0, 1, 1, 0]], 2: [[0, 0, 1, 1]], 3: [[0, 0.5, 1, 0.5]], 4: [[0.5, 0, 0.5, 1]] }[i % 5];
  for (const [x, y, toX, toY] of lines) {
    for (const shift of [-1, 0, 1]) {
      const across = x !== toX && y !== toY ? shift : 0;
      context.beginPath();
      context.moveTo((x + across) * size - (toX - x) * size, y * size - (toY - y) * size);
      context.lineTo((toX + across) * size + (toX - x) * size, toY * size + (toY - y) * size);
      context.stroke();
    }
  }
  return context.createPattern(tile, "repeat");
}

const groupWidth = (series) => Math.min(k_most_group_width, k_bar_width * series);

/** Places of the bars of series `i`, in shares of the plot's width. */
function layoutOf(groups, series, i) {
  const size = groupWidth(series) / series / groups;
  const left = (group) => (group + (1 - groupWidth(series)) / 2) / groups + i * size;
  return { left: Array.from({ length: groups }, (_, group) => left(group)), size: Array(groups).fill(size * 0.9) };
}

function barsOf(groups, series, i) {
  const { left, size } = layoutOf(groups, series, i);
  return uPlot.paths.bars({
    radius: 0.08,
    disp: { x0: { unit: 2, values: () => left }, size: { unit: 2, values: () => size } },
  });
}

/** Writes each bar's number above it, if the bars are wide enough. */
function writeNumbers(plot, names, series, colors) {
  const { ctx: context, bbox } = plot;
  const ratio = devicePixelRatio;
  const width = (bbox.width * groupWidth(series.length)) / names.length / series.length;
  if (width < k_least_width_for_numbers * ratio) return;
  context.save();
  context.fillStyle = colors["--ink"];
  context.font = `550 ${11 * ratio}px ${colors["--font"]}`;
  context.textAlign = "center";
  series.forEach(({ values }, i) => {
    const { left, size } = layoutOf(names.length, series.length, i);
    values.forEach((value, group) => {
      if (value === undefined) return;
      context.fillText(value.toFixed(2), bbox.left + (left[group] + size[group] / 2) * bbox.width, plot.valToPos(value, "y", true) - 5 * ratio);
    });
  });
  context.restore();
}

function optionsOf(element, names, series, most) {
  const colors = colorsNow([...k_colors, ...series.map((one) => seriesProperty(one.series))]);
  const font = `12px ${colors["--font"]}`;
  return {
    width: element.clientWidth, height: element.clientHeight,
    legend: { show: false }, cursor: { show: false }, padding: [18, 8, 0, 0],
    scales: { x: { time: false, range: [-0.5, names.length - 0.5] }, y: { range: [0, most] } },
    axes: [
      { stroke: colors["--ink-soft"], font, grid: { show: false }, ticks: { show: false }, gap: 6, size: 30,
        splits: names.map((_, i) => i), values: () => names },
      { stroke: colors["--ink-soft"], font, grid: { stroke: colors["--line"], width: 1 }, ticks: { show: false }, size: 40, space: 36 },
    ],
    series: [{}, ...series.map((one, i) => {
      const color = colors[seriesProperty(one.series)];
      return { label: one.title, stroke: color, width: 1, fill: () => patternOf(one.series, color, colors["--surface"]), paths: barsOf(names.length, series.length, i), points: { show: false } };
    })],
    hooks: { draw: [(plot) => writeNumbers(plot, names, series, colors)] },
  };
}

/**
 * names: of the groups. series: [{title, series: number of its colour, values}], values from 0 to `most`. What it shows
 * must stand in a table beside it: to screen readers it is a picture named `label`.
 */
export function Bars({ names, series, most = 1, label }) {
  const element = useRef(null);
  const theme = useThemeNumber();
  // A layout effect: its end comes before the element goes.
  useLayoutEffect(() => {
    const place = element.current;
    const data = [names.map((_, i) => i), ...series.map((one) => one.values.map((value) => value ?? null))];
    const plot = new uPlot(optionsOf(place, names, series, most), data, place);
    const observer = new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: place.clientHeight }));
    observer.observe(place);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [theme, JSON.stringify([names, series, most])]);
  return html`<div class="bars" role="img" aria-label=${label} ref=${element}></div>`;
}
