// The view "status": what runs here, how it fares, what is missing.
import { html, useState } from "/page/vendored/preact-htm.js";
import { CopyButton } from "../parts/copy.js";
import { Failure, Message } from "../parts/message.js";
import { loadStyles } from "../parts/stylesheet.js";
import { exchange } from "../server/request.js";
import { useInstallation } from "../shell/installation.js";
import { adviceFor } from "./advice.js";
import { Charts } from "./charts.js";
import { ElasticsearchSide } from "./elasticsearch_side.js";
import { useHistory } from "./history.js";
import { Models, ModelsWaiting } from "./models.js";
import { usePolling } from "./polling.js";

await Promise.all([loadStyles("status"), loadStyles("../vendored/uplot")]);

const k_health_ms = 5000;

/** {ready, reasons} of /health/ready, or {error}; undefined at first. */
function useHealth(paused) {
  const [health, setHealth] = useState();
  usePolling(async (signal) => {
    const found = await exchange("/health/ready", { signal, timeout: 10000 }).then(
      ({ ok, text }) => ({ ready: ok, reasons: JSON.parse(text).reasons ?? [] }),
    ).catch((error) => ({ error }));
    if (!signal.aborted) setHealth(found);
  }, k_health_ms, { paused });
  return health;
}

function since(seconds) {
  const time = Date.now() / 1000 - seconds;
  if (time < 3600) return `${Math.max(1, Math.round(time / 60))} min`;
  return time < 172800 ? `${Math.round(time / 3600)} h` : `${Math.round(time / 86400)} days`;
}

/** Ready or not, in a line. */
function Health({ health, version, started }) {
  const kind = !health ? "" : health.ready ? "good" : "bad";
  const words = !health ? "Asking" : health.ready ? "Ready" : "Not ready";
  return html`<p class="status-health" role="status">
    <span class=${`status-dot status-dot-${kind}`} aria-hidden="true"></span><b>${words}</b>
    <span class="soft">${version ? `Sightline ${version}` : ""}${started ? `, running for ${since(started)}` : ""}</span>
  </p>
  ${health?.error && html`<${Failure} title="The server's health cannot be read" error=${health.error} />`}
  ${health && !health.ready && health.reasons?.length > 0 && html`<${Message} kind="bad" title="Requests may be refused"><ul>${health.reasons.map((one) => html`<li key=${one}>${one}</li>`)}</ul><//>`}`;
}

function Command({ text }) {
  return html`<div class="command"><pre class="code-block" tabindex="0">${text}</pre><${CopyButton} plain text=${text} aria-label=${`Copy: ${text}`} /></div>`;
}

function Advice({ list }) {
  if (list.length === 0) return null;
  return html`<section class="stack" aria-labelledby="status-advice">
    <h2 id="status-advice">To set up</h2>
    <div class="advice">${list.map((one) => html`<${Message} key=${one.id} kind=${one.kind ?? "warn"} title=${one.title}>
      <p>${one.text}</p>${one.commands.map((command) => html`<${Command} key=${command} text=${command} />`)}
    <//>`)}</div>
  </section>`;
}

export default function View() {
  const installation = useInstallation();
  const { state, page, models } = installation;
  const [paused, setPaused] = useState(false);
  const history = useHistory(paused);
  const health = useHealth(paused);
  const kind = page?.elasticsearch?.kind ?? "none";
  const ready = state === "ready";
  return html`
    <div class="view-head"><h1>Status</h1><${Health} health=${health} version=${page?.version} started=${history.latest?.started} /></div>
    <div class="stack status">
      ${state === "loading" && html`<${ModelsWaiting} />`}
      ${ready && html`<${Models} models=${models} />
        <${Advice} list=${adviceFor({ ...installation, hostname: location.hostname })} />`}
      ${ready && html`<${Charts} history=${history} paused=${paused} setPaused=${setPaused} />`}
      ${ready && kind !== "none" && html`<${ElasticsearchSide} kind=${kind} />`}
    </div>`;
}
