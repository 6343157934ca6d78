// A picture of a document: a thumbnail made by the server, in a box that has its size before the picture arrives.
import { html, useEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { credentialHeaders, hasCredentials } from "../server/credentials.js";
import { errorOf } from "../server/request.js";

/** A name as part of a path. Browsers take "." and ".." as steps: these names then find nothing instead. */
const part = (name) => (/^\.\.?$/.test(name) ? name.replaceAll(".", "%252E") : encodeURIComponent(name));

/**
 * Where the server gives the picture of a document. size: of the longer side, in pixels; undefined: the file as it
 * was stored. version: the document's "_seq_no-_primary_term" if known, so that browsers may keep it.
 */
export function pictureUrl({ index, id, field = "image_data", size, version }) {
  const parameters = new URLSearchParams();
  if (field !== "image_data") parameters.set("field", field);
  if (size) parameters.set("size", size);
  if (version) parameters.set("v", version);
  const query = parameters.toString();
  return `/pictures/${part(index)}/${part(id)}${query ? "?" + query : ""}`;
}

/** The bytes of such a picture, with the user's credentials. Throws RequestError. */
export async function fetchPicture(url, signal) {
  const response = await fetch(url, { headers: credentialHeaders("/pictures/"), credentials: "omit", signal });
  if (!response.ok) throw errorOf(response.status, url, await response.text());
  return response.blob();
}

/** `url`, or with credentials a blob's URL once it is there; {source, failed}. */
function useSource(url) {
  const plain = !hasCredentials();
  const [fetched, setFetched] = useState({});
  useEffect(() => {
    if (plain || !url) return undefined;
    const abort = new AbortController();
    let made;
    fetchPicture(url, abort.signal).then(
      (blob) => {
        made = URL.createObjectURL(blob);
        setFetched({ url, source: made });
      },
      (error) => { if (!abort.signal.aborted) setFetched({ url, failed: error.message }); },
    );
    return () => {
      abort.abort();
      if (made) URL.revokeObjectURL(made);
    };
  }, [url, plain]);
  if (plain) return { source: url };
  return fetched.url === url ? fetched : {};
}

/** True once `milliseconds` have passed since the first time. */
function useDelay(milliseconds) {
  const [over, setOver] = useState(milliseconds === 0);
  useEffect(() => {
    if (over) return undefined;
    const timer = setTimeout(() => setOver(true), milliseconds);
    return () => clearTimeout(timer);
  }, []);
  return over;
}

/**
 * document: {index, id, field, version}, or `source`: a URL of a picture the page has itself. alt is required.
 * contain: the whole picture instead of one that fills the box. eager: load it even if it is not in sight.
 * after: milliseconds before it is asked for, so that what is scrolled past is not.
 */
export function Picture({ document: doc, source: own, size = 320, alt, contain, eager, after = 0, class: more = "" }) {
  const url = doc ? pictureUrl({ ...doc, size }) : own;
  const due = useDelay(after);
  const { source, failed } = useSource(own || !due ? undefined : url);
  const [state, setState] = useState({});
  const image = useRef(null);
  const shown = own ?? source;
  useEffect(() => {
    if (image.current?.complete && image.current.naturalWidth > 0) setState({ url, there: true });
  }, [shown]);
  // Nobody waits for it any more: the connection is free for those in sight.
  useEffect(() => () => { if (image.current && !image.current.complete) image.current.removeAttribute("src"); }, []);
  const now = state.url === url ? state : {};
  if (failed || now.failed) {
    return html`<span class=${`picture ${more}`}><span class="picture-missing">${alt ? `No picture: ${alt}` : "No picture"}</span></span>`;
  }
  return html`<span class=${`picture ${contain ? "picture-contain" : ""} ${now.there ? "" : "skeleton"} ${more}`}>
    ${shown && html`<img ref=${image} class=${now.there ? "is-there" : ""} src=${shown} alt=${alt} loading=${eager ? "eager" : "lazy"} decoding="async"
      onLoad=${() => setState({ url, there: true })} onError=${() => setState({ url, failed: true })} />`}
  </span>`;
}
