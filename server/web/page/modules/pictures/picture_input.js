// Taking a picture from the user: a file chooser, the camera, a drop, a paste.
import { html, useEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { toast } from "../parts/toasts.js";
import { Camera, hasCamera } from "./camera.js";
import { keepPicture } from "./kept_pictures.js";
import { filesOfTransfer, takePicture } from "./take.js";

const k_accept = "image/jpeg,image/png,image/webp,image/gif,image/bmp,image/heic,image/heif,image/avif,.jpg,.jpeg,.png,.webp,.gif,.bmp,.heic,.heif,.avif";

let turn = 0; // a picture that was given in an earlier turn is no longer wanted

/** Pictures that were given and are still being read will not be handed on. */
export function dropPending() {
  turn += 1;
}

/**
 * Takes the files that `get()` gives (or throws an Error), keeps the pictures and hands them on; says what is wrong with the others.
 * Reading takes a while. latest.current: {limits, onPicture} as they are by then; without `many` a newer picture replaces this one.
 */
async function take(get, latest, many) {
  const say = (error) => toast(error.message, { seconds: 9 });
  let files = [];
  try { files = get(); } catch (error) { say(error); }
  if (files.length > 0 && !many) dropPending();
  const mine = turn;
  for (const file of files) {
    try {
      const picture = await takePicture(file, latest.current.limits);
      await keepPicture(picture);
      if (mine !== turn) return;
      latest.current.onPicture(picture);
    } catch (error) {
      if (mine === turn) say(error);
    }
  }
}

/** True while something is dragged over the window; files dropped or pasted anywhere go to `onPicture`: the first, or with `many` all. They are kept pictures (kept_pictures.js). */
export function useDroppedPicture(limits, onPicture, { many = false } = {}) {
  const [over, setOver] = useState(false);
  const latest = useRef();
  latest.current = { limits, onPicture };
  useEffect(() => {
    let depth = 0;
    const isDrag = (event) => [...(event.dataTransfer?.types ?? [])].some((type) => type === "Files" || type === "text/uri-list");
    const takeOf = (transfer) => take(() => filesOfTransfer(transfer).slice(0, many ? undefined : 1), latest, many);
    const enter = (event) => { if (isDrag(event)) { depth += 1; setOver(true); } };
    const leave = (event) => { if (isDrag(event) && --depth <= 0) { depth = 0; setOver(false); } };
    const allow = (event) => { if (isDrag(event)) event.preventDefault(); };
    const drop = (event) => {
      depth = 0;
      setOver(false);
      if (!isDrag(event)) return;
      event.preventDefault();
      takeOf(event.dataTransfer);
    };
    const paste = (event) => {
      if ((event.clipboardData?.files.length ?? 0) === 0) return; // words go where the cursor is
      event.preventDefault();
      takeOf(event.clipboardData);
    };
    const all = { dragenter: enter, dragleave: leave, dragover: allow, drop, paste };
    for (const [name, listener] of Object.entries(all)) addEventListener(name, listener);
    return () => {
      for (const [name, listener] of Object.entries(all)) removeEventListener(name, listener);
      dropPending(); // the view is left
    };
  }, []);
  return over;
}

/** Buttons for a file (with `many` for several at once) and for the camera. onPicture(picture as takePicture gives it, and kept). Children: the first button's text. */
export function PictureInput({ limits, onPicture, many = false, children }) {
  const chooser = useRef(null);
  const [camera, setCamera] = useState(false);
  const latest = useRef();
  latest.current = { limits, onPicture };
  const chosen = (event) => {
    const files = [...event.target.files];
    event.target.value = "";
    take(() => files, latest, many);
  };
  const shot = (blob) => {
    setCamera(false);
    take(() => [blob], latest, many);
  };
  return html`
    <input type="file" class="visually-hidden" tabindex="-1" aria-label="Picture file" accept=${k_accept} multiple=${many} ref=${chooser} onChange=${chosen} />
    <${Button} plain=${!children} icon="picture" label=${children ? undefined : "Choose a picture"} onClick=${() => chooser.current.click()}>${children}<//>
    ${hasCamera() && html`<${Button} plain icon="camera" label="Take a photo" onClick=${() => setCamera(true)} />`}
    ${camera && html`<${Camera} onShot=${shot} onClose=${() => setCamera(false)} />`}
  `;
}
