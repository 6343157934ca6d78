// Copying a text.
import { html, useState } from "/page/vendored/preact-htm.js";
import { Button } from "./button.js";
import { toast } from "./toasts.js";

/** Puts `text` on the clipboard; where the browser forbids it (no https, no localhost), by a selection. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** A button that copies what `text()` gives; undefined: there is nothing to copy. */
export function CopyButton({ text, children = "Copy", ...others }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    const copied = typeof text === "function" ? text() : text;
    if (copied === undefined) return;
    if (!(await copyText(copied))) {
      return toast("The browser does not allow copying: select the text and copy it manually.");
    }
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return html`<${Button} small icon=${done ? "check" : "copy"} onClick=${copy} ...${others}>${done ? "Copied" : children}<//>`;
}
