// Adds picture files to indices, through the pipelines of these, as sightline-ingest does: the SHA-256 of the bytes is the _id, and
// what an index holds already stays as it is.
import { base64Of, refusalOf } from "../pictures/take.js";
import { sha256 } from "../pictures/sha256.js";
import { bulk, elasticsearch } from "../server/elasticsearch.js";
import { innermostReason } from "../server/request.js";
import { sourceOf } from "./query.js";

const k_batch_pictures = 4;
const k_batch_bytes = 4e6; // of base64
const k_in_flight = 2;
const k_attempts = 8;
const k_bulk_timeout = 180000; // ms

const isTransient = (status) => status === 0 || status === 429 || status === 502 || status === 503 || status === 504;

/** A pause that `signal` ends early. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

/** Half a second, doubled up to 30 s, as sightline-ingest waits. */
const pauseAfter = (attempt) => Math.min(500 * 2 ** attempt, 30000);

/**
 * One run. files: [{file, name}]; targets: collections, one for each index; limits: of GET /v1/page. State members: steps (files times
 * targets) and done of them; added, present (were there already), failures [{name, index, reason}]; phase: "running", "paused",
 * "finished" or "cancelled". `onChange()` is called whenever one of them changes. start() resolves at the end.
 */
export class Adding {
  #abort = new AbortController();
  #resume = undefined; // while paused: {promise, go}
  #busy = new Set();

  constructor({ files, targets, limits = {} }, onChange) {
    this.files = files;
    this.targets = targets;
    this.limits = limits;
    this.onChange = onChange;
    this.steps = files.length * targets.length;
    this.done = 0;
    this.added = 0;
    this.present = 0;
    this.failures = [];
    this.waiting = ""; // why nothing moves
    this.phase = "running";
  }

