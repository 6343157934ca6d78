// The hits of one search as a list of any length, of which pages are fetched where they are looked at.
//
// Up to index.max_result_window (10,000) a page is fetched by `from`. Beyond, Elasticsearch wants a point in time and
// `search_after`: the sort values of the hit before a page. Those of far pages are found by steps of 10,000 hits without content.
import { elasticsearch } from "../server/elasticsearch.js";
import { nameOf, sortOf, versionOf } from "./query.js";

const k_page = 100; // hits in a page
const k_window = 10000; // index.max_result_window, as it is by default
const k_kept_pages = 120;
const k_in_flight = 2;
const k_keep_alive = "5m";

const closePit = (id) => { elasticsearch("_pit", { method: "DELETE", body: { id } }).catch(() => {}); };

/**
 * One list. Members: total (undefined until known), error. `onChange()` is called whenever something arrived.
 * 1. start() asks for the first page and the total. 2. want(first, last) says what is in sight; pages of it are fetched, two at a
 * time, and none that was scrolled past. 3. hit(i) gives {id, name, version}, or undefined while it is on its way. 4. reload()
 * asks anew, and shows what was there until then. 5. close() at the end.
 */
export class Listing {
  #pages = new Map();
  #stale = new Map();
  #cursors = new Map();
  #loading = new Map();
  #wanted = [0, 0];
  #abort = new AbortController();
  #generation = 0;
  #pit = undefined;
  #opening = undefined;

  /** clauses: queries that all hits fulfil; sort: {field, order}. */
  constructor(collection, { clauses, sort }, onChange) {
    this.collection = collection;
    this.clauses = clauses;
    this.sort = sort;
    this.onChange = onChange;
    this.total = undefined;
    this.error = undefined;
  }

