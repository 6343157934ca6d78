// What the status view's modules must do: see console_cases.mjs.
import { adviceFor } from "../../server/web/page/modules/status/advice.js";
import { parseMetrics } from "../../server/web/page/modules/status/prometheus.js";
import { groupOf, quantile, reading, withReading } from "../../server/web/page/modules/status/samples.js";

const k_embeddings = '{route="/v1/embeddings"';

/** /metrics of a server that has answered `requests`, each within 10 ms, with `texts` texts and `errors` errors. */
function metrics({ requests = 0, texts = 0, errors = 0, started = 1, made = 0, kept = 0 }) {
  return `# HELP sightline_http_requests_total Requests answered
sightline_http_requests_total{method="POST",route="/v1/embeddings",status="200"} ${requests}
sightline_http_request_seconds_bucket${k_embeddings},le="0.005"} 0
sightline_http_request_seconds_bucket${k_embeddings},le="0.01"} ${requests}
sightline_http_request_seconds_bucket${k_embeddings},le="+Inf"} ${requests}
sightline_inputs_total{modality="text",model="clip"} ${texts}
sightline_requests_refused_total{code="model_not_found"} ${errors}
sightline_pictures_total{from="made"} ${made}
sightline_pictures_total{from="memory"} ${kept}
sightline_queue_items{model="clip"} 3
process_resident_memory_bytes 250000000
process_start_time_seconds ${started}
process_cpu_seconds_total 5
`;
}

/** The history of readings that are two seconds apart. */
function historyOf(all) {
  return all.reduce((history, one, place) => withReading(history, reading(parseMetrics(metrics(one)), 1000000 + place * 2000)), { readings: [], points: [] });
}

export default function cases(test, assert) {
  test("Prometheus' text is read with labels, escapes and odd numbers", () => {
    const samples = parseMetrics('# TYPE a counter\na{x="1",y="q\\"\\\\\\n}"} 2.5e3 1700000000\nb +Inf\nc{} NaN\nnonsense\n');
    assert.deepEqual(samples.get("a"), [{ labels: { x: "1", y: 'q"\\\n}' }, value: 2500 }]);
    assert.equal(samples.get("b")[0].value, Infinity);
    assert.ok(Number.isNaN(samples.get("c")[0].value));
    assert.equal(samples.size, 3);
  });

  test("routes are gathered in groups", () => {
    const groups = ["/v1/embeddings", "/v2/embed", "/hugging_face/{model}", "/_inference/rerank/{model}", "/elasticsearch/{path}", "/pictures/{index}/{id}", "/metrics", "/v1/models"].map(groupOf);
    assert.deepEqual(groups, ["Embedding", "Embedding", "Embedding", "Embedding", "Elasticsearch", "Pictures", "Page and status", "Page and status"]);
  });

  test("quantiles lie within their bucket, and in the last finite one at most", () => {
    const buckets = { "0.01": 10, "0.1": 90, "1": 100, "+Inf": 100 };
    assert.ok(Math.abs(quantile(buckets, 0.5) - 0.055) < 1e-9);
    assert.ok(Math.abs(quantile(buckets, 0.05) - 0.005) < 1e-9);
    assert.ok(Math.abs(quantile(buckets, 0.99) - 0.91) < 1e-9);
    assert.equal(quantile({ "0.01": 0, "+Inf": 5 }, 0.5), 0.01);
    assert.equal(quantile({ "0.01": 0, "+Inf": 0 }, 0.5), undefined);
    assert.equal(quantile({}, 0.5), undefined);
  });

  test("rates are differences over time", () => {
    const { points } = historyOf([{}, { requests: 4, texts: 8, errors: 2, made: 1, kept: 3 }, { requests: 8, texts: 16, errors: 2, made: 1, kept: 3 }]);
    assert.equal(points.length, 2);
    const [first, second] = points;
    assert.equal(first.requests.Embedding, 2);
    assert.equal(first.inputs.text, 4);
    assert.equal(first.errors.model_not_found, 1);
    assert.equal(second.errors.model_not_found, 0.5);
    assert.equal(second.queue.clip, 3);
    assert.equal(second.memory.resident, 250000000);
    assert.equal(second.pictures.thumbnails, 75);
    assert.ok(second.latency.p50 > 5 && second.latency.p99 <= 10);
  });

  test("a restart gives no negative rates", () => {
    const { points } = historyOf([{ requests: 100 }, { requests: 6, started: 2 }]);
    assert.equal(points[0].requests.Embedding, 3);
  });

  test("without requests there is no time to answer", () => {
    const { points } = historyOf([{ requests: 5 }, { requests: 5 }]);
    assert.deepEqual(points[0].latency, { p50: undefined, p95: undefined, p99: undefined });
  });

  test("five minutes are kept", () => {
    const { readings, points } = historyOf(Array.from({ length: 400 }, (_, requests) => ({ requests })));
    assert.equal(readings.length, 150);
    assert.equal(points.length, 150);
  });

  const facts = (more) => ({
    page: { api_keys: false, elasticsearch: { kind: "embedded" }, cohere: { enabled: true } }, models: [{ id: "clip", architecture: "clip" }], collections: [], missing: [], hostname: "127.0.0.1", ...more,
  });
  const ids = (more) => adviceFor(facts(more)).map((one) => one.id);

  test("a server that has everything gets no advice", () => assert.deepEqual(ids({}), []));

  test("what is missing is named with the command that makes it", () => {
    assert.deepEqual(ids({ page: { elasticsearch: { kind: "none" } } }), ["no-elasticsearch"]);
    assert.deepEqual(ids({ models: [{ id: "clip", architecture: "clip", demo: true }] }), ["demo-only"]);
    assert.deepEqual(ids({ hostname: "search.example.com" }), ["no-key"]);
    assert.deepEqual(ids({ hostname: "search.example.com", page: { api_keys: true, elasticsearch: { kind: "embedded" }, cohere: { enabled: true } } }), []);
    for (const hostname of ["localhost", "127.0.0.1", "127.1.2.3", "[::1]", "a.localhost"]) assert.deepEqual(ids({ hostname }), []);
    assert.deepEqual(ids({ page: { elasticsearch: { kind: "gateway" }, cohere: {} } }), ["gateway"]);
    const [cohere] = adviceFor(facts({ missing: [{ model: "cohere" }], page: { elasticsearch: { kind: "embedded" }, cohere: { enabled: false } } }));
    assert.deepEqual([cohere.id, cohere.commands.at(-1)], ["missing-cohere", "scripts/register_endpoints.sh --models cohere"]);
    assert.ok(cohere.commands.some((command) => command.includes("--cohere")) && cohere.commands.some((command) => command.includes("COHERE_API_KEY")));
    const [jina] = adviceFor(facts({ missing: [{ model: "jina-clip" }] }));
    assert.deepEqual(jina.commands, ["scripts/download_model.sh jina-clip-v1", "sightline-server --model jina-clip=checkpoints/jina-clip-v1", "scripts/register_endpoints.sh --models jina-clip"]);
    assert.deepEqual(adviceFor(facts({ missing: [{ model: "clip" }] }))[0].commands, ["scripts/register_endpoints.sh --models clip"]);
  });

  test("an index of another fingerprint is named with both", () => {
    const collection = { id: "a/v", index: "a", field: "v", model: "clip", fingerprint: "old", served: { id: "clip", fingerprint: "new" } };
    const [advice] = adviceFor(facts({ collections: [collection, { ...collection, fingerprint: "new" }] }));
    assert.match(advice.text, /fingerprint old; .* new/);
  });
}
