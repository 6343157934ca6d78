// What stands in the way of every view that needs it: no key, no Elasticsearch, no credentials for it.
import { html } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Empty, Failure } from "../parts/message.js";

const again = (installation) => html`<div class="row"><${Button} icon="refresh" onClick=${installation.reload}>Try again<//></div>`;

const NoKey = ({ onSignIn }) => html`<${Empty} icon="key" title="This server requires a key">
  <p>The server's operator can make one with <code>scripts/make_api_key.sh</code>.</p>
  <${Button} main onClick=${() => onSignIn("server")}>Enter a key<//>
<//>`;

const NoCredentials = ({ onSignIn }) => html`<${Empty} icon="key" title="The cluster requires your credentials">
  <p>They are stored in this tab until you close it, and are sent to the cluster unchanged.</p>
  <${Button} main onClick=${() => onSignIn("cluster")}>Enter credentials<//>
<//>`;

const NoElasticsearch = () => html`<${Empty} icon="link" title="No Elasticsearch is connected">
  <p>This server embeds pictures and texts. To index and search pictures, start it with an Elasticsearch side:</p>
  <dl class="obstacle-ways">
    <dt>With an embedded store, on this machine</dt>
    <dd><code class="code-block">sightline-server --model clip=FOLDER --embedded-elasticsearch</code></dd>
    <dt>In front of your own cluster</dt>
    <dd><code class="code-block">sightline-server --model clip=FOLDER --elasticsearch-gateway https://CLUSTER:9200</code></dd>
  </dl>
  <p>Then <code>scripts/register_endpoints.sh</code> creates the indices, and <code>sightline-ingest</code> fills them with pictures.</p>
  <p>Until then you can <a href="#/compare?tab=matrix">compare words with your own pictures</a>, and see the models on <a href="#/status">Status</a>.</p>
<//>`;

/** What is shown instead of `view`, or null if nothing is in its way. onSignIn("server" | "cluster") asks for keys. */
export function obstacleOf(view, installation, onSignIn) {
  const { state, error, page, elasticsearchError } = installation;
  if (state === "failed" && error.isKeyRefusal) return html`<${NoKey} onSignIn=${onSignIn} />`;
  if (state === "failed") return html`<${Failure} title="The server does not answer" error=${error}>${again(installation)}<//>`;
  if (state !== "ready" || !view.needsElasticsearch) return null;
  if (!page.elasticsearch || page.elasticsearch.kind === "none") return html`<${NoElasticsearch} />`;
  if (elasticsearchError?.isClusterRefusal) return html`<${NoCredentials} onSignIn=${onSignIn} />`;
  if (elasticsearchError) return html`<${Failure} title="Elasticsearch does not answer" error=${elasticsearchError}>${again(installation)}<//>`;
  return null;
}
