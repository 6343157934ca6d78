// Short messages at the corner, for what happened elsewhere than where the user looks.
import { html, useEffect, useState } from "/page/vendored/preact-htm.js";
import { Button } from "./button.js";

const k_most = 3; // messages that offer nothing

let number = 0;

/** Shows `text` for `seconds`. `action` is {title, run()}, for example undo. */
export function toast(text, { action, seconds = 6 } = {}) {
  dispatchEvent(new CustomEvent("sightline:toast", { detail: { id: ++number, text, action, seconds } }));
}

/** The messages with one more. Of those without an action the newest are left; an action (undo) stays for its time. */
export function withToast(list, one) {
  const plain = [...list, one].filter(({ action }) => !action);
  return [...list, one].filter((shown) => shown.action || plain.indexOf(shown) >= plain.length - k_most);
}

export function Toasts() {
  const [shown, setShown] = useState([]);
  const close = (id) => setShown((list) => list.filter((one) => one.id !== id));
  useEffect(() => {
    const add = ({ detail }) => {
      setShown((list) => withToast(list, detail));
      setTimeout(() => close(detail.id), detail.seconds * 1000);
    };
    addEventListener("sightline:toast", add);
    return () => removeEventListener("sightline:toast", add);
  }, []);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.map((one) => html`<div class="toast" key=${one.id}><span>${one.text}</span>
      ${one.action && html`<${Button} small onClick=${() => { close(one.id); one.action.run(); }}>${one.action.title}<//>`}
    </div>`)}
  </div>`;
}
