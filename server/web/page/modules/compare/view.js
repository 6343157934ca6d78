// The view "compare": how good the models are, where they put the pictures, and how texts and pictures fit together.
import { html } from "/page/vendored/preact-htm.js";
import { Failure } from "../parts/message.js";
import { loadStyles } from "../parts/stylesheet.js";
import { documentState } from "../search/state.js";
import { useInstallation } from "../shell/installation.js";
import { choiceOf } from "../shell/router.js";
import { MapTab } from "./map/tab.js";
import { MatrixTab } from "./matrix/tab.js";
import { OpenPicture } from "./open_picture.js";
import { linkTo } from "./place.js";
import { QualityTab } from "./quality/tab.js";

await Promise.all([loadStyles("compare"), loadStyles("../vendored/uplot")]);

const k_tabs = [
  { name: "quality", title: "Quality", component: QualityTab },
  { name: "map", title: "Map", component: MapTab },
  { name: "matrix", title: "Matrix", component: MatrixTab },
];

function Tabs({ current, parameters }) {
  return html`<nav class="tabs" aria-label="Ways to compare">
    ${k_tabs.map(({ name, title }) => html`<a key=${name} href=${linkTo(parameters, { tab: name, ...documentState("open") })} aria-current=${name === current ? "page" : undefined}>${title}</a>`)}
  </nav>`;
}

function Skeleton() {
  return html`<div class="stack" aria-busy="true"><div class="skeleton compare-skeleton-line"></div><div class="skeleton compare-skeleton-block"></div></div>`;
}

export default function View({ parameters }) {
  const installation = useInstallation();
  const name = choiceOf(parameters, "tab", "quality", k_tabs.map((tab) => tab.name));
  const { component: Tab } = k_tabs.find((tab) => tab.name === name);
  return html`<div class="compare">
    <div class="compare-head"><h1>Compare</h1><${Tabs} current=${name} parameters=${parameters} /></div>
    ${installation.state === "loading" && html`<${Skeleton} />`}
    ${installation.state === "failed" && html`<${Failure} title="The server does not answer" error=${installation.error} />`}
    ${installation.state === "ready" && html`<${Tab} key=${name} parameters=${parameters} installation=${installation} />`}
    ${installation.state === "ready" && html`<${OpenPicture} parameters=${parameters} />`}
  </div>`;
}
