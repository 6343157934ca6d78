// What is said where there is nothing to search in.
import { html } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Empty, Message } from "../parts/message.js";

/** No index with vectors. */
export function NothingToSearch({ reload }) {
  return html`<${Empty} icon="search" title="Nothing to search yet">
    <p>No index with vectors was found. This registers the models' endpoints, pipelines and indices, and loads a folder of pictures:</p>
    <pre class="code-block" tabindex="0">scripts/register_endpoints.sh --models clip,jina-clip${"\n"}sightline-ingest FOLDER --index clip-images</pre>
    <div><${Button} icon="refresh" onClick=${reload}>Refresh<//></div>
  <//>`;
}

/** A column that every installation should have and this one lacks. */
export function MissingColumn({ title, help }) {
  return html`<section class="column column-missing" aria-label=${title}>
    <header class="column-head"><h2>${title}</h2><div class="column-times small faint">not set up</div></header>
    <${Message} title=${`${title} is not set up`}><p>${help.startsWith("put") ? "To add this column, " + help + "." : html`To add this column, run <code>${help}</code>.`}</p><//>
  </section>`;
}
