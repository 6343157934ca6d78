// The request behind a column, as text for Dev Tools and for a shell.
import { searchBody } from "./run.js";

/** JSON as people write it: short arrays and objects of plain values in one line. */
export function prettyJson(value, indent = "") {
  if (Array.isArray(value)) {
    const inner = indent + "  ";
    if (value.every((one) => typeof one !== "object" || one === null)) return `[${value.map((one) => JSON.stringify(one)).join(", ")}]`;
    return `[\n${value.map((one) => inner + prettyJson(one, inner)).join(",\n")}\n${indent}]`;
  }
  if (value && typeof value === "object") {
    const members = Object.entries(value);
    if (members.length === 0) return "{}";
    const inner = indent + "  ";
    const oneLine = `{ ${members.map(([name, one]) => `${JSON.stringify(name)}: ${JSON.stringify(one)}`).join(", ")} }`;
    if (members.every(([, one]) => typeof one !== "object" || one === null) && oneLine.length < 100) return oneLine;
    return `{\n${members.map(([name, one]) => `${inner}${JSON.stringify(name)}: ${prettyJson(one, inner)}`).join(",\n")}\n${indent}}`;
  }
  return JSON.stringify(value);
}

/** What finds the vector: the endpoint where one request can, else the vector itself. */
function vectorMember(collection, state, vector) {
  const words = state.words.trim();
  const builder = (endpoint, text) => ({ query_vector_builder: { text_embedding: { model_id: endpoint, model_text: text } } });
  if (words && !state.picture && !state.like) return builder(collection.searchEndpoint, words);
  if (!words && state.picture) return builder(collection.pictureEndpoint, state.picture.dataUrl);
  return { query_vector: vector };
}

/** The column's request for Kibana's Dev Tools. */
export function devToolsText(collection, state, filters, vector) {
  return `GET ${collection.index}/_search\n` + prettyJson(searchBody(collection, state, vectorMember(collection, state, vector), filters)) + "\n";
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The same for a shell. The address is this page's own route; on a cluster of one's own it is the cluster's. */
export function curlText(collection, state, filters, vector, origin) {
  const body = JSON.stringify(searchBody(collection, state, vectorMember(collection, state, vector), filters));
  return `curl -s -X POST ${quoted(`${origin}/elasticsearch/${encodeURIComponent(collection.index)}/_search`)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(body)}\n`;
}

/** The text as it is shown: pictures and vectors shortened. */
export function shortened(text) {
  return text
    .replace(/(data:image\/[a-z]+;base64,[A-Za-z0-9+/=]{24})[A-Za-z0-9+/=]+/g, "$1…")
    .replace(/("query_vector":\s*\[(?:[^,\]]+,){4})[^\]]{60,}\]/g, "$1 …]");
}
