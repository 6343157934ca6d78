// The box for words and a picture.
import { html, useEffect, useRef, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Icon } from "../parts/icon.js";
import { Picture } from "../pictures/picture.js";
import { PictureInput } from "../pictures/picture_input.js";

function ChosenPicture({ picture, like, onRemove }) {
  const name = like ? like.id : picture.name;
  return html`<div class="chosen-picture">
    ${like
      ? html`<${Picture} document=${like} size=${160} alt="The picture searched for" eager />`
      : html`<${Picture} source=${picture.url} alt=${`The picture searched for: ${name}`} eager />`}
    <${Button} class="chosen-picture-remove" icon="close" small label="Remove the picture" onClick=${onRemove} />
  </div>`;
}

/** How much the words count beside the picture. */
function Mix({ share, onShare }) {
  const [now, setNow] = useState(share);
  useEffect(() => setNow(share), [share]);
  return html`<div class="mix">
    <span aria-hidden="true">Picture</span>
    <input class="input" type="range" min="0" max="1" step="0.05" value=${now} aria-label="Share of the words beside the picture"
      aria-valuetext=${`${Math.round(now * 100)} % words, ${Math.round((1 - now) * 100)} % picture`}
      onInput=${(event) => setNow(Number(event.target.value))} onChange=${(event) => onShare(Number(event.target.value))} />
    <span aria-hidden="true">Words</span>
    <output class="number faint">${Math.round(now * 100)} %</output>
  </div>`;
}

/**
 * state: the search; picture: {name, url} of a chosen picture or undefined; onSearch(changes), onPicture(picture or null).
 */
export function SearchBox({ state, picture, limits, dropping, onSearch, onPicture }) {
  const [words, setWords] = useState(state.words);
  const input = useRef(null);
  useEffect(() => setWords(state.words), [state.words]);
  useEffect(() => {
    const slash = (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest?.("input, textarea, select, [contenteditable], dialog")) return;
      event.preventDefault();
      input.current.focus();
      input.current.select();
    };
    addEventListener("keydown", slash);
    return () => removeEventListener("keydown", slash);
  }, []);
  const chosen = state.like || picture;
  const submit = (event) => {
    event.preventDefault();
    onSearch({ words: words.trim() });
  };
  return html`<form class=${`search-box ${dropping ? "is-dropping" : ""}`} role="search" onSubmit=${submit}>
    <div class="search-line">
      ${chosen
        ? html`<${ChosenPicture} picture=${picture} like=${state.like} onRemove=${() => onPicture(null)} />`
        : html`<span class="search-icon"><${Icon} name="search" /></span>`}
      <input class="search-words" type="search" name="words" enterkeyhint="search" autocomplete="off" spellcheck="true" maxlength="4096" ref=${input}
        aria-label="Words to search for" placeholder=${chosen ? "Add words: at night, in snow …" : "Describe a picture, or drop one here"}
        value=${words} onInput=${(event) => setWords(event.target.value)} />
      <${PictureInput} limits=${limits} onPicture=${onPicture} />
      <${Button} main type="submit" class="search-go" aria-label="Search" icon="search"><span class="search-go-text">Search</span><//>
    </div>
    ${chosen && state.words && html`<${Mix} share=${state.share} onShare=${(share) => onSearch({ share })} />`}
    ${dropping && html`<div class="drop-hint" aria-hidden="true"><${Icon} name="upload" />Drop the picture to search with it</div>`}
  </form>`;
}
