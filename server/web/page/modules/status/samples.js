// From what /metrics says to what the charts show. Nothing here needs a browser.

const k_kept_ms = 300000;
const k_rate_ms = 6000; // rates are those of this time before a point
const k_latency_ms = 30000;
const k_embedding = /^\/(?:v1\/(?:embeddings|embed|classify)|v2\/embed|hugging_face\/|_inference\/)/;

/** The group of a route in the charts. */
export function groupOf(route) {
  if (k_embedding.test(route)) return "Embedding";
  if (route.startsWith("/elasticsearch")) return "Elasticsearch";
  if (route.startsWith("/pictures")) return "Pictures";
  return "Page and status";
}

/** Sums the samples of a name by what `key(labels)` gives; undefined is left out. */
function sums(samples, name, key) {
  const found = {};
  for (const { labels, value } of samples.get(name) ?? []) {
    const one = key(labels);
    if (one !== undefined) found[one] = (found[one] ?? 0) + value;
  }
  return found;
}

const first = (samples, name) => samples.get(name)?.[0]?.value;

/** What is kept of one reading of /metrics (of parseMetrics()), at `time` in ms. */
export function reading(samples, time) {
  const embedding = (labels) => (k_embedding.test(labels.route ?? "") ? labels.le : undefined);
  return {
    time,
    counters: {
      requests: sums(samples, "sightline_http_requests_total", ({ route = "" }) => groupOf(route)),
      inputs: sums(samples, "sightline_inputs_total", ({ modality }) => modality),
      errors: { ...sums(samples, "sightline_requests_refused_total", ({ code }) => code), ...sums(samples, "sightline_inputs_dropped_total", ({ reason }) => `dropped: ${reason}`) },
      pictures: sums(samples, "sightline_pictures_total", ({ from }) => from),
      batches: sums(samples, "sightline_batch_size_count", ({ modality }) => modality),
      batched: sums(samples, "sightline_batch_size_sum", ({ modality }) => modality),
      latency: sums(samples, "sightline_http_request_seconds_bucket", embedding),
      cpu: { seconds: first(samples, "process_cpu_seconds_total") ?? 0 },
    },
    queue: sums(samples, "sightline_queue_items", ({ model }) => model),
    memory: first(samples, "process_resident_memory_bytes"),
    started: first(samples, "process_start_time_seconds"),
  };
}

/** What was counted between two readings, by name. After a restart, what was counted since. */
function counted(from, to, name) {
  const restarted = from.started !== to.started;
  const before = restarted ? {} : from.counters[name];
  return Object.fromEntries(Object.entries(to.counters[name]).map(([key, value]) => [key, Math.max(0, value - (before[key] ?? 0))]));
}

function perSecond(from, to, name) {
  const seconds = (to.time - from.time) / 1000;
  return Object.fromEntries(Object.entries(counted(from, to, name)).map(([key, value]) => [key, value / seconds]));
}

/**
 * The value below which `share` of what a histogram counted lies, as Prometheus estimates it; undefined: nothing was
 * counted. buckets: {upper bound: how many at most that}, "+Inf" too.
 */
export function quantile(buckets, share) {
  const bounds = Object.entries(buckets).map(([bound, count]) => [bound === "+Inf" ? Infinity : Number(bound), count]).sort((a, b) => a[0] - b[0]);
  const total = bounds.at(-1)?.[1] ?? 0;
  if (!(total > 0)) return undefined;
  const wanted = share * total;
  const place = bounds.findIndex(([, count]) => count >= wanted);
  const [low, below] = place > 0 ? bounds[place - 1] : [0, 0];
  const [high, upTo] = bounds[place];
  if (high === Infinity) return low;
  return low + (high - low) * (upTo === below ? 1 : (wanted - below) / (upTo - below));
}

/** The youngest reading at least `ms` older than the last one, or the oldest there is. */
function before(readings, ms) {
  const last = readings.at(-1);
  return readings.slice(0, -1).findLast((one) => one.time <= last.time - ms + 200) ?? readings[0];
}

function hitRate(counts) {
  const asked = (counts.memory ?? 0) + (counts.disk ?? 0) + (counts.made ?? 0);
  return asked > 0 ? (100 * ((counts.memory ?? 0) + (counts.disk ?? 0))) / asked : undefined;
}

function ratios(sum, count) {
  return Object.fromEntries(Object.entries(count).filter(([, value]) => value > 0).map(([key, value]) => [key, sum[key] / value]));
}

/** What the charts show at the last reading: {time, requests, latency, inputs, queue, batch, errors, pictures, memory, cpu}. */
export function pointOf(readings) {
  const last = readings.at(-1);
  const from = before(readings, k_rate_ms);
  const buckets = counted(before(readings, k_latency_ms), last, "latency");
  const milliseconds = (share) => {
    const seconds = quantile(buckets, share);
    return seconds === undefined ? undefined : seconds * 1000;
  };
  return {
    time: last.time,
    requests: perSecond(from, last, "requests"),
    latency: { p50: milliseconds(0.5), p95: milliseconds(0.95), p99: milliseconds(0.99) },
    inputs: perSecond(from, last, "inputs"),
    queue: last.queue,
    batch: ratios(counted(from, last, "batched"), counted(from, last, "batches")),
    errors: perSecond(from, last, "errors"),
    pictures: { thumbnails: hitRate(counted(before(readings, k_latency_ms), last, "pictures")) },
    memory: { resident: last.memory },
    cpu: { processors: perSecond(from, last, "cpu").seconds },
  };
}

/** The history with one more reading: {readings, points}. Both are of the last five minutes. */
export function withReading({ readings, points }, next) {
  const young = (one) => one.time > next.time - k_kept_ms;
  const kept = [...readings.filter(young), next];
  const later = points.filter(young);
  return { readings: kept, points: kept.length > 1 ? [...later, pointOf(kept)] : later };
}
