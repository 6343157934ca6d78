// The fields of a document as a list that people can read.
import { html, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { labelOf } from "../filters/values.js";

const k_long = 280; // characters of a value before it is folded
const k_most = 200; // fields that are listed

/** Objects become fields with full names: [{path, value}]. Lists of plain values stay together. */
export function flatAttributes(source, prefix = "") {
  return Object.entries(source ?? {}).flatMap(([name, value]) => {
    const path = prefix + name;
    if (value === null || value === "") return [];
    if (Array.isArray(value)) return value.length > 0 ? [{ path, value: value.map(textOf).join(", ") }] : [];
    return typeof value === "object" ? flatAttributes(value, path + ".") : [{ path, value: textOf(value) }];
  });
}

const textOf = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));

function Value({ text }) {
  const [open, setOpen] = useState(false);
  if (text.length <= k_long) return text;
  return html`<span>${open ? text.slice(0, 20000) : text.slice(0, k_long - 40) + "…"}</span>
    <${Button} plain small aria-expanded=${open} onClick=${() => setOpen(!open)}>${open ? "Show less" : "Show all"}<//>`;
}

/** source: of the document, without its picture and vectors. leaveOut: paths that are shown elsewhere. */
export function Attributes({ source, leaveOut = [] }) {
  const list = flatAttributes(source).filter(({ path }) => !leaveOut.includes(path));
  if (list.length === 0) return html`<p class="small soft">This document has no other fields.</p>`;
  return html`<dl class="attributes">
    ${list.slice(0, k_most).map(({ path, value }) => html`<div class="attribute" key=${path}>
      <dt title=${path}>${labelOf(path)}</dt><dd><${Value} text=${value} /></dd>
    </div>`)}
  </dl>
  ${list.length > k_most && html`<p class="small soft">${list.length - k_most} more fields are not shown.</p>`}`;
}
