// The request behind a column, to copy.
import { html, useState } from "/page/vendored/preact-htm.js";
import { consoleLink } from "../console/link.js";
import { CopyButton } from "../parts/copy.js";
import { Dialog } from "../parts/dialog.js";
import { curlText, devToolsText, shortened } from "./request_text.js";

/** collection, state, filters, vector: of the column's last search. */
export function RequestDialog({ collection, state, filters, vector, onClose }) {
  const [kind, setKind] = useState("dev-tools");
  const text = kind === "dev-tools" ? devToolsText(collection, state, filters, vector) : curlText(collection, state, filters, vector, location.origin);
  const inConsole = kind === "dev-tools" && consoleLink(text); // none for a picture: the address would be too long
  const tab = (name, title) => html`<label class="check"><input type="radio" name="request-kind" value=${name} checked=${kind === name} onChange=${() => setKind(name)} />${title}</label>`;
  return html`<${Dialog} title=${`Request of ${collection.title}`} onClose=${onClose} tools=${html`${inConsole && html`<a class="button button-small" href=${inConsole}>Open in the console</a>`}<${CopyButton} text=${text} />`}>
    <div class="stack">
      <fieldset class="plain-fieldset row"><legend class="visually-hidden">Form</legend>${tab("dev-tools", "Dev Tools")}${tab("curl", "curl")}</fieldset>
      <pre class="code-block" tabindex="0" aria-label="Request">${shortened(text)}</pre>
      ${kind === "curl" && html`<p class="small faint">The address is Sightline's route to Elasticsearch. For your own cluster, use its address and your credentials.</p>`}
      ${shortened(text) !== text && html`<p class="small faint">Pictures and vectors are shortened here; the copy has them in full.</p>`}
    </div>
  <//>`;
}
