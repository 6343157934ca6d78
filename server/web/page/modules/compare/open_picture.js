// The detail of a picture over this view: the URL's parameter open=INDEX/ID.
import { html } from "/page/vendored/preact-htm.js";
import { Detail } from "../images/detail.js";
import { closeDocument, openedDocument } from "../images/opened.js";

export function OpenPicture({ parameters }) {
  const document = openedDocument(parameters);
  return document ? html`<${Detail} key=${`${document.index}/${document.id}`} document=${document} onClose=${closeDocument} />` : null;
}
