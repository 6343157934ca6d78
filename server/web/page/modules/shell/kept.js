// What this browser remembers of the user's choices. Storage may be off or full: then nothing is remembered.

/** The JSON value kept under `name`, or undefined. */
export function kept(name) {
  try {
    const text = localStorage.getItem("sightline." + name);
    if (text === null) return undefined;
    return name === "theme" ? text : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Keeps `value`; undefined forgets it. False: the browser does not let it. */
export function keep(name, value) {
  try {
    if (value === undefined) localStorage.removeItem("sightline." + name);
    else localStorage.setItem("sightline." + name, name === "theme" ? value : JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
