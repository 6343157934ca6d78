// Requests that take away more than a document: they are asked about before they are sent.

function decoded(segment) {
  try { return decodeURIComponent(segment); } catch { return segment; }
}

/** Which names and patterns of indices a DELETE takes away whole; undefined: it does not. */
export function deletedIndices({ method, path }) {
  if (method !== "DELETE") return undefined;
  const segments = path.split("?")[0].split("/").filter(Boolean).map(decoded);
  if (segments[0] === "_data_stream" && segments.length === 2) return segments[1].split(",");
  if (segments.length !== 1) return undefined;
  if (segments[0].startsWith("_") && segments[0] !== "_all") return undefined;
  return segments[0].split(",");
}

/** Which of `indices` an expression of names, patterns and exclusions (-name) is about. */
export function indicesOf(expression, indices) {
  const chosen = new Set();
  for (const one of expression) {
    const without = one.startsWith("-");
    const name = without ? one.slice(1) : one;
    const every = name === "_all" || name === "*";
    const pattern = new RegExp("^" + name.split("*").map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*") + "$");
    for (const index of indices.filter((index) => every || pattern.test(index))) {
      if (without) chosen.delete(index);
      else chosen.add(index);
    }
  }
  return [...chosen];
}
