// Sets the colours before the first paint. A classic script: modules would run too late.
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem("sightline.theme"); } catch (error) { /* storage is off */ }
  var dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = chosen === "light" || chosen === "dark" ? chosen : dark ? "dark" : "light";
})();
