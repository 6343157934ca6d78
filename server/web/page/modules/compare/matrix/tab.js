// Several texts against several pictures: how well each fits each, by one model. Works without an Elasticsearch side, too.
import { html, useEffect, useMemo, useRef, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../../parts/button.js";
import { CopyButton } from "../../parts/copy.js";
import { Icon } from "../../parts/icon.js";
import { Empty, Failure } from "../../parts/message.js";
import { toast } from "../../parts/toasts.js";
import { PictureInput, useDroppedPicture } from "../../pictures/picture_input.js";
import { search } from "../../server/elasticsearch.js";
import { parametersNow } from "../../shell/router.js";
import { useAnswer } from "../answer.js";
import { change } from "../place.js";
import { exampleOf } from "./example.js";
import { Grid, inWords } from "./grid.js";
import { PictureChoice } from "./picture_choice.js";
import { cosinesOf, shownValues } from "./similarity.js";
import { sourcesOf } from "./sources.js";
import { k_most_pictures, k_most_texts, k_shows, keyOfOwn, readState, textsOf } from "./state.js";
import { askPictures, askTexts, knownVector } from "./vectors.js";

const k_typing_ms = 350;

/** The texts, one a line. What is typed goes into the URL after a moment. */
function Texts({ texts }) {
  const [typed, setTyped] = useState(texts.join("\n"));
  const timer = useRef();
  const lines = typed.split("\n");
  const distinct = new Set(lines.map((line) => line.trim()).filter(Boolean)).size;
  useEffect(() => {
    if (JSON.stringify(textsOf(lines)) !== JSON.stringify(texts)) setTyped(texts.join("\n"));
  }, [JSON.stringify(texts)]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const put = (text) => {
    clearTimeout(timer.current);
    change({ t: textsOf(text.split("\n")) }, { replace: true });
  };
  const input = (event) => {
    const text = event.target.value;
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => put(text), k_typing_ms);
  };
  const rows = Math.min(24, Math.max(10, 2 * lines.length + 1));
  return html`<label class="field"><span>Texts, one per line</span>
    <textarea class="textarea" rows=${rows} value=${typed} spellcheck="false" placeholder=${"a red house at night\na kitchen with plants"} onInput=${input}
      onBlur=${(event) => put(event.target.value)}></textarea>
    ${distinct > k_most_texts && html`<span class="small" role="status">The first ${k_most_texts} are compared.</span>`}</label>`;
}

/** Changes the pictures of the URL as it is at that moment: several may arrive one after the other. */
const keysNow = () => readState(parametersNow()).pictures.map((one) => one.key);
const pictures = {
  set: (keys, options) => change({ p: [...new Set(keys)].slice(0, k_most_pictures) }, options),
  remove: (key) => pictures.set(keysNow().filter((one) => one !== key)),
  add: (picture) => {
    if (keysNow().length >= k_most_pictures) return toast(`A matrix has at most ${k_most_pictures} pictures: remove one first.`);
    return pictures.set([...keysNow(), keyOfOwn(picture)]);
  },
};

/** The names of the documents among the pictures: Map by key. */
async function namesOf(pictures, collections, signal) {
  const names = new Map();
  const indices = new Set(pictures.flatMap((one) => (one.document ? [one.document.index] : [])));
  await Promise.all([...indices].map(async (index) => {
    const field = collections.find((one) => one.index === index)?.nameField;
    const own = pictures.filter((one) => one.document?.index === index);
    if (!field) return;
    const { data } = await search(index, { size: own.length, query: { ids: { values: own.map((one) => one.document.id) } }, _source: [field] }, { signal });
    for (const hit of data.hits.hits) names.set(`${index}/${hit._id}`, hit._source?.[field]);
  }));
  return names;
}

/** Asks for what is not known yet: {loading, error, failed: Map of a picture's key to its error}. */
function useVectors(source, texts, pictures, fieldOf, round) {
  const keys = pictures.map((one) => one.key);
  const answer = useAnswer(async (signal) => {
    const [failed] = await Promise.all([askPictures(source, pictures, fieldOf, { signal }), askTexts(source, texts, { signal })]);
    return failed;
  }, [source.name, texts, keys, round]);
  return { loading: answer.loading, error: answer.error, failed: answer.data ?? new Map() };
}

function ModelChoice({ sources, source }) {
  return html`<label class="field"><span>Model</span><select class="select" value=${source.name} onChange=${(event) => change({ model: event.target.value })}>
    ${sources.map((one) => html`<option key=${one.name} value=${one.name}>${one.title}${one.served?.demo ? " (demo model)" : ""}</option>`)}</select></label>`;
}

function ShowChoice({ shows, show }) {
  return html`<fieldset class="plain-fieldset field"><legend>Show</legend><div class="segments">
    ${shows.map(({ name, title, disabled }) => html`<label key=${name} class=${`segment ${disabled ? "is-disabled" : ""}`}><input type="radio" name="matrix-show" value=${name} checked=${show === name} disabled=${disabled}
      onChange=${() => change({ show: name === "cosine" ? undefined : name }, { replace: true })} /><span>${title}</span></label>`)}
  </div></fieldset>`;
}

/** What can be shown for a model: a softmax needs the scale it was trained with, a sigmoid its bias, too. */
function showsOf({ served }) {
  const { logit_scale: scale, logit_bias: bias } = served ?? {};
  return k_shows.filter(({ name }) => name !== "pairs" || bias !== undefined).map((one) => ({ ...one, disabled: one.name !== "cosine" && !scale }));
}

/** What is shown of it: cosines where the model has no more. */
const possible = (shows, show) => (shows.some((one) => one.name === show && !one.disabled) ? show : "cosine");

/** The matrix as lines of tabs, for a spreadsheet. */
/** The field whose pictures of an index are compared: that of the source, else the index's main pictures. */
function pictureFieldsOf(source, collections) {
  return (index) => (source.collection?.index === index ? source.collection.pictureField : collections.find((one) => one.index === index)?.mainPictureField);
}

function asLines(texts, pictures, names, values, show) {
  const name = (picture) => names.get(picture.key) ?? picture.key;
  const lineOf = (text, row) => [text, ...values[row].map((value) => (value === undefined ? "" : inWords(value, show)))];
  return [["", ...pictures.map(name)], ...texts.map(lineOf)].map((line) => line.join("\t")).join("\n");
}

function Begin({ collections, limits, onChoose }) {
  const [busy, setBusy] = useState(false);
  const example = async () => {
    setBusy(true);
    const { hash } = location;
    try {
      const found = await exampleOf(collections[0]);
      if (location.hash === hash) change({ t: found.texts, p: found.pictures });
    } catch (error) {
      toast(error.message);
    }
    setBusy(false);
  };
  return html`<${Empty} icon="table" title="Texts against pictures">
    <p>Write some texts and add some pictures: each cell then shows how well the two fit together, according to the chosen model.
      ${collections.length === 0 ? " Your own pictures are not stored by the server." : ""} Drop or paste pictures anywhere on this page.</p>
    <div class="row">
      ${collections.length > 0 && html`<${Button} main disabled=${busy} onClick=${example}>Fill in an example<//><${Button} icon="grid" onClick=${onChoose}>Choose from the index<//>`}
      <${PictureInput} many limits=${limits} onPicture=${pictures.add}>Your own pictures<//>
    </div>
  <//>`;
}

function Result({ state, source, shows, installation }) {
  const { collections } = installation;
  const [round, setRound] = useState(0);
  const fieldOf = pictureFieldsOf(source, collections);
  const { loading, error, failed } = useVectors(source, state.texts, state.pictures, fieldOf, round);
  const keys = state.pictures.map((one) => one.key);
  const stored = state.pictures.some((one) => one.document);
  const names = useAnswer(stored ? (signal) => namesOf(state.pictures, collections, signal) : undefined, keys).data ?? new Map();
  const show = possible(shows, state.show);
  const { logit_scale: scale, logit_bias: bias } = source.served ?? {};
  const { cosines, values } = useMemo(() => {
    const known = (kind, keys) => keys.map((key) => knownVector(source, kind, key));
    const found = cosinesOf(known("text", state.texts), known("picture", keys));
    return { cosines: found, values: shownValues(found, show, { scale, bias }) };
  }, [source, state.texts.join("\n"), keys.join("\n"), show, loading]);
  const says = shows.find((one) => one.name === show).says;
  return html`<div class="stack grow matrix-result" aria-busy=${loading ? "true" : undefined}>
    ${error && html`<${Failure} title=${`${source.title} does not answer`} error=${error}><${Button} onClick=${() => setRound(round + 1)}>Try again<//><//>`}
    <${Grid} texts=${state.texts} pictures=${state.pictures} cosines=${cosines} values=${values} show=${show} names=${names} errors=${failed}
      fieldOf=${fieldOf} onRemove=${pictures.remove} />
    <div class="row spread">
      <p class="small soft matrix-legend"><span><${Icon} name="picture" /> best picture for its text</span><span><${Icon} name="text" /> best text for its picture</span>
        ${says && html`<span>${says}${show !== "pairs" ? ` Scale ${scale.toFixed(1)}.` : ""}</span>`}
        ${!scale && html`<span>${source.title} has no logit scale, so only cosines are available.</span>`}</p>
      <${CopyButton} text=${() => asLines(state.texts, state.pictures, names, values, show)}>Copy for a spreadsheet<//>
    </div>
  </div>`;
}

export function MatrixTab({ parameters, installation }) {
  const { page, collections } = installation;
  const [choosing, setChoosing] = useState(false);
  const dropping = useDroppedPicture(page.limits, pictures.add, { many: true });
  const sources = useMemo(() => sourcesOf(installation), [installation.standard, installation.models]);
  const state = readState(parameters);
  if (sources.length === 0) {
    return html`<${Empty} icon="table" title="No model embeds both texts and pictures"><p>Start sightline-server with <code>--model NAME=FOLDER</code>; <a href="#/status">Status</a> lists the models it has.</p><//>`;
  }
  const source = sources.find((one) => one.name === parameters.get("model")) ?? sources[0];
  const shows = showsOf(source);
  const fieldOf = pictureFieldsOf(source, collections);
  const searchable = collections.filter((one) => one.searchEndpoint && one.pictureField && one.pictureField === fieldOf(one.index));
  return html`<div class=${`stack matrix-tab ${dropping ? "is-dropping" : ""}`}>
    <div class="row matrix-settings">
      <${ModelChoice} sources=${sources} source=${source} />
      <${ShowChoice} shows=${shows} show=${possible(shows, state.show)} />
      <span class="grow"></span>
      ${searchable.length > 0 && html`<${Button} icon="grid" onClick=${() => setChoosing(true)}>Choose pictures<//>`}
      <${PictureInput} many limits=${page.limits} onPicture=${pictures.add}>Your own pictures<//>
      ${(state.texts.length > 0 || state.pictures.length > 0) && html`<${Button} plain onClick=${() => change({ t: undefined, p: undefined })}>Clear<//>`}
    </div>
    <div class="matrix-body">
      <${Texts} texts=${state.texts} />
      ${state.pictures.length > 0
        ? html`<${Result} state=${state} source=${source} shows=${shows} installation=${installation} />`
        : html`<${Begin} collections=${searchable} limits=${page.limits} onChoose=${() => setChoosing(true)} />`}
    </div>
    ${choosing && searchable.length > 0 && html`<${PictureChoice} collections=${searchable} keys=${state.pictures.map((one) => one.key)}
      onChange=${(keys) => pictures.set(keys, { replace: true })} onClose=${() => setChoosing(false)} />`}
  </div>`;
}
