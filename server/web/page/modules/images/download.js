// Saving the original file of a picture.
import { cutTo } from "../shell/router.js";
import { fetchPicture, pictureUrl } from "../pictures/picture.js";

const k_endings = { "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/gif": ".gif", "image/bmp": ".bmp", "image/heic": ".heic", "image/avif": ".avif" };

/** A name that every system takes: the last part of `name`, with an ending that fits the content. */
export function fileNameOf(name, type) {
  const last = cutTo(name.split(/[\\/]/).at(-1).replace(/[\u0000-\u001f\u007f<>:"|?*]/g, "_").replace(/^\.+/, ""), 120) || "picture";
  return /\.[a-z0-9]{2,5}$/i.test(last) ? last : last + (k_endings[type] ?? "");
}

/** Saves the stored file of a document as `name`. */
export async function downloadPicture(document, name) {
  const blob = await fetchPicture(pictureUrl({ index: document.index, id: document.id, field: document.field }));
  const url = URL.createObjectURL(blob);
  const link = window.document.createElement("a");
  link.href = url;
  link.download = fileNameOf(name, blob.type);
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
