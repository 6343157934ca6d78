// Where the models put the pictures: like ones lie together. One map, or two models side by side.
import { html, useEffect, useMemo, useRef, useState } from "/page/vendored/preact-htm.js";
import { openDocument } from "../../images/opened.js";
import { Button } from "../../parts/button.js";
import { Icon } from "../../parts/icon.js";
import { Empty, Failure } from "../../parts/message.js";
import { grouped } from "../../parts/numbers.js";
import { searchCollection } from "../../search/run.js";
import { textOf } from "../../shell/router.js";
import { useAnswer } from "../answer.js";
import { change } from "../place.js";
import { groupingFields, groupsOf, valuesOf } from "./groups.js";
import { MapFrame } from "./map_frame.js";
import { PictureList } from "./picture_list.js";
import { loadProjection } from "./projection.js";
import { Mark } from "./shapes.js";

const k_most_maps = 2;
const k_nearest = 12;

/** All points in one group, until a field colours them. */
const plainGroups = (points) => ({ of: new Uint8Array(points.ids.length), legend: [{ title: "All pictures", count: points.ids.length, series: 0, shape: 0 }], values: [] });

/** The collections that the URL names, else the first. */
function chosenOf(parameters, collections) {
  const named = parameters.getAll("map").map((id) => collections.find((one) => one.id === id)).filter(Boolean);
  const distinct = [...new Set(named)].slice(0, k_most_maps);
  return distinct.length > 0 ? distinct : collections.slice(0, 1);
}

/** Which models have a map. A third one takes the place of the one chosen first. */
function ModelChoice({ collections, chosen }) {
  const toggle = (one) => {
    const ids = chosen.map((other) => other.id);
    const next = ids.includes(one.id) ? ids.filter((id) => id !== one.id) : [...ids, one.id].slice(-k_most_maps);
    if (next.length > 0) change({ map: next });
  };
  return html`<div class="field" role="group" aria-label="Models, at most two"><span aria-hidden="true">Models, at most two</span><div class="row map-models">
    ${collections.map((one) => html`<${Button} key=${one.id} pressed=${chosen.includes(one)} title=${`${one.index} · ${one.field}`} onClick=${() => toggle(one)}>${one.title}<//>`)}
  </div></div>`;
}

function ColorChoice({ fields, value }) {
  return html`<label class="field"><span>Colour by</span><select class="select" value=${value ?? ""} onChange=${(event) => change({ color: event.target.value || undefined })}>
    <option value="">nothing</option>${fields.map(({ path, title }) => html`<option key=${path} value=${path}>${title}</option>`)}</select></label>`;
}

/** A text whose state is the URL's: `name` there. Names follow every letter; words wait for the return key. */
function Words({ parameters, name, label, placeholder, live, icon }) {
  const value = textOf(parameters, name, 512);
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const put = (next, options) => change({ [name]: next.trim() || undefined }, options);
  const input = (event) => {
    setText(event.target.value);
    if (live) put(event.target.value, { replace: true });
  };
  const submit = (event) => {
    event.preventDefault();
    put(text);
  };
  return html`<form class="field" onSubmit=${submit}><label for=${`map-${name}`}>${label}</label>
    <span class="map-words"><${Icon} name=${icon} /><input class="input" id=${`map-${name}`} type="search" value=${live ? value : text} placeholder=${placeholder}
      maxlength="512" autocomplete="off" onInput=${input} onSearch=${(event) => event.target.value === "" && put("")} /></span></form>`;
}

/** maps: the groups of each map; all have the same, and a count for each map. */
function Legend({ maps }) {
  if (maps.length === 0) return null;
  const countsOf = (i) => maps.map(({ legend }) => grouped(legend[i]?.count ?? 0)).join(" · ");
  return html`<ul class="map-legend" aria-label="Legend">${maps[0].legend.map((group, i) => html`<li key=${group.title}>
    <${Mark} group=${group} />${group.title}<span class="faint number">${countsOf(i)}</span></li>`)}</ul>`;
}

/** The pictures nearest to words: Map of a point's number to {rank, cosine}. */
async function ranksOf(collection, words, points, signal) {
  const query = { words, k: k_nearest, candidates: 100, size: k_nearest, mode: "vectors", boost: 1 };
  const { hits } = await searchCollection(collection, query, { signal });
  return new Map(hits.map((hit) => [points.placeOf.get(hit.id), { rank: hit.rank, cosine: hit.cosine }]).filter(([point]) => point !== undefined));
}

/** Numbers of the points whose name has `text` in it, or undefined. */
function matchesOf({ names }, text) {
  if (!text) return undefined;
  const wanted = text.toLowerCase();
  const found = new Set();
  names.forEach((name, i) => { if (name.toLowerCase().includes(wanted)) found.add(i); });
  return found;
}

/** What was looked for, and what was found; "" if nothing was. */
function saidOf(shown, words, near) {
  const names = shown.matches && `${grouped(shown.matches.size)} names match`;
  const nearest = words && (near.loading ? "searching" : near.data && `the ${near.data.size} nearest to “${words}” are numbered`);
  return [names, nearest].filter(Boolean).join(" · ");
}

function countOf({ ids, total }, { description }) {
  return `${grouped(ids.length)}${total > ids.length ? ` of ${grouped(total)}` : ""} pictures · ${description}`;
}

function Waiting({ collection }) {
  return html`<div class="map-frame card skeleton map-waiting" aria-busy="true"><p class="soft">Placing the pictures of ${collection.title}</p></div>`;
}

/** The map of one collection with what belongs to it. */
function ModelMap({ collection, looked, onLook, color, name, words, dots, all, onValues, onLegend }) {
  const { data: points, error, loading } = useAnswer((signal) => loadProjection(collection, signal), [collection.id]);
  const grouped = useAnswer(points && color ? (signal) => valuesOf(collection, color, points, signal) : undefined, [collection.id, color]);
  const near = useAnswer(points && words ? (signal) => ranksOf(collection, words, points, signal) : undefined, [collection.id, words]);
  const kept = useRef(); // the groups before, until the new ones are there
  const groups = useMemo(() => {
    if (!points) return undefined;
    if (!color || grouped.error) kept.current = plainGroups(points);
    else if (grouped.data) kept.current = { ...groupsOf(grouped.data, all.includes(grouped.data) ? all : [grouped.data]), field: color };
    return kept.current?.of.length === points.ids.length ? kept.current : plainGroups(points);
  }, [points, color, grouped.data, grouped.error, all]);
  const shown = useMemo(() => ({ pictures: !dots, matches: points && matchesOf(points, name), ranks: near.data ?? new Map() }), [points, dots, name, near.data]);
  useEffect(() => onValues(grouped.data), [grouped.data]);
  useEffect(() => onLegend(groups), [groups]);
  const open = (id) => openDocument({ index: collection.index, id, field: collection.pictureField });
  if (loading) return html`<section class="map-column"><h2>${collection.title}</h2><${Waiting} collection=${collection} /></section>`;
  if (error) {
    return html`<section class="map-column"><h2>${collection.title}</h2><${Failure} title=${`No map of ${collection.index}`} error=${error}>
      <${Button} onClick=${() => dispatchEvent(new Event("sightline:map-again"))}>Try again<//><//></section>`;
  }
  if (!points || points.ids.length === 0) {
    return html`<section class="map-column"><h2>${collection.title}</h2><${Empty} icon="map" title="No pictures to place">
      <p>The index <code>${collection.index}</code> has no vectors in <code>${collection.field}</code> yet: load pictures with sightline-ingest.</p><//></section>`;
  }
  return html`<section class="map-column">
    <div class="row spread map-title"><h2>${collection.title}</h2><p class="faint small" role="status">${saidOf(shown, words, near) || countOf(points, collection)}</p></div>
    ${near.error && html`<${Failure} title="The search for these words failed" error=${near.error} />`}
    ${grouped.error && html`<${Failure} title="The values for the colours cannot be read" error=${grouped.error} />`}
    <${MapFrame} collection=${collection} points=${points} groups=${groups} shown=${shown} looked=${looked} onLook=${onLook} onOpen=${open} />
    <${PictureList} collection=${collection} points=${points} groups=${groups} shown=${shown} onOpen=${open} />
  </section>`;
}

