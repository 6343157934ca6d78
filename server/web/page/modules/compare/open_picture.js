// The detail of a picture over this view: the URL's parameter open=INDEX/ID.
import { html, useEffect, useState } from "/page/vendored/preact-htm.js";
import { toast } from "../parts/toasts.js";
import { change } from "./place.js";

/** {index, id} of the URL, or undefined. Names of indices have no slash; ids may. */
function documentOf(parameters) {
  const [, index, id] = /^([^/]+)\/(.+)$/.exec(parameters.get("open") ?? "") ?? [];
  return id ? { index, id } : undefined;
}

/** The dialog, if the URL asks for one; its code is loaded when it is first wanted. */
export function OpenPicture({ parameters }) {
  const [Detail, setDetail] = useState(null);
  const wanted = documentOf(parameters);
  useEffect(() => {
    if (!wanted || Detail) return;
    import("../images/detail.js").then(
      (module) => setDetail(() => module.Detail),
      () => toast("The picture's details cannot be shown: the page could not be loaded whole. Load it again."),
    );
  }, [Boolean(wanted)]);
  if (!wanted || !Detail) return null;
  return html`<${Detail} document=${wanted} onClose=${() => change(parameters, { open: undefined })} />`;
}