  hit(at) {
    const page = Math.floor(at / k_page);
    return (this.#pages.get(page) ?? this.#stale.get(page))?.[at % k_page];
  }

  /** The place of a document among those that were fetched; -1 if it is not there. */
  placeOf(id) {
    for (const [page, hits] of this.#pages) {
      const at = hits.findIndex((hit) => hit.id === id);
      if (at >= 0) return page * k_page + at;
    }
    return -1;
  }

  /** The hit at a place, fetched if need be; undefined if there is none. */
  async fetch(at) {
    if (at < 0 || at >= (this.total ?? 0)) return undefined;
    if (!this.hit(at)) await this.#load(Math.floor(at / k_page));
    return this.hit(at);
  }

  async start() {
    const generation = this.#generation;
    await this.#load(0);
    if (generation !== this.#generation || !(this.total > k_window)) return;
    await this.#openPit().catch((error) => this.#fail(error, generation));
    this.#fill();
  }

  want(first, last) {
    this.#wanted = [first, last];
    this.#fill();
  }

  reload() {
    this.#stop();
    this.#stale = new Map([...this.#stale, ...this.#pages]);
    this.#pages = new Map();
    this.error = undefined;
    this.#abort = new AbortController();
    return this.start().then(() => this.#fill());
  }

  close() {
    this.#stop();
  }

  #stop() {
    this.#generation += 1;
    this.#abort.abort();
    this.#loading.clear();
    this.#cursors.clear();
    if (this.#pit) closePit(this.#pit);
    this.#pit = undefined;
    this.#opening = undefined;
  }

  #fail(error, generation) {
    if (generation !== this.#generation) return;
    this.error = error;
    this.onChange();
  }

  /** Fetches what is wanted and not there, nearest first. */
  #fill() {
    if (this.total === undefined || this.error) return;
    const [first, last] = this.#wanted.map((at) => Math.floor(Math.min(Math.max(at, 0), Math.max(this.total - 1, 0)) / k_page));
    for (let page = first; page <= last && this.#loading.size < k_in_flight; page += 1) {
      if (!this.#pages.has(page) && !this.#loading.has(page)) this.#load(page).then(() => this.#fill());
    }
  }

  #load(page) {
    const going = this.#loading.get(page);
    if (going) return going;
    const generation = this.#generation;
    const work = this.#fetchPage(page).then(
      (hits) => { if (generation === this.#generation) this.#keep(page, hits); },
      (error) => this.#fail(error, generation),
    ).finally(() => { if (generation === this.#generation) this.#loading.delete(page); });
    this.#loading.set(page, work);
    return work;
  }

  #keep(page, hits) {
    this.#pages.set(page, hits.map((hit) => ({ id: hit._id, name: nameOf(hit, this.collection), version: versionOf(hit) })));
    this.#stale.delete(page);
    if (this.#pages.size > k_kept_pages) this.#forgetOne(page);
    this.onChange();
  }

  /** Forgets the page that is farthest from `page`. */
  #forgetOne(page) {
    let farthest = page;
    for (const other of this.#pages.keys()) if (Math.abs(other - page) > Math.abs(farthest - page)) farthest = other;
    this.#pages.delete(farthest);
  }

  async #fetchPage(page) {
    const from = page * k_page;
    try {
      if (from + k_page <= k_window) return await this.#search(page, { from });
      if (!this.#pit) await this.#openPit();
      return await this.#search(page, { search_after: await this.#cursorOf(page) });
    } catch (error) {
      if (error.status !== 404 || !this.#pit) throw error; // it has expired
      this.#pit = undefined;
      this.#cursors.clear();
      await this.#openPit();
      return this.#search(page, from + k_page <= k_window ? { from } : { search_after: await this.#cursorOf(page) });
    }
  }

  /** Opens a point in time, once however many pages ask for it. */
  #openPit() {
    const open = async () => {
      const generation = this.#generation;
      const path = `${encodeURIComponent(this.collection.index)}/_pit?keep_alive=${k_keep_alive}`;
      const { data } = await elasticsearch(path, { method: "POST", signal: this.#abort.signal });
      if (generation === this.#generation) this.#pit = data.id;
      else closePit(data.id);
    };
    this.#opening ??= open().finally(() => { this.#opening = undefined; });
    return this.#opening;
  }

  #body(more) {
    const sort = sortOf(this.collection, this.sort).filter((by) => !this.#pit || !by._doc);
    const body = { track_total_hits: true, query: this.clauses.length > 0 ? { bool: { filter: this.clauses } } : { match_all: {} }, ...more };
    if (!this.#pit) return { ...body, sort };
    const order = sort.length === 0 ? this.sort.order : "asc";
    return { ...body, sort: [...sort, { _shard_doc: { order } }], pit: { id: this.#pit, keep_alive: k_keep_alive } };
  }

  /** The answer to one search. `exact`: its sort values are given back, and Elasticsearch takes texts for numbers there. */
  async #ask(more, filter) {
    const path = this.#pit ? "_search" : `${encodeURIComponent(this.collection.index)}/_search`;
    const parameters = new URLSearchParams();
    if (!this.#pit) parameters.set("preference", "sightline"); // the same copy of a shard for all pages
    if (filter) parameters.set("filter_path", filter);
    const { data } = await elasticsearch(`${path}?${parameters}`, { method: "POST", body: this.#body(more), exact: true, signal: this.#abort.signal });
    if (data.pit_id && this.#pit) this.#pit = data.pit_id;
    return data;
  }

  async #search(page, place) {
    const { nameField } = this.collection;
    const inPit = this.#pit !== undefined; // sort values are those of a point in time, which has one more
    const data = await this.#ask({ size: k_page, seq_no_primary_term: true, _source: nameField ? [nameField] : false, ...place });
    this.total = data.hits.total.value;
    const { hits } = data.hits;
    if (inPit && hits.length === k_page) this.#cursors.set(page + 1, hits.at(-1).sort);
    return hits;
  }

  /** The sort values of the hit before a page. */
  async #cursorOf(page) {
    while (!this.#cursors.has(page)) {
      const near = Math.max(0, ...[...this.#cursors.keys()].filter((other) => other < page));
      const size = Math.min(k_window, (page - near) * k_page);
      const place = near > 0 ? { search_after: this.#cursors.get(near) } : {};
      const data = await this.#ask({ size, _source: false, ...place }, "pit_id,hits.hits.sort");
      const hits = data.hits?.hits ?? [];
      for (let end = k_page; end <= hits.length; end += k_page) this.#cursors.set(near + end / k_page, hits[end - 1].sort);
      if (hits.length < size) break; // the list became shorter
    }
    return this.#cursors.get(page) ?? this.#cursors.get(Math.max(...this.#cursors.keys()));
  }
}
