import { html } from "/page/vendored/preact-htm.js";
export function MatrixTab() { return html`<p>later</p>`; }
