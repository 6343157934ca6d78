// The view "All images".
import { html } from "/page/vendored/preact-htm.js";
import { Detail } from "./detail.js";
import { Facets, facetState, facetValuesOf } from "../filters/facets.js";
import { useInstallation } from "../shell/installation.js";
import { go } from "../shell/router.js";
import { openDocument, openedDocument } from "./opened.js";

export default function View({ parameters }) {
  const { standard } = useInstallation();
  const open = openedDocument(parameters);
  return html`<h1>All images</h1>
    ${standard[0] && html`<${Facets} collection=${standard[0]} values=${facetValuesOf(parameters)} onChange=${(values) => go("images", facetState(values))} />`}
    ${open && html`<${Detail} document=${open} onClose=${() => openDocument(undefined)} />`}`;
}
