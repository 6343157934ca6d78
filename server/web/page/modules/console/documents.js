// The console's texts: the files that come with the server, the user's edits of them, and the user's own scratches.
import { keep, kept } from "../shell/kept.js";
import { credentialHeaders } from "../server/credentials.js";
import { errorOf } from "../server/request.js";

const k_first_scratch = `# Your own requests. They are stored in this browser.
# Ctrl+Enter runs the request at the cursor; Ctrl+Space offers what can stand there.

GET _cat/indices?v

GET clip-images/_search
{
  "knn": {
    "field": "image_embedding",
    "k": 5,
    "num_candidates": 50,
    "query_vector_builder": {
      "text_embedding": { "model_id": "clip-search", "model_text": "a red house at night" }
    }
  },
  "_source": ["image_name"]
}
`;

/** The names of the server's files. Throws RequestError. */
export async function fileNames(signal) {
  return JSON.parse(await fetchText("/page/console/index.json", signal)).files;
}

/** The text of one of them. */
export const fileText = (name, signal) => fetchText("/page/console/" + encodeURIComponent(name), signal);

async function fetchText(path, signal) {
  const response = await fetch(path, { headers: credentialHeaders(path), credentials: "omit", signal });
  const text = await response.text();
  if (!response.ok) throw errorOf(response.status, path, text);
  return text;
}

const texts = (value) => (value && typeof value === "object" && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).filter(([, text]) => typeof text === "string")) : {});

/** The scratches that this browser stores: {name: text}, perhaps none. */
export const storedScratches = () => texts(kept("console.scratches"));

/** The user's scratches: {name: text}, at least one. */
export function keptScratches() {
  const found = storedScratches();
  return Object.keys(found).length > 0 ? found : { Scratch: k_first_scratch };
}

/** False if the browser has no room. */
export const keepScratches = (scratches) => keep("console.scratches", scratches);

/** What the user made of the server's files: {name: text}. */
export const keptEdits = () => texts(kept("console.edits"));
export const keepEdits = (edits) => keep("console.edits", Object.keys(edits).length > 0 ? edits : undefined);

/** `wanted`, or with a number behind it, so that it is none of `names`. */
export function freeName(wanted, names) {
  const base = wanted.trim().slice(0, 60) || "Scratch";
  if (!names.includes(base)) return base;
  let number = 2;
  while (names.includes(`${base} ${number}`)) number += 1;
  return `${base} ${number}`;
}

/** Offers `text` as a file to save. */
export function saveAs(name, text, type = "text/plain") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
