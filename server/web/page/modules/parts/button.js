// Buttons.
import { html } from "/page/vendored/preact-htm.js";
import { Icon } from "./icon.js";

/** A button with a text, an icon, or both. `label` names one that has an icon alone. Other attributes go to the element. */
export function Button({ main, plain, small, icon, label, children, pressed, type = "button", class: more = "", ...others }) {
  const alone = icon && (children === undefined || children === null || children.length === 0);
  const classes = ["button", main && "button-main", plain && "button-plain", small && "button-small", alone && "button-icon", more].filter(Boolean).join(" ");
  return html`<button type=${type} class=${classes} aria-label=${label} title=${alone ? label : undefined} aria-pressed=${pressed} ...${others}>
    ${icon && html`<${Icon} name=${icon} />`}${children}
  </button>`;
}
