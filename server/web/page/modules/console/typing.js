// Typed text that replaces several lines, or has several. Chromium would change the editor's elements itself and write
// style attributes into them, which the Content-Security-Policy forbids: so the editor makes the change.
import { EditorView } from "/page/vendored/codemirror.js";

function replaces(event, view) {
  const { main } = view.state.selection;
  if (event.data === null || view.composing || view.state.readOnly) return false;
  return event.data.includes("\n") || view.state.doc.lineAt(main.from).number !== view.state.doc.lineAt(main.to).number;
}

/** An extension. What else listens for typed text (closing brackets) is asked first, as it is for other typing. */
export const typedOverLines = EditorView.domEventHandlers({
  beforeinput(event, view) {
    if (event.inputType !== "insertText" || !replaces(event, view)) return false;
    const { from, to } = view.state.selection.main;
    const insert = () => view.state.update(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
    const handled = view.state.facet(EditorView.inputHandler).some((handler) => handler(view, from, to, event.data, insert));
    if (!handled) view.dispatch(insert());
    event.preventDefault();
    return true;
  },
});
