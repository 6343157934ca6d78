// What is said where there is nothing to search in.
import { html } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Empty, Failure, Message } from "../parts/message.js";

/** No Elasticsearch side. */
export function NoElasticsearch({ models }) {
  const names = models.map((one) => one.id).slice(0, 5).join(", ");
  return html`<${Empty} icon="search" title="No Elasticsearch to search in">
    <p>This server embeds pictures and words${names && ` with ${names}`}, and was started without an Elasticsearch side. Start it with the embedded store, or as a gateway to your cluster:</p>
    <pre class="code-block" tabindex="0">sightline-server … --embedded-elasticsearch${"\n"}sightline-server … --elasticsearch-gateway https://your-cluster:9200</pre>
    <p>Until then you can <a href="#/compare?tab=matrix">compare words with pictures</a> of your own, and see the models on <a href="#/status">Status</a>.</p>
  <//>`;
}

/** No index with vectors, or the cluster does not answer. */
export function NothingToSearch({ error, reload }) {
  if (error) {
    return html`<${Failure} title="Elasticsearch does not answer as it should" error=${error}><div><${Button} small icon="refresh" onClick=${reload}>Try again<//></div><//>`;
  }
  return html`<${Empty} icon="search" title="Nothing to search yet">
    <p>No index with vectors was found. This registers the models' endpoints, pipelines and indices, and loads a folder of pictures:</p>
    <pre class="code-block" tabindex="0">scripts/register_endpoints.sh --models clip,jina-clip${"\n"}sightline-ingest FOLDER --index clip-images</pre>
    <div><${Button} icon="refresh" onClick=${reload}>Look again<//></div>
  <//>`;
}

/** A column that every installation should have and this one lacks. */
export function MissingColumn({ title, help }) {
  return html`<section class="column column-missing" aria-label=${title}>
    <header class="column-head"><h2>${title}</h2><div class="column-times small faint">not set up</div></header>
    <${Message} title=${`${title} is not set up`}><p>${help.startsWith("put") ? "To see this column " + help + "." : html`To see this column run <code>${help}</code>.`}</p><//>
  </section>`;
}
