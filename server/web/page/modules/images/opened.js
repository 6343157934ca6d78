// The picture that is open, in the URL's parameter `open=INDEX/ID`.
import { format, go, parse } from "../shell/router.js";

/** {index, id} of "INDEX/ID"; undefined if it is neither. Ids may have slashes, names of indices not. */
export function documentOf(text) {
  const slash = text.indexOf("/");
  return slash > 0 && slash < text.length - 1 ? { index: text.slice(0, slash), id: text.slice(slash + 1) } : undefined;
}

/** The document that the URL's parameters open, or undefined. */
export const openedDocument = (parameters) => documentOf((parameters.get("open") ?? "").slice(0, 1024));

/** The view and its state as they are now, with `document` (or nothing, if undefined) open. */
function placeWith(document) {
  const { view, parameters } = parse(location.hash);
  const state = {};
  for (const name of new Set(parameters.keys())) state[name] = parameters.getAll(name);
  return [view, { ...state, open: document && `${document.index}/${document.id}` }];
}

/** The address of this view with a document open. */
export const openLink = (document) => format(...placeWith(document));

/** Opens a document in this view, or closes it (undefined). */
export const openDocument = (document, options) => go(...placeWith(document), options);
