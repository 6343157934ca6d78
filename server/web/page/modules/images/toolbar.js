// Above the gallery: which index, search by name, the order, the filters on narrow windows.
import { html, useEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Icon } from "../parts/icon.js";
import { countOf } from "../filters/values.js";
import { change } from "../shell/router.js";
import { sortsOf } from "./query.js";

const k_pause = 250; // ms after the last letter

function NameSearch({ words, onChange }) {
  const [text, setText] = useState(words);
  const sent = useRef(words);
  useEffect(() => {
    if (words === sent.current) return;
    sent.current = words;
    setText(words);
  }, [words]);
  useEffect(() => {
    if (text === sent.current) return undefined;
    const timer = setTimeout(() => {
      sent.current = text;
      onChange(text);
    }, k_pause);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<label class="gallery-search"><span class="visually-hidden">Search by name</span><${Icon} name="search" />
    <input class="input" type="search" name="name" placeholder="Search by name" autocomplete="off" spellcheck=${false} value=${text} onInput=${(event) => setText(event.target.value)} /></label>`;
}

function Select({ title, name, value, choices, onChange }) {
  return html`<label class="gallery-select"><span class="visually-hidden">${title}</span>
    <select class="select" name=${name} value=${value} title=${title} onChange=${(event) => onChange(event.target.value)}>
      ${choices.map(([one, text]) => html`<option key=${one} value=${one} selected=${one === value}>${text}</option>`)}
    </select></label>`;
}

/** state: see state.js; onChange(members that change). */
export function Toolbar({ state, galleries, onChange, onFilters }) {
  const { collection, words, sort, values } = state;
  const chosen = countOf(values);
  const choose = (index) => onChange({ collection: galleries.find((one) => one.index === index), words: "", values: {}, sort: { ...sort, field: undefined, order: "asc" } });
  const flip = () => onChange({ sort: { ...sort, order: sort.order === "asc" ? "desc" : "asc" } });
  return html`<div class="gallery-tools" role="search" aria-label="Pictures of this index">
    ${galleries.length > 1 && html`<${Select} title="Index" name="index" value=${collection.index} choices=${galleries.map((one) => [one.index, one.index])} onChange=${choose} />`}
    ${collection.nameField && html`<${NameSearch} key=${collection.index} words=${words} onChange=${(text) => change("images", { q: text }, { replace: true })} />`}
    <div class="gallery-order">
      <${Select} title="Sort by" name="sort" value=${sort.field} choices=${sortsOf(collection).map((one) => [one.field, one.title])} onChange=${(field) => onChange({ sort: { ...sort, field } })} />
      <${Button} class=${sort.order === "desc" ? "sort-down" : "sort-up"} icon="arrow" label=${sort.order === "asc" ? "Ascending. Change to descending" : "Descending. Change to ascending"} onClick=${flip} />
    </div>
    <${Button} class="gallery-filter-button" icon="filter" aria-haspopup="dialog" onClick=${onFilters}>${chosen > 0 ? `Filters (${chosen})` : "Filters"}<//>
  </div>`;
}
