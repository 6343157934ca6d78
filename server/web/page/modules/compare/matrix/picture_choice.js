// Choosing pictures of an index: the first ones, or those nearest to words.
import { html, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../../parts/button.js";
import { Dialog } from "../../parts/dialog.js";
import { Icon } from "../../parts/icon.js";
import { Failure } from "../../parts/message.js";
import { Picture } from "../../pictures/picture.js";
import { searchCollection } from "../../search/run.js";
import { search } from "../../server/elasticsearch.js";
import { useAnswer } from "../answer.js";
import { k_most_pictures, keyOfDocument } from "./state.js";

const k_shown = 36;

/** [{index, id, name, field}]: the answers to `words`, or without words the index's first pictures. */
async function candidatesOf(collection, words, signal) {
  if (words) {
    const state = { words, k: k_shown, candidates: 100, size: k_shown, mode: "vectors", boost: 1 };
    return (await searchCollection(collection, state, { signal })).hits;
  }
  const { index, nameField, pictureField: field } = collection;
  const query = field ? { exists: { field: collection.field } } : { match_all: {} };
  const { data } = await search(index, { size: k_shown, query, _source: nameField ? [nameField] : false, sort: ["_doc"] }, { signal });
  return data.hits.hits.map((hit) => ({ index: hit._index, id: hit._id, name: hit._source?.[nameField] ?? hit._id, field }));
}

function Candidate({ one, chosen, full, onToggle }) {
  return html`<li><button type="button" class="choice" aria-pressed=${chosen} disabled=${full && !chosen} onClick=${onToggle}>
    <${Picture} document=${one} size=${160} alt="" /><span class="cut small">${one.name}</span>
    ${chosen && html`<span class="choice-mark"><${Icon} name="check" /></span>`}</button></li>`;
}

/** collections: those to choose from. keys: of the pictures that the matrix has. onChange(keys), onClose(). */
export function PictureChoice({ collections, keys, onChange, onClose }) {
  const [id, setId] = useState(collections[0].id);
  const [text, setText] = useState("");
  const [words, setWords] = useState("");
  const collection = collections.find((one) => one.id === id) ?? collections[0]; // it may be gone by now
  const { loading, data, error } = useAnswer((signal) => candidatesOf(collection, words, signal), [collection.id, words]);
  const toggle = (key) => onChange(keys.includes(key) ? keys.filter((one) => one !== key) : [...keys, key]);
  const ask = (event) => {
    event.preventDefault();
    setWords(text.trim());
  };
  return html`<${Dialog} title="Choose pictures" onClose=${onClose} tools=${html`<span class="soft small number" role="status">${keys.length} of at most ${k_most_pictures}</span>`}>
    <div class="stack">
      <form class="row" onSubmit=${ask}>
        ${collections.length > 1 && html`<label class="field"><span>Index</span><select class="select" value=${collection.id} onChange=${(event) => setId(event.target.value)}>
          ${collections.map((one) => html`<option key=${one.id} value=${one.id}>${one.index}</option>`)}</select></label>`}
        <label class="field grow"><span>Nearest to words</span><input class="input" type="search" value=${text} placeholder="a garden in autumn" maxlength="1024" autofocus onInput=${(event) => setText(event.target.value)} /></label>
        <${Button} type="submit" icon="search" class="choice-search">Search<//>
      </form>
      ${error && html`<${Failure} title="No pictures can be shown" error=${error} />`}
      <ul class="choices" aria-busy=${loading ? "true" : undefined}>
        ${loading && Array.from({ length: 12 }, (_, i) => html`<li key=${i}><span class="picture skeleton"></span></li>`)}
        ${data?.map((one) => {
          const key = keyOfDocument(one);
          return html`<${Candidate} key=${key} one=${one} chosen=${keys.includes(key)} full=${keys.length >= k_most_pictures} onToggle=${() => toggle(key)} />`;
        })}
      </ul>
      ${data?.length === 0 && html`<p class="soft">The index has no pictures with vectors.</p>`}
      <div class="row"><${Button} main onClick=${onClose}>Done<//></div>
    </div>
  <//>`;
}
