// What the Elasticsearch side has.
import { html, useState } from "/page/vendored/preact-htm.js";
import { consoleLink } from "../console/link.js";
import { Button } from "../parts/button.js";
import { Failure } from "../parts/message.js";
import { grouped, sizeOf } from "../parts/numbers.js";
import { elasticsearch } from "../server/elasticsearch.js";
import { usePolling } from "./polling.js";

const k_every_ms = 30000;
const k_again_ms = 3000;
const k_asked = {
  about: "",
  health: "_cluster/health",
  license: "_license",
  indices: "_cat/indices?format=json&bytes=b&h=health,index,docs.count,store.size&s=index",
  inference: "_inference/_all",
  pipelines: "_ingest/pipeline",
};

// A user may see some of it and not the rest; where all of these fail, there is nobody.
const isSilent = ({ about, health, indices }) => Boolean(about.error && health.error && indices.error);

/** Each of k_asked: its answer, or {error}. */
async function ask(signal) {
  const answers = await Promise.all(Object.entries(k_asked).map(async ([name, path]) => {
    try {
      return [name, (await elasticsearch(path, { signal })).data];
    } catch (error) {
      // Without a pipeline Elasticsearch answers 404 with {}.
      return [name, name === "pipelines" && error.status === 404 ? {} : { error }];
    }
  }));
  return Object.fromEntries(answers);
}

function useSide() {
  const [found, setFound] = useState();
  const [asked, setAsked] = useState(0);
  usePolling(async (signal) => {
    const answers = await ask(signal);
    if (!signal.aborted) setFound(answers);
    return isSilent(answers) ? k_again_ms : undefined;
  }, k_every_ms, { key: asked });
  return [found, () => setAsked((count) => count + 1)];
}

function Health({ status }) {
  const kind = { green: "good", yellow: "warn", red: "bad" }[status] ?? "";
  return html`<span class=${`status-state status-${kind}`}>${status}</span>`;
}

function Facts({ found, kind }) {
  const { about, health, license } = found;
  const kinds = { embedded: "The embedded store", gateway: "A cluster behind the gateway" };
  const facts = [
    ["Kind", kinds[kind] ?? kind],
    ["Cluster", about.cluster_name ?? health.cluster_name],
    ["Version", about.error ? about.error.message : about.version?.number],
    ["Health", health.error ? health.error.message : html`<${Health} status=${health.status} />`],
    ["Nodes", health.number_of_nodes && grouped(health.number_of_nodes)],
    ["Licence", license.error ? license.error.message : license.license && `${license.license.type}, ${license.license.status}`],
  ].filter(([, value]) => value);
  return html`<dl class="facts facts-wide card">${facts.map(([what, value]) => html`<div key=${what}><dt>${what}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** A table of what was asked, or why it could not be; head: [[title, class]]. */
function Listing({ title, answer, rows, head, nothing, wide, children }) {
  return html`<div class=${`card status-listing ${wide ? "status-wide" : ""}`}>
    <h3>${title}${!answer.error && html`<span class="tag">${rows.length}</span>`}</h3>
    ${answer.error && html`<p class="small soft">${answer.error.message}</p>`}
    ${!answer.error && rows.length === 0 && html`<p class="small soft">${nothing}</p>`}
    ${rows.length > 0 && html`<div class="status-scroll" tabindex="0" role="region" aria-label=${title}><table class="table">
      <thead><tr>${head.map(([name, more]) => html`<th key=${name} scope="col" class=${more}>${name}</th>`)}</tr></thead>
      <tbody>${rows.map(children)}</tbody></table></div>`}
  </div>`;
}

const inConsole = (text, title) => html`<a href=${consoleLink(text)}>${title}</a>`;

function Indices({ answer }) {
  const rows = answer.error ? [] : answer.filter((one) => !one.index.startsWith("."));
  return html`<${Listing} title="Indices" answer=${answer} rows=${rows} nothing="No index yet: scripts/register_endpoints.sh creates them." head=${[["Index", ""], ["Health", ""], ["Documents", "number"], ["Size", "number"]]}>
    ${(one) => html`<tr key=${one.index}><td>${inConsole(`GET ${encodeURIComponent(one.index)}\n`, one.index)}</td><td><${Health} status=${one.health} /></td>
      <td class="number">${grouped(Number(one["docs.count"] ?? 0))}</td><td class="number">${sizeOf(Number(one["store.size"] ?? 0))}</td></tr>`}
  <//>`;
}

function Endpoints({ answer }) {
  const rows = answer.error ? [] : (answer.endpoints ?? []);
  return html`<${Listing} wide title="Inference endpoints" answer=${answer} rows=${rows} nothing="No endpoint yet: scripts/register_endpoints.sh creates them." head=${[["Endpoint", ""], ["Service", ""], ["Dimensions", "number"], ["Calls", ""]]}>
    ${(one) => html`<tr key=${one.inference_id}><td>${inConsole(`GET _inference/${encodeURIComponent(one.inference_id)}\n`, one.inference_id)}</td>
      <td>${one.service} <span class="soft small">${one.task_type}</span></td>
      <td class="number">${one.service_settings?.dimensions ? grouped(one.service_settings.dimensions) : ""}</td><td class="soft small status-url">${one.service_settings?.url ?? one.service_settings?.model_id ?? ""}</td></tr>`}
  <//>`;
}

function Pipelines({ answer }) {
  const rows = answer.error ? [] : Object.entries(answer).filter(([name, one]) => !name.startsWith(".") && one?._meta?.managed !== true && !/@(?:default|custom|pipeline|json|lifecycle)/.test(name));
  return html`<${Listing} title="Ingest pipelines" answer=${answer} rows=${rows} nothing="No pipeline yet: scripts/register_endpoints.sh creates them." head=${[["Pipeline", ""], ["What it does", ""]]}>
    ${([name, one]) => html`<tr key=${name}><td>${inConsole(`GET _ingest/pipeline/${encodeURIComponent(name)}\n`, name)}</td><td class="soft small">${one.description ?? `${one.processors?.length ?? 0} processors`}</td></tr>`}
  <//>`;
}

function Waiting() {
  return html`<div class="card status-waiting"><span class="skeleton"></span></div>
    <div class="status-listings">${[1, 2, 3].map((one) => html`<div key=${one} class="card status-waiting status-waiting-high"><span class="skeleton"></span></div>`)}</div>`;
}

/** kind: "embedded" or "gateway". */
export function ElasticsearchSide({ kind }) {
  const [found, refresh] = useSide();
  const silent = found && isSilent(found);
  return html`<section class="stack" aria-labelledby="status-elasticsearch">
    <div class="row spread"><h2 id="status-elasticsearch">Elasticsearch side</h2><${Button} small icon="refresh" onClick=${refresh}>Refresh<//></div>
    ${!found && html`<${Waiting} />`}
    ${found && silent && html`<${Failure} title="The Elasticsearch side does not answer" error=${found.about.error} />`}
    ${found && !silent && html`
      <${Facts} found=${found} kind=${kind} />
      <div class="status-listings"><${Indices} answer=${found.indices} /><${Pipelines} answer=${found.pipelines} /><${Endpoints} answer=${found.inference} /></div>`}
  </section>`;
}
