// A photo by the device's camera.
import { html, useEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { Message } from "../parts/message.js";

/** Browsers give cameras to https and localhost only. */
export const hasCamera = () => Boolean(navigator.mediaDevices?.getUserMedia);

const k_reasons = {
  NotAllowedError: "The browser does not allow this page to use the camera. Allow it beside the page's address, then try again.",
  NotFoundError: "No camera was found.",
  NotReadableError: "The camera is in use by another program.",
};

/** onShot(Blob of a JPEG), onClose(). */
export function Camera({ onShot, onClose }) {
  const video = useRef(null);
  const [failed, setFailed] = useState("");
  const [ready, setReady] = useState(false);
  useEffect(() => {
    let stream, wanted = true;
    const stop = () => stream?.getTracks().forEach((track) => track.stop());
    navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } }).then(
      (opened) => {
        stream = opened;
        if (!wanted) return stop();
        video.current.srcObject = stream;
        return video.current.play();
      },
    ).catch((error) => wanted && setFailed(k_reasons[error.name] ?? error.message));
    return () => { wanted = false; stop(); };
  }, []);
  const shoot = () => {
    const canvas = document.createElement("canvas");
    canvas.width = video.current.videoWidth;
    canvas.height = video.current.videoHeight;
    canvas.getContext("2d").drawImage(video.current, 0, 0);
    canvas.toBlob((blob) => onShot(new File([blob], "photo.jpg", { type: "image/jpeg" })), "image/jpeg", 0.92);
  };
  return html`<${Dialog} title="Take a photo" onClose=${onClose}>
    <div class="stack">
      ${failed ? html`<${Message} kind="bad" title="No photo"><p>${failed}</p><//>` : html`<video class="camera-view" ref=${video} muted playsinline onLoadedData=${() => setReady(true)}></video>`}
      <div class="row"><${Button} main icon="camera" disabled=${!ready || failed} onClick=${shoot}>Use this view<//></div>
    </div>
  <//>`;
}
