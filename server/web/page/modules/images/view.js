// The view "images".
import { html } from "/page/vendored/preact-htm.js";

export default function View() {
  return html`<h1>images</h1>`;
}
