// Requests to this origin: one place for credentials, time limits and errors.
import { credentialHeaders } from "./credentials.js";
import { parseExact } from "./exact_json.js";

/** What went wrong with a request, in words for the user. */
export class RequestError extends Error {
  constructor({ status, type = "", code = "", reason, path }) {
    super(reason);
    this.name = "RequestError";
    this.status = status; // 0: no answer
    this.type = type;
    this.code = code; // of Sightline's own routes
    this.path = path;
  }
  /** The cluster, not Sightline, asks for credentials. */
  get isClusterRefusal() { return (this.status === 401 || this.status === 403) && this.type === "security_exception"; }
  /** Sightline asks for a key. A provider behind an endpoint, such as Cohere, also answers 401: no key of Sightline helps there. */
  get isKeyRefusal() { return this.status === 401 && (this.type === "sightline_key_exception" || this.code === "unauthorized"); }
}

/** What an inference server answered stands at the end of Elasticsearch's sentence about it: it comes first, that behind. */
function causeFirst(reason) {
  const [, around, answer] = /^(.*?)\.?\s*Error message: \[(.*)\]\.?$/s.exec(reason) ?? [];
  if (!answer) return reason;
  let cause = answer;
  try { cause = JSON.parse(answer).error.message ?? answer; } catch { /* not JSON, or of another shape: as it is */ }
  return `${cause} (${around})`;
}

/** The innermost reason of Elasticsearch's error object; "" if it has none. */
export function innermostReason(error) {
  let inner = error;
  while (inner?.caused_by?.reason) inner = inner.caused_by;
  return causeFirst(inner?.reason || error?.root_cause?.[0]?.reason || "");
}

/** A RequestError of an error answer: Elasticsearch's shape, Sightline's, Cohere's, or a bare text. */
export function errorOf(status, path, text) {
  let body;
  try { body = JSON.parse(text); } catch { body = undefined; }
  const error = body?.error;
  let reason = typeof error === "string" ? error : error?.message || innermostReason(error) || body?.message || "";
  if (!reason) reason = text && text.length < 300 && !text.startsWith("<") ? text : `the server answered ${status}`;
  return new RequestError({ status, path, type: error?.type ?? "", code: error?.code ?? "", reason });
}

/** True if a browser would leave steps of the path out: "." and ".." are none of its names, however they are written. */
const hasSteps = (path) => path.split("?")[0].split("/").some((part) => /^(\.|%2e){1,2}$/i.test(part));

/**
 * Sends a request and gives the answer as it is, whatever its status: {status, ok, contentType, warning, text, bytes,
 * milliseconds}; milliseconds from sending to the last byte. Options as request() has them, and `accept`.
 * Throws RequestError without an answer; an AbortError if `signal` aborts.
 */
export async function exchange(path, options = {}) {
  const { method = "GET", body, contentType = "application/json", accept = "application/json", signal, timeout = 60000, trial } = options;
  if (hasSteps(path)) throw new RequestError({ status: 400, path, reason: 'nothing can have the name "." or ".."' });
  const headers = { Accept: accept, ...credentialHeaders(path, trial) };
  if (body !== undefined) headers["Content-Type"] = contentType;
  const limit = AbortSignal.timeout(timeout);
  const start = performance.now();
  let response, content;
  try {
    response = await fetch(path, {
      method, headers, credentials: "omit", cache: "no-store",
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    content = await response.arrayBuffer();
  } catch (error) {
    if (signal?.aborted) throw error;
    if (!limit.aborted) dispatchEvent(new Event("sightline:unreachable"));
    const seconds = Math.round(timeout / 1000);
    const reason = limit.aborted ? `no answer within ${seconds} s` : "the server does not answer: is sightline-server running?";
    throw new RequestError({ status: 0, path, reason });
  }
  const milliseconds = performance.now() - start;
  const text = new TextDecoder().decode(content);
  const { status, ok, headers: fields } = response;
  if (!ok && !trial) askForCredentials(errorOf(status, path, text));
  return { status, ok, contentType: fields.get("Content-Type") ?? "", warning: fields.get("Warning") ?? "", text, bytes: content.byteLength, milliseconds };
}

function askForCredentials(error) {
  if (error.isKeyRefusal) dispatchEvent(new Event("sightline:key-needed"));
  if (error.isClusterRefusal) dispatchEvent(new Event("sightline:cluster-credentials-needed"));
}

/**
 * Sends a request and reads a JSON answer.
 * options: method, body (sent as JSON; a string as it is), contentType, signal, timeout (ms, default 60,000),
 * trial (credentials to try instead of the kept ones, see credentialHeaders: a refusal then goes to the caller alone),
 * exact: numbers that JavaScript would change are given as texts (see parseExact).
 * Gives {data, milliseconds}: from sending to the last byte. Throws RequestError; an AbortError if `signal` aborts.
 */
export async function request(path, { exact = false, ...options } = {}) {
  const { status, ok, text, milliseconds } = await exchange(path, options);
  if (!ok) throw errorOf(status, path, text);
  if (text === "") return { data: undefined, milliseconds };
  try {
    return { data: exact ? parseExact(text) : JSON.parse(text), milliseconds };
  } catch {
    throw new RequestError({ status, path, reason: "the answer is not JSON" });
  }
}