/** A number that grows when a map is to be asked for again. */
function useAgain() {
  const [number, setNumber] = useState(0);
  useEffect(() => {
    const again = () => setNumber((now) => now + 1);
    for (const name of ["sightline:map-again", "sightline:credentials"]) addEventListener(name, again);
    return () => { for (const name of ["sightline:map-again", "sightline:credentials"]) removeEventListener(name, again); };
  }, []);
  return number;
}

export function MapTab({ parameters, installation }) {
  const { collections } = installation;
  const [looked, setLooked] = useState();
  const [values, setValues] = useState({}); // of the field that colours, by collection
  const [legends, setLegends] = useState({});
  const again = useAgain();
  const chosen = chosenOf(parameters, collections);
  const found = chosen.map((one) => values[one.id]).filter(Boolean);
  const all = useMemo(() => found, [chosen.length, ...found]);
  if (collections.length === 0) {
    return html`<${Empty} icon="map" title="No pictures to map">${installation.elasticsearchError
      ? html`<p>The Elasticsearch side does not answer: ${installation.elasticsearchError.message}</p>`
      : html`<p>A map shows the vectors of an index. Register the endpoints with <code>scripts/register_endpoints.sh</code>, then load pictures with <code>sightline-ingest</code>.</p>`}
      <${Button} icon="refresh" onClick=${installation.reload}>Refresh<//><//>`;
  }
  const fields = groupingFields(chosen[0]);
  const color = fields.find(({ path }) => path === parameters.get("color"))?.path;
  const dots = parameters.get("dots") === "1";
  const colored = chosen.map((one) => legends[one.id]).filter((groups) => groups?.field === color);
  const settings = { looked, all, color, dots, name: textOf(parameters, "name", 512).trim(), words: textOf(parameters, "words", 512).trim(), onLook: setLooked };
  return html`<div class="stack">
    <div class="map-settings">
      <${ModelChoice} collections=${collections} chosen=${chosen} />
      <${Words} parameters=${parameters} name="words" label="Nearest to words" placeholder="a red house at night" icon="search" />
      <${Words} parameters=${parameters} name="name" label="Name contains" placeholder="0001" icon="tag" live />
      <${ColorChoice} fields=${fields} value=${color} />
      <label class="check"><input type="checkbox" checked=${!dots} onChange=${(event) => change({ dots: event.target.checked ? undefined : "1" })} />Pictures</label>
    </div>
    <${Legend} maps=${color ? colored : []} />
    <div class=${`maps maps-${chosen.length}`}>${chosen.map((one) => html`<${ModelMap} key=${`${one.id} ${again}`} collection=${one} ...${settings}
      onValues=${(list) => setValues((before) => ({ ...before, [one.id]: list }))} onLegend=${(groups) => setLegends((all) => ({ ...all, [one.id]: groups }))} />`)}</div>
    <p class="faint small">Pictures with similar vectors are close together. Only neighbourhoods have a meaning: directions and large distances have none.</p>
  </div>`;
}
