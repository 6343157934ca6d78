// Pointer, wheel and keyboard on a map. What they mean is for `map` to do: pan(dx, dy), zoom(factor, x, y, {smooth}), showAll(),
// point(x, y, reach), leave(), press(x, y, reach), pointMiddle(), openMiddle().

const k_click = 5; // pixels that a pointer may move and still have clicked
const k_finger = 26; // reach of a finger, in pixels
const k_mouse = 14;
const k_key_step = 60; // pixels a press of an arrow key moves

const reachOf = (event) => (event.pointerType === "touch" ? k_finger : k_mouse);

/** The middle of two pointers and their distance. */
function pinchOf([a, b]) {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, distance: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
}

class Pointers {
  constructor(element, map) {
    this.element = element;
    this.map = map;
    this.down = new Map(); // by pointer id: {x, y}
    this.travelled = 0;
  }

  at(event) {
    const box = this.element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  pointerdown(event) {
    if (event.button !== 0) return;
    this.element.setPointerCapture(event.pointerId);
    if (this.down.size === 0) this.travelled = 0;
    this.down.set(event.pointerId, this.at(event));
  }

  pointermove(event) {
    const now = this.at(event);
    const before = this.down.get(event.pointerId);
    if (!before) return this.map.point(now.x, now.y, reachOf(event));
    const old = this.down.size === 2 ? pinchOf([...this.down.values()]) : before;
    this.down.set(event.pointerId, now);
    this.travelled += Math.hypot(now.x - before.x, now.y - before.y);
    if (this.travelled < k_click && this.down.size === 1) return undefined;
    const pinch = this.down.size === 2 ? pinchOf([...this.down.values()]) : now;
    this.map.leave();
    this.map.pan(pinch.x - old.x, pinch.y - old.y);
    if (pinch.distance) this.map.zoom(pinch.distance / old.distance, pinch.x, pinch.y);
    return undefined;
  }

  pointerup(event) {
    if (!this.down.delete(event.pointerId) || this.travelled >= k_click || this.down.size > 0) return;
    const { x, y } = this.at(event);
    this.map.press(x, y, reachOf(event));
  }

  pointercancel(event) { this.down.delete(event.pointerId); }
  pointerleave() { if (this.down.size === 0) this.map.leave(); }

  wheel(event) {
    event.preventDefault();
    const { x, y } = this.at(event);
    const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 100 : 1;
    // A pinch on a touchpad comes as a wheel with the control key, in smaller steps.
    const step = event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0022);
    this.map.zoom(Math.exp(-Math.max(-0.8, Math.min(0.8, step))), x, y);
  }

  keydown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? 4 : 1;
    const keys = {
      ArrowLeft: () => this.map.pan(k_key_step * far, 0), ArrowRight: () => this.map.pan(-k_key_step * far, 0),
      ArrowUp: () => this.map.pan(0, k_key_step * far), ArrowDown: () => this.map.pan(0, -k_key_step * far),
      "+": () => this.map.zoom(1.5, undefined, undefined, { smooth: true }), "=": () => this.map.zoom(1.5, undefined, undefined, { smooth: true }),
      "-": () => this.map.zoom(1 / 1.5, undefined, undefined, { smooth: true }), "0": () => this.map.showAll(), Home: () => this.map.showAll(),
      Enter: () => this.map.openMiddle(),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
    if (event.key !== "Enter") this.map.pointMiddle();
  }
}

/** Listens on `element`; gives a function that stops. */
export function listen(element, map) {
  const pointers = new Pointers(element, map);
  const names = ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave", "wheel", "keydown"];
  const listeners = names.map((name) => [name, (event) => pointers[name](event)]);
  for (const [name, listener] of listeners) element.addEventListener(name, listener, { passive: false });
  return () => { for (const [name, listener] of listeners) element.removeEventListener(name, listener); };
}
