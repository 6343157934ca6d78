// Prometheus' text format, as far as this server writes it. Nothing here needs a browser.

const k_line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?[ \t]+(\S+)/;
const k_label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const k_escapes = { n: "\n", "\\": "\\", '"': '"' };

function labelsOf(text) {
  const labels = {};
  for (const [, name, value] of (text ?? "").matchAll(k_label)) labels[name] = value.replace(/\\(.)/g, (whole, one) => k_escapes[one] ?? whole);
  return labels;
}

function numberOf(text) {
  if (text === "+Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  return Number(text); // "NaN" too
}

/** The samples by name: Map of "sightline_http_requests_total" to [{labels, value}]. Lines that are none are left out. */
export function parseMetrics(text) {
  const samples = new Map();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, labels, value] = k_line.exec(line) ?? [];
    if (name === undefined) continue;
    if (!samples.has(name)) samples.set(name, []);
    samples.get(name).push({ labels: labelsOf(labels), value: numberOf(value) });
  }
  return samples;
}
