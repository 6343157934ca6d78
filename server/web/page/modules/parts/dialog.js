// A modal dialog on the browser's own element: Escape closes it, the focus stays inside and goes back afterwards.
import { html, useEffect, useId, useRef } from "/page/vendored/preact-htm.js";
import { Button } from "./button.js";

/** title, onClose(), narrow; `tools` stand beside the title. */
export function Dialog({ title, onClose, narrow, tools, children, class: more = "" }) {
  const element = useRef(null);
  const id = useId();
  const before = useRef(document.activeElement);
  useEffect(() => {
    const dialog = element.current;
    if (!dialog.open) dialog.showModal();
    return () => {
      if (dialog.open) dialog.close();
      if (before.current?.isConnected) before.current.focus?.({ preventScroll: true });
    };
  }, []);
  // A press on the dialog's own scroll bar is one on the dialog, too.
  const outside = ({ target, clientX: x, clientY: y }) => {
    const { left, right, top, bottom } = element.current.getBoundingClientRect();
    if (target === element.current && (x < left || x > right || y < top || y > bottom)) onClose();
  };
  return html`<dialog class=${`dialog ${narrow ? "dialog-narrow" : ""} ${more}`} ref=${element} aria-labelledby=${id}
      onCancel=${(event) => { event.preventDefault(); onClose(); }} onMouseDown=${outside}>
    <div class="dialog-head"><h2 class="cut" id=${id}>${title}</h2>${tools}<${Button} plain icon="close" label="Close" onClick=${onClose} /></div>
    <div class="dialog-body">${children}</div>
  </dialog>`;
}
