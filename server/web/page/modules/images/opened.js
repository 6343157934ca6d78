// The picture that is open, in the URL's parameter `open=INDEX/ID`.
import { documentOf } from "../search/state.js";
import { format, go, parse, textOf } from "../shell/router.js";

/** The document that the URL's parameters open, or undefined. */
export const openedDocument = (parameters) => documentOf(textOf(parameters, "open", 1024));

/** The view and its state as they are now, with `document` (or nothing, if undefined) open. */
function placeWith(document) {
  const { view, parameters } = parse(location.hash);
  const state = {};
  for (const name of new Set(parameters.keys())) state[name] = parameters.getAll(name);
  return [view, { ...state, open: document && `${document.index}/${document.id}` }];
}

/** The address of this view with a document open. */
export const openLink = (document) => format(...placeWith(document));

/** True if this document is the open one at this moment. */
export function isOpen({ index, id }) {
  const open = openedDocument(parse(location.hash).parameters);
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
