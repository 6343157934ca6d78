// The pictures on a map: fetched a few at a time, the newest wishes first, and kept up to a number.
import { fetchPicture, pictureUrl } from "../../pictures/picture.js";

const k_most = 800;
const k_at_once = 8;
const k_size = 160; // pixels, as the server makes them
const k_side = 96; // as they are kept for drawing

/** The radius of a picture's corners, as a share of its side. */
export const k_corner = 0.1;

/** The middle of a picture, as a square with round corners. */
async function squareOf(blob) {
  const whole = await createImageBitmap(blob);
  const from = Math.min(whole.width, whole.height);
  const canvas = new OffscreenCanvas(k_side, k_side);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.roundRect(0, 0, k_side, k_side, k_corner * k_side);
  context.clip();
  context.drawImage(whole, (whole.width - from) / 2, (whole.height - from) / 2, from, from, 0, 0, k_side, k_side);
  whole.close();
  return canvas.transferToImageBitmap();
}

export class Thumbnails {
  /** onReady() is called when a picture has arrived. */
  constructor(collection, onReady) {
    this.collection = collection;
    this.onReady = onReady;
    this.bitmaps = new Map(); // by id, the longest unused first
    this.asked = new Set(); // ids that are there, under way, or without a picture
    this.wanted = [];
    this.running = 0;
    this.abort = new AbortController();
  }

  /** The bitmap of a document, or undefined. */
  get(id) {
    const bitmap = this.bitmaps.get(id);
    if (bitmap) {
      this.bitmaps.delete(id);
      this.bitmaps.set(id, bitmap);
    }
    return bitmap;
  }

  /** Fetches these and no others that are not under way yet. */
  want(ids) {
    this.wanted = ids.filter((id) => !this.asked.has(id));
    this.#next();
  }

  #next() {
    while (this.running < k_at_once && this.wanted.length > 0) {
      const id = this.wanted.shift();
      if (this.asked.has(id)) continue;
      this.asked.add(id);
      this.running += 1;
      this.#fetch(id).finally(() => {
        this.running -= 1;
        if (!this.abort.signal.aborted) this.#next();
      });
    }
  }

  async #fetch(id) {
    const { index, pictureField: field } = this.collection;
    try {
      const bitmap = await squareOf(await fetchPicture(pictureUrl({ index, id, field, size: k_size }), this.abort.signal));
      if (this.abort.signal.aborted) return bitmap.close();
      this.#keep(id, bitmap);
    } catch { /* the point stays a dot */ }
  }

  #keep(id, bitmap) {
    this.bitmaps.set(id, bitmap);
    for (const [old, one] of this.bitmaps) {
      if (this.bitmaps.size <= k_most) break;
      this.bitmaps.delete(old);
      this.asked.delete(old);
      one.close();
    }
    this.onReady();
  }

  close() {
    this.abort.abort();
    for (const bitmap of this.bitmaps.values()) bitmap.close();
    this.bitmaps.clear();
  }
}
