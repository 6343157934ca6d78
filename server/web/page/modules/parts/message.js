// What is said where something failed, or where there is nothing.
import { html } from "/page/vendored/preact-htm.js";
import { Icon } from "./icon.js";

/** A note, a warning or an error: kind "note" | "warn" | "bad". Children say what to do. */
export function Message({ kind = "note", title, children }) {
  const icon = { note: "info", warn: "warn", bad: "warn" }[kind];
  return html`<div class=${`message message-${kind}`} role=${kind === "bad" ? "alert" : undefined}>
    <${Icon} name=${icon} />
    <div class="message-body">${title && html`<strong>${title}</strong>`}${children}</div>
  </div>`;
}

/** An error as the user should read it. */
export function Failure({ title, error, children }) {
  return html`<${Message} kind="bad" title=${title}><p>${error?.message ?? String(error)}</p>${children}<//>`;
}

/** A whole view or column without content. */
export function Empty({ icon = "picture", title, children }) {
  return html`<div class="empty"><${Icon} name=${icon} /><h2>${title}</h2>${children}</div>`;
}
