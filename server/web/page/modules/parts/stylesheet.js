// Style sheets of single views, loaded once when the view is.

/** Loads /page/styles/NAME.css; a promise that is kept once it applies (or has failed: the view is then plain). */
export function loadStyles(name) {
  const href = `/page/styles/${name}.css`;
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  return new Promise((resolve) => {
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
}
