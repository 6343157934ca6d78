import { html } from "/page/vendored/preact-htm.js";
export function MapTab() { return html`<p>later</p>`; }
