// The view "search".
import { html } from "/page/vendored/preact-htm.js";

export default function View() {
  return html`<h1>search</h1>`;
}