  async start() {
    let batch = [];
    for (const entry of this.files) {
      if (!(await this.#mayGoOn())) break;
      const picture = await this.#prepare(entry);
      if (!picture) continue;
      if (batch.length > 0 && (batch.length >= k_batch_pictures || bytesOf(batch) + picture.data.length > k_batch_bytes)) {
        await this.#send(batch);
        batch = [];
      }
      batch.push(picture);
    }
    if (batch.length > 0 && (await this.#mayGoOn())) await this.#send(batch);
    await Promise.all(this.#busy);
    await this.#refresh();
    if (this.phase !== "cancelled") this.#be("finished");
  }

  pause() {
    if (this.phase !== "running") return;
    let go;
    const promise = new Promise((resolve) => { go = resolve; });
    this.#resume = { promise, go };
    this.#be("paused");
  }

  resume() {
    this.#resume?.go();
    this.#resume = undefined;
    if (this.phase === "paused") this.#be("running");
  }

  cancel() {
    this.#be("cancelled");
    this.#abort.abort();
    this.#resume?.go();
  }

  #be(phase) {
    this.phase = phase;
    this.onChange();
  }

  async #mayGoOn() {
    await this.#resume?.promise;
    return !this.#abort.signal.aborted;
  }

  #fail(picture, index, reason) {
    this.failures.push({ name: picture.name, index, reason });
    this.done += 1;
    this.onChange();
  }

  /** {name, id, data} of a file that is a picture; what is not is a failure for each index. */
  async #prepare({ file, name }) {
    const fail = (reason) => this.targets.forEach(({ index }) => this.#fail({ name }, index, reason));
    try {
      const refusal = await refusalOf(file, "", this.limits.image_bytes);
      if (refusal) return void fail(refusal);
      const bytes = new Uint8Array(await file.arrayBuffer());
      return { name, id: await sha256(bytes), data: base64Of(bytes) };
    } catch (error) {
      return void fail(`The file cannot be read: ${error.message}`);
    }
  }

  /** Sends a batch to each index, k_in_flight at a time, and returns as soon as the next one may be prepared. */
  async #send(batch) {
    for (const target of this.targets) {
      if (!(await this.#mayGoOn())) return;
      const work = this.#sendTo(target, batch).finally(() => this.#busy.delete(work));
      this.#busy.add(work);
      while (this.#busy.size >= k_in_flight) await Promise.race(this.#busy);
    }
  }

  /** Calls `ask` until it succeeds, with pauses where the cluster is busy. undefined if it was cancelled. */
  async #patiently(ask) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await ask();
      } catch (error) {
        if (this.#abort.signal.aborted) return undefined;
        if (!isTransient(error.status) || attempt + 1 >= k_attempts) throw error;
        await this.#wait(attempt, error.message);
        if (this.#abort.signal.aborted) return undefined;
      }
    }
  }

  async #wait(attempt, reason) {
    const time = pauseAfter(attempt);
    this.waiting = `Waiting ${time / 1000} s: ${reason}`;
    this.onChange();
    await pause(time, this.#abort.signal);
    this.waiting = "";
  }

  async #sendTo(target, batch) {
    try {
      const missing = await this.#withoutPresent(target, batch);
      await this.#create(target, missing, 0);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      const left = batch.filter((picture) => !picture.ended?.has(target.index));
      left.forEach((picture) => this.#fail(this.#end(picture, target), target.index, error.message));
    }
  }

  /** Marks a picture as dealt with for an index. */
  #end(picture, { index }) {
    picture.ended = (picture.ended ?? new Set()).add(index);
    return picture;
  }

  #count(picture, target, member) {
    this.#end(picture, target);
    this[member] += 1;
    this.done += 1;
    this.onChange();
  }

  async #withoutPresent(target, batch) {
    const path = `${encodeURIComponent(target.index)}/_mget?_source=false`;
    const body = { ids: batch.map((picture) => picture.id) };
    const answer = await this.#patiently(() => elasticsearch(path, { method: "POST", body, signal: this.#abort.signal }));
    if (!answer) return [];
    const there = new Set(answer.data.docs.filter((one) => one.found).map((one) => one._id));
    batch.filter((picture) => there.has(picture.id)).forEach((picture) => this.#count(picture, target, "present"));
    return batch.filter((picture) => !there.has(picture.id));
  }

  /** Sends `create` actions. What is refused for load is sent again; a bulk that is too large is halved. */
  async #create(target, batch, attempt) {
    if (batch.length === 0) return;
    const lines = batch.flatMap(({ id, name, data }) => [
      { create: { _index: target.index, _id: id } },
      sourceOf({ [target.nameField ?? "image_name"]: name, [target.pictureField]: data }),
    ]);
    let answer;
    try {
      answer = await this.#patiently(() => bulk(lines, { signal: this.#abort.signal, timeout: k_bulk_timeout }));
    } catch (error) {
      if (error.status !== 413 || batch.length === 1) throw error;
      const half = Math.ceil(batch.length / 2);
      await this.#create(target, batch.slice(0, half), attempt);
      return this.#create(target, batch.slice(half), attempt);
    }
    if (!answer) return undefined;
    const again = this.#readItems(target, batch, answer.data.items, attempt + 1 >= k_attempts);
    if (again.length === 0) return undefined;
    await this.#wait(attempt, "the cluster is busy");
    return this.#abort.signal.aborted ? undefined : this.#create(target, again, attempt + 1);
  }

  /** Counts what a bulk's items say; gives the pictures to be sent again. */
  #readItems(target, batch, items, isLast) {
    return batch.filter((picture, at) => {
      const { status, error } = Object.values(items[at])[0];
      if (!error) this.#count(picture, target, "added");
      else if (status === 409) this.#count(picture, target, "present");
      else if (isTransient(status) && !isLast) return true;
      else this.#fail(this.#end(picture, target), target.index, innermostReason(error) || `status ${status}`);
      return false;
    });
  }

  /** Makes the new documents visible to searches at once; without the privilege they are within a second. */
  async #refresh() {
    if (this.added === 0) return;
    const indices = this.targets.map(({ index }) => encodeURIComponent(index)).join(",");
    await elasticsearch(`${indices}/_refresh`, { method: "POST" }).catch(() => {});
  }
}

const bytesOf = (batch) => batch.reduce((sum, picture) => sum + picture.data.length, 0);
