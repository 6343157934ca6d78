// The search: words, a picture or both; one column for each model.
import { html, useCallback, useEffect, useLayoutEffect, useMemo, useState } from "/page/vendored/preact-htm.js";
import { Facets, facetState, facetValuesOf, filterClauses } from "../filters/facets.js";
import { Detail } from "../images/detail.js";
import { closeDocument, openDocument, openedDocument } from "../images/opened.js";
import { Button } from "../parts/button.js";
import { Message } from "../parts/message.js";
import { loadStyles } from "../parts/stylesheet.js";
import { keptPicture } from "../pictures/kept_pictures.js";
import { dropPending, useDroppedPicture } from "../pictures/picture_input.js";
import { takePicture } from "../pictures/take.js";
import { titleOf } from "../server/collections.js";
import { useInstallation } from "../shell/installation.js";
import { go } from "../shell/router.js";
import { Column } from "./column.js";
import { marksOf } from "./marks.js";
import { MissingColumn, NothingToSearch } from "./nothing_to_search.js";
import { SearchBox } from "./search_box.js";
import { Settings } from "./settings.js";
import { Start } from "./start.js";
import { hasQuery, readState, writeState } from "./state.js";
import { useThresholds } from "./thresholds.js";

await loadStyles("search");

/** The picture of the URL's digest: {picture}, {lost: true} if this browser does not have it, {} while it is looked up. */
function useChosenPicture(digest) {
  const [chosen, setChosen] = useState({});
  useEffect(() => {
    if (!digest) { setChosen({}); return undefined; }
    let wanted = true;
    let url;
    keptPicture(digest).then(async (kept) => {
      if (!wanted) return;
      if (!kept) return setChosen({ digest, lost: true });
      const picture = kept.dataUrl ? kept : await takePicture(new File([kept.blob], kept.name), {});
      if (!wanted) return;
      url = URL.createObjectURL(picture.blob);
      setChosen({ digest, picture: { ...picture, url } });
    }, () => wanted && setChosen({ digest, lost: true }));
    return () => {
      wanted = false;
      if (url) URL.revokeObjectURL(url);
    };
  }, [digest]);
  return chosen.digest === digest ? chosen : {};
}

/** The search of the URL's parameters. A link that says no field of its document's picture means that of the index's main pictures. */
function searchOf(parameters, collections) {
  const state = readState(parameters);
  if (!state.like || state.like.field) return state;
  const field = collections.find((one) => one.index === state.like.index)?.mainPictureField;
  return { ...state, like: { ...state.like, field } };
}

/** The columns' hits, by collection, and which pictures stand in several of them. */
function useMarks() {
  const [results, setResults] = useState({});
  const tell = useCallback((id, hits) => setResults((before) => (before[id] === hits ? before : { ...before, [id]: hits })), []);
  const marks = useMemo(() => marksOf(Object.values(results).filter(Boolean)), [results]);
  return [marks, tell];
}

/** What the columns search with; they begin anew when `key` changes. "" if there is nothing to search, or not yet. */
function searchKeyOf(state, chosen, filters) {
  if (!hasQuery(state)) return "";
  if (state.picture && !chosen.picture && !state.words) return "";
  if (state.picture && !chosen.picture && !chosen.lost) return "";
  const { words, like, share, size, k, candidates, boost, mode, weight } = state;
  return JSON.stringify([words, like, chosen.picture?.digest, share, size, k, candidates, boost, mode, weight, filters]);
}

function Toolbar({ panel, onPanel, filterCount, state }) {
  const toggle = (name) => onPanel(panel === name ? "" : name);
  return html`<div class="row search-tools">
    <${Button} small icon="filter" pressed=${panel === "filters"} aria-expanded=${panel === "filters"} onClick=${() => toggle("filters")}>Filters${filterCount > 0 && html`<span class="count number">${filterCount}</span>`}<//>
    <${Button} small icon="sliders" pressed=${panel === "settings"} aria-expanded=${panel === "settings"} onClick=${() => toggle("settings")}>Settings${state.hide && html`<span class="count">hiding</span>`}<//>
  </div>`;
}

