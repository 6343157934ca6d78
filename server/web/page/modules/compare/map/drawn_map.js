// A map on a canvas that can be moved: keeps the camera, draws a frame when something has changed, and no other.
import { boxOf, cameraOf, kept, moved, screenX, screenY, zoomed } from "./camera.js";
import { draw, nearest, paletteNow, pointAt, sceneOf } from "./drawing.js";
import { listen } from "./gestures.js";
import { Thumbnails } from "./thumbnails.js";

const k_glide_ms = 180;
const k_rest_ms = 80; // without a movement before pictures are fetched

const still = matchMedia("(prefers-reduced-motion: reduce)");

export class DrawnMap {
  /** on: {hover(point or -1, {x, y} in pixels, byKeyboard), open(point)}. */
  constructor(canvas, collection, on) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.on = on;
    this.shown = { pictures: true, ranks: new Map(), hovered: -1 };
    this.thumbnails = new Thumbnails(collection, () => this.redraw());
    this.size = { width: 0, height: 0 };
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(canvas);
    this.stopListening = listen(canvas, this);
  }

  close() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.fetching);
    this.observer.disconnect();
    this.stopListening();
    this.thumbnails.close();
  }

  /** The points and their groups; the camera stays if the points do. */
  setScene(points, groups) {
    if (points !== this.points) [this.camera, this.pointed] = [undefined, undefined];
    [this.points, this.groups] = [points, groups];
    this.#compose();
  }

  /** Colours of the theme, anew. */
  repaint() { this.#compose(); }

  setShown(changes) {
    this.shown = { ...this.shown, ...changes };
    this.redraw();
  }

  #compose() {
    if (!this.points) return;
    this.ratio = Math.min(devicePixelRatio, 2);
    this.box = boxOf(this.points);
    this.scene = sceneOf(this.points, this.groups, paletteNow(), this.ratio);
    this.#resize();
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!this.scene || width === 0 || height === 0) return;
    const whole = this.camera && this.isWhole;
    this.size = { width, height };
    this.canvas.width = Math.round(width * this.ratio);
    this.canvas.height = Math.round(height * this.ratio);
    if (!this.camera || whole) this.#look(cameraOf(this.box, this.size), true);
    this.#render(); // at once: a canvas of a new size is empty
  }

  #look(camera, isWhole = false) {
    this.camera = kept(camera, this.box, this.size);
    this.isWhole = isWhole;
    this.canvas.dataset.scale = (this.camera.scale / cameraOf(this.box, this.size).scale).toFixed(2);
    if (this.pointed) this.#tellHovered();
    this.redraw();
  }

  redraw() {
    if (this.frame || !this.scene) return;
    this.frame = requestAnimationFrame(() => this.#render());
  }

  #render() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    if (!this.camera) return;
    const wanted = draw(this.context, this.scene, this.camera, this.size, this.shown, this.thumbnails);
    clearTimeout(this.fetching);
    this.fetching = setTimeout(() => this.thumbnails.want(wanted), k_rest_ms);
  }

  /** To another camera, in a glide unless the user wants none. */
  #glide(goal, isWhole) {
    cancelAnimationFrame(this.gliding);
    if (still.matches) return this.#look(goal, isWhole);
    const start = performance.now();
    const from = this.camera;
    const step = (now) => {
      const t = Math.min(1, Math.max(0, (now - start) / k_glide_ms));
      const eased = 1 - (1 - t) ** 3;
      const mix = (a, b) => a + (b - a) * eased;
      this.#look({ x: mix(from.x, goal.x), y: mix(from.y, goal.y), scale: from.scale * (goal.scale / from.scale) ** eased }, isWhole && t === 1);
      if (t < 1) this.gliding = requestAnimationFrame(step);
    };
    this.gliding = requestAnimationFrame(step);
    return undefined;
  }

  pan(dx, dy) {
    if (!this.camera) return;
    cancelAnimationFrame(this.gliding);
    this.#look(moved(this.camera, dx, dy));
  }

  zoom(factor, x, y, { smooth = false } = {}) {
    if (!this.camera) return undefined;
    const goal = kept(zoomed(this.camera, this.size, factor, x, y), this.box, this.size);
    if (smooth) return this.#glide(goal);
    cancelAnimationFrame(this.gliding);
    return this.#look(goal);
  }

  showAll() {
    if (this.camera) this.#glide(cameraOf(this.box, this.size), true);
  }

  /** `pointed` is the point that the user looks at here; another map's is only `shown.hovered`. */
  #hover(point, byKeyboard) {
    if (point === (this.pointed?.point ?? -1) && !byKeyboard) return;
    this.pointed = point < 0 ? undefined : { point, byKeyboard };
    this.setShown({ hovered: point });
    this.#tellHovered();
  }

  #tellHovered() {
    if (!this.pointed) return this.on.hover(-1);
    const { point, byKeyboard } = this.pointed;
    return this.on.hover(point, { x: screenX(this.camera, this.size, this.points.xs[point]), y: screenY(this.camera, this.size, this.points.ys[point]) }, byKeyboard);
  }

  #at(x, y, reach) { return pointAt(this.scene, this.camera, this.size, this.shown, this.thumbnails, x, y, reach); }

  point(x, y, reach) { if (this.camera) this.#hover(this.#at(x, y, reach), false); }
  leave() { if (this.camera) this.#hover(-1, false); }

  press(x, y, reach) {
    if (!this.camera) return;
    const point = this.#at(x, y, reach);
    if (point >= 0) this.on.open(point);
  }

  #middle() { return nearest(this.points, this.camera, this.size, this.size.width / 2, this.size.height / 2, Infinity); }
  pointMiddle() { if (this.camera) this.#hover(this.#middle(), true); }
  openMiddle() { if (this.camera && this.points.ids.length > 0) this.on.open(this.shown.hovered >= 0 ? this.shown.hovered : this.#middle()); }
}
