// The picture that is open, in the URL's parameters `open=INDEX/ID` and `open.field=FIELD`.
import { documentIn, documentState } from "../search/state.js";
import { changed, format, go, parametersNow, parse } from "../shell/router.js";

/** The document that the URL's parameters open, or undefined. */
export const openedDocument = (parameters) => documentIn(parameters, "open");

/** The view and its state as they are now, with `document` (or nothing, if undefined) open. */
function placeWith(document) {
  return [parse(location.hash).view, changed(parametersNow(), documentState("open", document))];
}

/** The address of this view with a document open. */
export const openLink = (document) => format(...placeWith(document));

/** True if this document is the open one at this moment. */
export function isOpen({ index, id }) {
  const open = openedDocument(parametersNow());
  return open?.index === index && open.id === id;
}

/** Opens a document in this view. With `replace` it takes the place of the one that is open. */
export function openDocument(document, { replace = false } = {}) {
  const state = replace ? history.state : { opened: true };
  go(...placeWith(document), { replace });
  history.replaceState(state, "");
}

/** Closes it: by a step back if it was opened in this view, so that the back button does not open it again. */
export function closeDocument() {
  if (history.state?.opened) history.back();
  else go(...placeWith(undefined), { replace: true });
}
