// Where the page begins.
import { html, render } from "/page/vendored/preact-htm.js";
import { App } from "./shell/app.js";

const root = document.getElementById("app");
root.textContent = "";
render(html`<${App} />`, root);