function Columns({ collections, missing, state, chosen, values, thresholds, onOpen }) {
  const [marks, tell] = useMarks();
  const [pointed, setPointed] = useState();
  const key = searchKeyOf(state, chosen, filterClauses(values));
  const columnState = { ...state, picture: chosen.picture };
  // "More like this" asks for others, not for the picture itself.
  const withoutItself = state.like ? [{ bool: { must_not: [{ ids: { values: [state.like.id] } }] } }] : [];
  const filtersOf = ({ fields }) => [...filterClauses(values, fields), ...withoutItself];
  const count = collections.length + missing.length;
  return html`<div class=${`columns columns-${Math.min(count, 4)}`}>
    ${collections.map((collection, i) => html`<${Column} key=${collection.id} place=${i} collection=${collection} state=${columnState} filters=${filtersOf(collection)} searchKey=${key}
      thresholds=${thresholds} marks=${marks} pointed=${pointed} onPoint=${setPointed} onOpen=${onOpen} onResult=${tell} />`)}
    ${missing.map((one) => html`<${MissingColumn} key=${one.model} title=${titleOf(one.model)} help=${one.help} />`)}
  </div>`;
}

function Searching({ parameters }) {
  const { collections, standard, missing, page, endpointsProblem, reload } = useInstallation();
  const state = useMemo(() => searchOf(parameters, collections), [parameters, collections]);
  const values = useMemo(() => facetValuesOf(parameters), [parameters]);
  const chosen = useChosenPicture(state.picture);
  const thresholds = useThresholds(state);
  const [panel, setPanel] = useState("");
  const wanted = collections.filter((one) => state.columns.includes(one.id));
  const shown = wanted.length > 0 ? wanted : standard.length > 0 ? standard : collections.slice(0, 3);
  const open = openedDocument(parameters);

  const change = (changes, facets = values, options) => go("search", writeState({ ...state, ...changes }, facetState(facets)), options);
  const choose = (picture) => change({ picture: picture?.digest, like: undefined });
  useLayoutEffect(() => dropPending, [state.picture, parameters.get("like")]); // another picture was chosen meanwhile
  const limits = page.limits ?? {};
  const dropping = useDroppedPicture(limits, choose);

  return html`
    <div class=${`search-top ${hasQuery(state) ? "" : "is-start"}`}>
      <h1 class=${hasQuery(state) ? "visually-hidden" : ""}>Find pictures by words, or by a picture</h1>
      <${SearchBox} state=${state} picture=${chosen.picture} limits=${limits} dropping=${dropping} onSearch=${(changes) => change(changes)} onPicture=${choose} />
      ${hasQuery(state) && html`<${Toolbar} panel=${panel} onPanel=${setPanel} filterCount=${filterClauses(values).length} state=${state} />`}
    </div>
    ${endpointsProblem && html`<div class="search-note"><${Message} kind="warn" title="The inference endpoints cannot be read"><p>${endpointsProblem.message}. Without them, words and pictures cannot be embedded.</p>
      <div><${Button} small icon="refresh" onClick=${reload}>Try again<//></div><//></div>`}
    ${chosen.lost && html`<div class="search-note"><${Message} kind="warn" title="The picture of this search is not in this browser"><p>Uploaded pictures are not stored. Choose or drop it again to see its hits.</p><//></div>`}
    ${panel === "settings" && html`<${Settings} state=${state} all=${collections} shown=${shown} thresholds=${thresholds} onChange=${(changes) => change(changes)} />`}
    <div class=${`search-body ${panel === "filters" ? "has-filters" : ""}`}>
      ${panel === "filters" && html`<aside class="search-filters card" tabindex="0" aria-label="Filters"><${Facets} collection=${shown[0]} values=${values} onChange=${(next) => change({}, next)} /></aside>`}
      ${hasQuery(state)
        ? html`<${Columns} collections=${shown} missing=${wanted.length > 0 ? [] : missing} state=${state} chosen=${chosen} values=${values} thresholds=${thresholds} onOpen=${openDocument} />`
        : html`<${Start} collections=${shown} />`}
    </div>
    ${open && html`<${Detail} document=${open} onClose=${closeDocument} />`}
  `;
}

export default function View({ parameters }) {
  const { state, collections, reload } = useInstallation();
  if (state === "loading") return html`<div class="search-top is-start"><div class="search-box skeleton search-box-waiting"></div></div>`;
  if (collections.length === 0) return html`<${NothingToSearch} reload=${reload} />`;
  return html`<${Searching} parameters=${parameters} />`;
}
